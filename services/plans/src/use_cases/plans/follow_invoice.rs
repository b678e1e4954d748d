//! Follows what is paid and credited of invoices that plans cover.

use super::{
    save::{EventDetails, publish_plan},
    switch_blocks::enqueue_block_switch,
};
use crate::{
    messages::invoicing::figures,
    store::{covered_invoices, plans},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_plans_domain::PlanState;
use payterms_proto::invoicing::v1::Invoice as InvoiceMessage;

/// The event of an invoice: the instalments of its plans are brought in line, and edges that follow are taken.
pub async fn follow_invoice(tx: &mut WriteTx, message: &InvoiceMessage) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (invoice, figures) = figures(message)?;
    for id in covered_invoices::plans_of(tx.conn(), &tenant, invoice).await? {
        let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { continue };
        if !plan.state.is_followed() && plan.pending_transition.is_none() {
            continue;
        }
        let (zone, now) = (tx.time().zone, tx.now());
        if !plan.follow(invoice, figures, now)? {
            continue;
        }
        let rested = plan.pending_transition.is_none();
        // Announcements and tries are for the job, which is due for them.
        plan.evaluate(zone, now)?;
        if rested && plan.pending_transition.is_some() {
            enqueue_block_switch(tx, id.uuid()).await?;
        }
        if plan.state == PlanState::Pending {
            plans::save(tx.conn(), &tenant, &plan).await?;
        } else {
            publish_plan(tx, &mut plan, EventDetails::default()).await?;
        }
    }
    Ok(())
}
