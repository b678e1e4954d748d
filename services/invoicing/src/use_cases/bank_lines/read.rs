//! Reads of bank lines.

use crate::{app::App, messages, store::bank_lines};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{BankLine, bank::LineState};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1::{GetBankLineResponse, ListBankLinesResponse};
use uuid::Uuid;

/// One line.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_bank_line(
    app: &App,
    tenant: &TenantId,
    id: Id<BankLine>,
) -> Result<GetBankLineResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetBankLineResponse { bank_line: Some(messages::bank_lines::bank_line(tenant, &found)) })
}

/// A page of lines, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_bank_lines(
    app: &App,
    tenant: &TenantId,
    state: Option<LineState>,
    page: &Page,
) -> Result<ListBankLinesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = bank_lines::list(&conn, tenant, state, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |bank_line| bank_line.id.to_string());
    Ok(ListBankLinesResponse {
        bank_lines: found
            .iter()
            .map(|each| messages::bank_lines::bank_line(tenant, each))
            .collect(),
        next_page_token,
    })
}
