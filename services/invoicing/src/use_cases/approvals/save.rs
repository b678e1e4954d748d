//! Saves approvals.

use crate::{messages, store::approvals};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Approval, Customer, Invoice, InvoiceState};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::{Approval as ApprovalMessage, ApprovalChanged};

/// Saves an approval and emits its event.
pub async fn publish_approval(tx: &mut WriteTx, (own, customer): (&Approval, Id<Customer>)) -> Result<ApprovalMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    approvals::save(tx.conn(), &tenant, (own, customer)).await?;
    let rendered = messages::approvals::approval(&tenant, customer, own);
    tx.emit("approval", &own.id.to_string(), &ApprovalChanged { approval: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

/// Ends the proposals that an invoice, as it stands now, can never take any more.
pub async fn supersede_approvals(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    // While nothing is taken off an open invoice it takes all that was proposed.
    if matches!(invoice.state, InvoiceState::Draft | InvoiceState::Open) && invoice.credited.is_zero() && invoice.top_up.is_none() {
        return Ok(());
    }
    let now = tx.now();
    for mut own in approvals::waiting_for(tx.conn(), &tx.call().tenant, invoice.id).await? {
        if own.supersede(invoice, now)? {
            publish_approval(tx, (&own, invoice.customer)).await?;
        }
    }
    Ok(())
}
