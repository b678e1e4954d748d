//! What would be read of a file, before anything is.

use super::load::find_application;
use crate::{
    app::App,
    bank_files::read_bank_file,
    commands::applications::DescribeFile,
    messages::bank_files::{attachment_description, description},
};
use payterms_chassis::AppError;
use payterms_credit_domain::AttachmentFormat;
use payterms_proto::credit::v1::DescribeBankFileResponse;

/// What would be read of a file; nothing changes.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `BANK_FILE_INVALID`.
pub async fn describe_bank_file(
    app: &App,
    file: &DescribeFile,
) -> Result<DescribeBankFileResponse, AppError> {
    let tenant = &file.application.tenant;
    let conn = app.db.read(tenant).await?;
    find_application(&conn, &file.application).await?;
    drop(conn);
    if let Some(format) = AttachmentFormat::of(&file.content) {
        return Ok(attachment_description(format));
    }
    let today = app.db.tenant_today(tenant).await?;
    Ok(description(&read_bank_file(tenant, &file.content, &file.reading, today)?))
}
