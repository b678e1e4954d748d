//! Reads recurring fees, and the fees that were taken.

use crate::{
    app::App, commands::wallets::WalletRef, messages::fees as messages, store::fees,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_proto::wallet::v1::{ListFeesResponse, ListRecurringFeesResponse};
use uuid::Uuid;

/// A page of a wallet's recurring fees, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_recurring_fees(
    app: &App,
    named: &WalletRef,
    page: &Page,
) -> Result<ListRecurringFeesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed = fees::list(&conn, &named.tenant, named.wallet, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |fee| fee.id.to_string());
    let name = named.name();
    Ok(ListRecurringFeesResponse {
        recurring_fees: listed.iter().map(|fee| messages::recurring_fee(&name, fee)).collect(),
        next_page_token,
    })
}

/// A page of the fees that were taken, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_fees(
    app: &App,
    named: &WalletRef,
    page: &Page,
) -> Result<ListFeesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed =
        fees::list_taken(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |fee| fee.sequence.to_string());
    let name = named.name();
    Ok(ListFeesResponse {
        fees: listed.iter().map(|fee| messages::fee(&name, fee)).collect(),
        next_page_token,
    })
}
