//! Follows payments and credit notes of the invoices that plans cover.

use super::{
    collect,
    save::{EventDetails, publish_plan},
    switch_blocks::enqueue_block_switch,
};
use crate::{
    messages::invoicing::figures,
    store::{covered_invoices, plans},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_proto::invoicing::v1::Invoice as InvoiceMessage;

/// Handles the event of an invoice: the instalments of its plans are worked out again, and the
/// plans evaluated.
pub async fn follow_invoice(tx: &mut WriteTx, message: &InvoiceMessage) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (invoice, figures) = figures(message)?;
    for id in covered_invoices::plans_of(tx.conn(), &tenant, invoice).await? {
        let Some(mut plan) = plans::lock(tx.conn(), &tenant, id).await? else { continue };
        if !plan.state.is_followed() && plan.pending_transition.is_none() {
            continue;
        }
        let (zone, now) = (tx.time().zone, tx.now());
        if !plan.follow(invoice, &figures, now)? {
            continue;
        }
        // A flow that is open records its own result with these amounts, whichever comes first: so
        // it evaluates and publishes them. That of the blocks always does both.
        if plan.pending_transition.is_some() || collect::wake_open_flow(tx, &plan).await? {
            plans::save(tx.conn(), &tenant, &plan).await?;
            continue;
        }
        // Only changes of state are applied here. Announcements and attempts are left to the job,
        // which is scheduled when the plan is saved.
        plan.evaluate(zone, now)?;
        if plan.pending_transition.is_some() {
            enqueue_block_switch(tx, id.uuid()).await?;
        }
        publish_plan(tx, &mut plan, EventDetails::default()).await?;
    }
    Ok(())
}
