//! Puts the present business details on a receipt.

use super::read::find_receipt;
use crate::{
    app::App,
    commands::receipts::ReceiptRef,
    messages,
    store::{receipt_versions, series},
    use_cases::invoices::load::find_sides,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{ReceiptVersion, number::CORRECTIONS};
use payterms_proto::invoicing::v1::{CorrectReceiptResponse, ReceiptCorrected};

/// Puts the present details on a receipt as a later version. A receipt never changes: what is
/// locked is the series of corrections.
///
/// # Errors
/// Those of [`ReceiptVersion::correct`], `RESOURCE_NOT_FOUND`.
pub async fn correct_receipt(
    app: &App,
    call: &Call,
    named: &ReceiptRef,
    explanation: &str,
) -> Result<Answer<CorrectReceiptResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut series = series::lock(tx.conn(), &call.tenant, CORRECTIONS).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let receipt = find_receipt(tx.conn(), named).await?;
    let (tenant, customer) = find_sides(&tx, &call.tenant, named.customer).await?;
    let last = receipt_versions::last_of(tx.conn(), &call.tenant, &[receipt.id]).await?.pop();
    let before = last.unwrap_or_else(|| ReceiptVersion::first(&receipt));
    let (id, now, today) = (tx.id(), tx.now(), tx.today());
    let issue = (&mut series, today, explanation.to_owned());
    let version =
        ReceiptVersion::correct(id, (&receipt, &before), (&tenant, &customer), issue, now)?;
    series::save(tx.conn(), &call.tenant, &series).await?;
    receipt_versions::insert(tx.conn(), &call.tenant, &version, receipt.customer).await?;
    let rendered = messages::receipt_versions::receipt_version(&call.tenant, &receipt, &version);
    tx.emit(
        "receipt_version",
        &version.id.to_string(),
        &ReceiptCorrected { receipt_version: Some(rendered.clone()) },
    )
    .await?;
    tx.commit(CorrectReceiptResponse { receipt_version: Some(rendered) }).await
}
