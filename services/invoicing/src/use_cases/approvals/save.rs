//! Saves approvals.

use crate::{messages, store::approvals};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Approval, Customer};
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
