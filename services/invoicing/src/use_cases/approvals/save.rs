//! Saves approvals.

use crate::{messages, store::approvals};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Approval, Customer, Invoice, InvoiceState};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::{Approval as ApprovalMessage, ApprovalChanged};

/// Saves an approval and emits its event.
pub async fn publish_approval(
    tx: &mut WriteTx,
    this_approval: &Approval,
    customer: Id<Customer>,
) -> Result<ApprovalMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    approvals::save(tx.conn(), &tenant, this_approval, customer).await?;
    let rendered = messages::approvals::approval(&tenant, customer, this_approval);
    tx.emit(
        "approval",
        &this_approval.id.to_string(),
        &ApprovalChanged { approval: Some(rendered.clone()) },
    )
    .await?;
    Ok(rendered)
}

/// Ends the proposals that an invoice, as it stands now, can never take any more.
pub async fn supersede_approvals(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    // While nothing is taken off an open invoice it takes all that was proposed.
    if matches!(invoice.state, InvoiceState::Draft | InvoiceState::Open)
        && invoice.credited.is_zero()
        && invoice.top_up.is_none()
    {
        return Ok(());
    }
    let now = tx.now();
    for mut approval in approvals::waiting_for(tx.conn(), &tx.call().tenant, invoice.id).await? {
        if approval.supersede(invoice, now)? {
            publish_approval(tx, &approval, invoice.customer).await?;
        }
    }
    Ok(())
}
