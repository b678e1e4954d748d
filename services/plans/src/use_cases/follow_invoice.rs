//! Follows what is paid and credited of invoices that plans cover.

use super::{News, move_plan, publish};
use crate::{
    invoicing::figures,
    store::{covered, plans},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_proto::invoicing::v1::Invoice as Told;

/// The event of an invoice: the instalments of its plans are brought in line, and edges that follow are taken.
///
/// # Errors
/// The database's.
pub async fn run(tx: &mut WriteTx, told: &Told) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (invoice, known) = figures(told)?;
    for id in covered::plans_of(tx.conn(), &tenant, invoice).await? {
        let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { continue };
        if !plan.state.is_followed() && plan.moving.is_none() {
            continue;
        }
        let (zone, now) = (tx.time().zone, tx.now());
        if !plan.follow(invoice, known, now)? {
            continue;
        }
        let rested = plan.moving.is_none();
        // Announcements and tries are for the job, which is due for them.
        plan.judge(zone, now)?;
        if rested && plan.moving.is_some() {
            move_plan::leave(tx, id.uuid()).await?;
        }
        if plan.state == payterms_plans_domain::PlanState::Pending {
            plans::save(tx.conn(), &tenant, &plan).await?;
        } else {
            publish(tx, &mut plan, News::default()).await?;
        }
    }
    Ok(())
}
