//! Reads top-ups.

use crate::{
    app::App,
    commands::{top_ups::TopUpRef, wallets::WalletRef},
    messages::{top_up_refunds as refund_messages, top_ups as messages},
    store::{top_up_refunds, top_ups},
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{TopUp, TopUpRefund};
use uuid::Uuid;

/// One top-up.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_top_up(app: &App, named: &WalletRef, id: Id<TopUp>) -> Result<pb::GetTopUpResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let top_up = top_ups::find(&conn, &named.tenant, id).await?.filter(|top_up| top_up.wallet == named.wallet);
    Ok(pb::GetTopUpResponse { top_up: Some(messages::top_up(&named.name(), &top_up.ok_or_else(Refusal::not_found)?)?) })
}

/// A page of a wallet's top-ups, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_top_ups(app: &App, named: &WalletRef, page: &Page) -> Result<pb::ListTopUpsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let mut listed = top_ups::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |top_up| top_up.id.to_string());
    let name = named.name();
    let top_ups = listed.iter().map(|top_up| messages::top_up(&name, top_up)).collect::<Result<_, _>>()?;
    Ok(pb::ListTopUpsResponse { top_ups, next_page_token })
}

/// One refund.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_top_up_refund(app: &App, named: &TopUpRef, id: Id<TopUpRefund>) -> Result<pb::GetTopUpRefundResponse, AppError> {
    let tenant = &named.wallet.tenant;
    let conn = app.db.read(tenant).await?;
    find_wallet(&conn, &named.wallet).await?;
    let refund = top_up_refunds::find(&conn, tenant, id).await?;
    let refund =
        refund.filter(|refund| refund.top_up == named.top_up && refund.wallet == named.wallet.wallet).ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTopUpRefundResponse { top_up_refund: Some(refund_messages::top_up_refund(&named.wallet.name(), &refund)?) })
}

/// A page of a top-up's refunds, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_top_up_refunds(app: &App, named: &TopUpRef, page: &Page) -> Result<pb::ListTopUpRefundsResponse, AppError> {
    let tenant = &named.wallet.tenant;
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    find_wallet(&conn, &named.wallet).await?;
    top_ups::find(&conn, tenant, named.top_up).await?.filter(|own| own.wallet == named.wallet.wallet).ok_or_else(Refusal::not_found)?;
    let mut listed = top_up_refunds::list(&conn, tenant, named.top_up, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |refund| refund.id.to_string());
    let name = named.wallet.name();
    let top_up_refunds = listed.iter().map(|refund| refund_messages::top_up_refund(&name, refund)).collect::<Result<_, _>>()?;
    Ok(pb::ListTopUpRefundsResponse { top_up_refunds, next_page_token })
}
