//! Resumes a payment whose card took its time.

use super::drive;
use crate::{app::App, store::payments};
use payterms_chassis::{
    AppError, WriteTx,
    error::not_yet,
    jobs::{DueRow, take},
    names,
};
use payterms_invoicing_domain::PaymentState;
use payterms_kernel::{Id, Reason};
use std::time::Duration;

/// Resumes a payment whose card took its time; the subject is the payment's id.
pub const JOB: &str = "go_on_with_payment";

/// How often it is looked whether a payment's driver has gone, before a due row waits for another
/// turn.
const PATIENCE: u32 = 40;

/// Drives a payment again after its card has taken its time.
///
/// # Errors
/// While the payment's driver is still at work, the row stays due.
pub async fn resume_payment(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("payment {:?}", row.subject)));
    };
    let call = row.call("invoicing", id);
    // The news may come before the driver has recorded that the payment waits.
    for _ in 0..PATIENCE {
        let tx = app.db.begin_forward(&call).await?;
        if !app.flows.is_open(&tx, drive::FLOW, id).await? {
            break;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tx = app.db.begin_forward(&call).await?;
    let Some(payment) = payments::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    if app.flows.is_open(&tx, drive::FLOW, id).await? {
        return Err(not_yet(Reason::UNAVAILABLE, "The payment's driver is still at work."));
    }
    if !take(&tx, row).await? {
        return Ok(());
    }
    let lease = match payment.state {
        PaymentState::Processing => Some(app.flows.open(&tx, drive::FLOW, id).await?),
        _ => None,
    };
    tx.commit_rows().await?;
    if let Some(lease) = lease {
        app.flows.spawn(lease);
    }
    Ok(())
}

/// A charge has ended: its payment is resumed where it waited.
pub async fn enqueue_resume(tx: &WriteTx, payment: &str) -> Result<(), AppError> {
    let id = payment
        .rsplit('/')
        .next()
        .and_then(names::uuid)
        .ok_or_else(|| AppError::Fault(format!("payment {payment:?}")))?;
    let found = payments::find(tx.conn(), &tx.call().tenant, Id::from_uuid(id)).await?;
    if found.is_some_and(|payment| payment.state == PaymentState::Processing) {
        payterms_chassis::jobs::schedule_once(tx, JOB, &id.to_string(), tx.now()).await?;
    }
    Ok(())
}
