//! Follows the collection method of a customer.

use super::save::{EventDetails, publish_plan};
use crate::store::{collection_waits, plans};
use chrono::{Days, TimeDelta};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Id;
use payterms_plans_domain::{Customer, on_time::undecided};
use payterms_proto::wallet::v1::PaymentMethodsChanged;

/// Days after which what waited is tried where its dispute is lost: by then the customer knows.
const NOTICE_OF_LOSS: u64 = 2;

/// Another method became the collection method: it is tried once, a day later, for each plan whose
/// collection has stopped (docs/domain/invoicing.md#new-method).
pub async fn follow_method(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    changed: &PaymentMethodsChanged,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    for mut plan in plans::lock_stopped(tx.conn(), &tenant, customer).await? {
        if plan.try_new_method(now + TimeDelta::days(1), today, now)? {
            let collection_method = collection_method(changed);
            publish_plan(
                tx,
                &mut plan,
                EventDetails {
                    tries_new_method: true,
                    collection_method,
                    ..EventDetails::default()
                },
            )
            .await?;
        }
    }
    Ok(())
}

/// A dispute has taken the only method, or that is over: instalments wait, or go on, and their
/// customers are told (docs/domain/plans.md#waits-for-dispute).
pub async fn follow_waits(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    changed: &PaymentMethodsChanged,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let known = collection_waits::of_customers(tx.conn(), &tenant, &[customer.uuid()])
        .await?
        .remove(&customer.uuid());
    let (waited, waits) = (known == Some(undecided()), !changed.collection_waits_for.is_empty());
    if waits == waited {
        return Ok(());
    }
    let method = collection_method(changed);
    let has_method = !method.is_empty();
    let notice = if has_method { 1 } else { NOTICE_OF_LOSS };
    let day = if waits {
        undecided()
    } else {
        today.checked_add_days(Days::new(notice)).unwrap_or(today)
    };
    collection_waits::save(tx, customer, day).await?;
    for mut plan in plans::lock_collected(tx.conn(), &tenant, customer).await? {
        let is_due = plan.resume_from(day, !waits && !has_method, now)?;
        plan.evaluate(tx.time().zone, now)?;
        let resumes_on = Some(day).filter(|_| is_due && !waits);
        let collection_method = resumes_on.map(|_| method.clone()).unwrap_or_default();
        publish_plan(
            tx,
            &mut plan,
            EventDetails { resumes_on, collection_method, ..EventDetails::default() },
        )
        .await?;
    }
    Ok(())
}

/// The name of the method that is charged without a person present; empty: none is.
fn collection_method(changed: &PaymentMethodsChanged) -> String {
    let chosen =
        changed.payment_methods.iter().find(|payment_method| payment_method.collection_method);
    chosen.map(|payment_method| payment_method.name.clone()).unwrap_or_default()
}
