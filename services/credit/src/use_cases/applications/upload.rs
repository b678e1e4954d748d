//! A bank statement is uploaded; one that is there already changes nothing.

use super::{load::lock_application, save::publish_application};
use crate::{
    app::App,
    bank_files::{account_count, booking_count, read_bank_file},
    commands::{applications::UploadStatement, bank_files::BankFile},
    messages::bank_files::finding,
    store::bank_files,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::UploadBankStatementResponse;
use sha2::{Digest, Sha256};

/// Takes a file in; one that is there already changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `TOO_MANY_ITEMS`, `BANK_FILE_INVALID`.
pub async fn upload_bank_statement(
    app: &App,
    call: &Call,
    upload: &UploadStatement,
) -> Result<Answer<UploadBankStatementResponse>, AppError> {
    let today = app.db.tenant_today(&call.tenant).await?;
    let read = read_bank_file(&call.tenant, &upload.content, &upload.reading, today)?;
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, &upload.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let file = BankFile {
        sha256: hex::encode(Sha256::digest(&upload.content)),
        title: upload.title.clone(),
        content: upload.content.clone(),
        reading: upload.reading.clone(),
        format: read.format.to_owned(),
        findings: read.findings.clone(),
        finding_count: i64::try_from(read.finding_count).unwrap_or(i64::MAX),
        linked: false,
        accounts: account_count(&read.statements),
        bookings: booking_count(&read.statements),
        at: now,
    };
    let mut after = application.clone();
    after.upload(now)?;
    if bank_files::insert(tx.conn(), &call.tenant, application.id, &file).await? {
        application = after;
    }
    let credit_application = Some(publish_application(&mut tx, (&application, &programme), upload.application.as_customer).await?);
    let findings = read.findings.iter().map(finding).collect();
    tx.commit(UploadBankStatementResponse { credit_application, findings }).await
}
