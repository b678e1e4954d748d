//! Reads holds.

use crate::{
    app::App,
    commands::{holds::HoldRef, wallets::WalletRef},
    messages::holds as messages,
    store::holds,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1 as pb;
use uuid::Uuid;

/// One hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_hold(app: &App, named: &HoldRef) -> Result<pb::GetHoldResponse, AppError> {
    let conn = app.db.read(&named.wallet.tenant).await?;
    find_wallet(&conn, &named.wallet).await?;
    let hold = holds::find(&conn, &named.wallet.tenant, named.wallet.wallet, named.hold)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetHoldResponse { hold: Some(messages::hold(&named.wallet.name(), &hold)?) })
}

/// A page of a wallet's holds, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_holds(
    app: &App,
    named: &WalletRef,
    page: &Page,
) -> Result<pb::ListHoldsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed = holds::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |hold| hold.id.to_string());
    let name = named.name();
    let holds = listed.iter().map(|hold| messages::hold(&name, hold)).collect::<Result<_, _>>()?;
    Ok(pb::ListHoldsResponse { holds, next_page_token })
}
