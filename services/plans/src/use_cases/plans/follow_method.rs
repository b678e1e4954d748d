//! Follows the collection method of a customer.

use super::save::{EventDetails, publish_plan};
use crate::store::plans;
use chrono::TimeDelta;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Id;
use payterms_plans_domain::Customer;

/// Another method became the collection method: it is tried once, a day later, for each plan whose collection has stopped
/// (docs/domain/invoicing.md#new-method).
pub async fn follow_method(tx: &mut WriteTx, customer: Id<Customer>) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    for mut plan in plans::lock_stopped(tx.conn(), &tenant, customer).await? {
        if plan.try_new_method(now + TimeDelta::days(1), today, now)? {
            publish_plan(tx, &mut plan, EventDetails { tries_new_method: true, ..EventDetails::default() }).await?;
        }
    }
    Ok(())
}
