//! Reads top-ups.

use crate::{
    app::App,
    commands::{
        top_ups::TopUpRef,
        wallets::{ListOfWallets, WalletRef, wallet_name},
    },
    messages::{top_up_refunds as refund_messages, top_ups as messages},
    store::{top_up_refunds, top_ups, wallets},
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
pub async fn get_top_up(
    app: &App,
    named: &WalletRef,
    id: Id<TopUp>,
) -> Result<pb::GetTopUpResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    find_wallet(&conn, named).await?;
    let top_up = top_ups::find(&conn, &named.tenant, id)
        .await?
        .filter(|top_up| top_up.wallet == named.wallet);
    Ok(pb::GetTopUpResponse {
        top_up: Some(messages::top_up(&named.name(), &top_up.ok_or_else(Refusal::not_found)?)?),
    })
}

/// A page of top-ups: into a wallet, or into all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_top_ups(
    app: &App,
    list: &ListOfWallets,
) -> Result<pb::ListTopUpsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    if let Some(wallet) = list.one_wallet() {
        find_wallet(&conn, &wallet).await?;
    }
    let mut listed =
        top_ups::list(&conn, tenant, list.customer, list.wallet, listing, after).await?;
    let next_page_token = app.pages.cut(&listing.page, &mut listed, |top_up| {
        top_ups::position(top_up, listing.order).to_string()
    });
    let mut ids: Vec<_> = listed.iter().map(|top_up| top_up.wallet).collect();
    ids.sort_unstable();
    ids.dedup();
    let owners = wallets::owners(&conn, tenant, &ids).await?;
    let rendered = listed.iter().filter_map(|top_up| {
        let customer = owners.get(&top_up.wallet)?;
        Some(messages::top_up(&wallet_name(tenant, *customer, top_up.wallet), top_up))
    });
    Ok(pb::ListTopUpsResponse { top_ups: rendered.collect::<Result<_, _>>()?, next_page_token })
}

/// One refund.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_top_up_refund(
    app: &App,
    named: &TopUpRef,
    id: Id<TopUpRefund>,
) -> Result<pb::GetTopUpRefundResponse, AppError> {
    let tenant = &named.wallet.tenant;
    let conn = app.db.read(tenant).await?;
    find_wallet(&conn, &named.wallet).await?;
    let refund = top_up_refunds::find(&conn, tenant, id).await?;
    let refund = refund
        .filter(|refund| refund.top_up == named.top_up && refund.wallet == named.wallet.wallet)
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTopUpRefundResponse {
        top_up_refund: Some(refund_messages::top_up_refund(&named.wallet.name(), &refund)?),
    })
}

/// A page of a top-up's refunds, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_top_up_refunds(
    app: &App,
    named: &TopUpRef,
    page: &Page,
) -> Result<pb::ListTopUpRefundsResponse, AppError> {
    let tenant = &named.wallet.tenant;
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    find_wallet(&conn, &named.wallet).await?;
    top_ups::find(&conn, tenant, named.top_up)
        .await?
        .filter(|top_up| top_up.wallet == named.wallet.wallet)
        .ok_or_else(Refusal::not_found)?;
    let mut listed =
        top_up_refunds::list(&conn, tenant, named.top_up, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |refund| refund.id.to_string());
    let name = named.wallet.name();
    let top_up_refunds = listed
        .iter()
        .map(|refund| refund_messages::top_up_refund(&name, refund))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListTopUpRefundsResponse { top_up_refunds, next_page_token })
}
