//! Reads reversals.

use crate::{
    app::App,
    commands::{reversals::ListReversals, wallets::WalletRef},
    messages::reversals as messages,
    store::reversals,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::AppError;
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::Reversal;
use uuid::Uuid;

/// One reversal.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_reversal(
    app: &App,
    named: &WalletRef,
    id: Id<Reversal>,
) -> Result<pb::GetReversalResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let reversal = reversals::find(&conn, &named.tenant, named.wallet, id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetReversalResponse { reversal: Some(messages::reversal(&named.name(), &reversal)) })
}

/// A page of a wallet's reversals, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_reversals(
    app: &App,
    list: &ListReversals,
) -> Result<pb::ListReversalsResponse, AppError> {
    let (named, page) = (&list.wallet, &list.page);
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed =
        reversals::list(&conn, &named.tenant, named.wallet, list.reversed, before, page.reads())
            .await?;
    let next_page_token = app.pages.cut(page, &mut listed, |reversal| reversal.id.to_string());
    let name = named.name();
    Ok(pb::ListReversalsResponse {
        reversals: listed.iter().map(|each| messages::reversal(&name, each)).collect(),
        next_page_token,
    })
}
