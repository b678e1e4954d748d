//! Tries a collection now, by hand.

use super::schedule::schedule_collections;
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    use_cases::invoices::{load::lock_invoice, save::publish_invoice},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::RetryCollectionResponse;

/// Tries now, by hand.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::retry_collection`], `RESOURCE_NOT_FOUND`.
pub async fn retry_collection(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
) -> Result<Answer<RetryCollectionResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    invoice.retry_collection(tx.now())?;
    schedule_collections(&tx, std::slice::from_ref(&invoice)).await?;
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    tx.commit(RetryCollectionResponse { invoice: Some(rendered) }).await
}
