//! Reads postpaid agreements.

use crate::{
    app::App,
    commands::{postpaid::AgreementRef, wallets::WalletRef},
    messages::postpaid as messages,
    store::postpaid,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{GetPostpaidAgreementResponse, ListPostpaidAgreementsResponse};
use uuid::Uuid;

/// One agreement.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_postpaid_agreement(
    app: &App,
    command: &AgreementRef,
) -> Result<GetPostpaidAgreementResponse, AppError> {
    let named = &command.wallet;
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let agreement = postpaid::find(&conn, &named.tenant, named.wallet, command.agreement)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(GetPostpaidAgreementResponse {
        postpaid_agreement: Some(messages::postpaid_agreement(&named.name(), &agreement)),
    })
}

/// A page of a wallet's agreements, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_postpaid_agreements(
    app: &App,
    named: &WalletRef,
    page: &Page,
) -> Result<ListPostpaidAgreementsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed =
        postpaid::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |agreement| agreement.id.to_string());
    let name = named.name();
    Ok(ListPostpaidAgreementsResponse {
        postpaid_agreements: listed
            .iter()
            .map(|agreement| messages::postpaid_agreement(&name, agreement))
            .collect(),
        next_page_token,
    })
}
