//! Reads revocations.

use crate::{
    app::App,
    commands::{
        revocations::{ListRevocations, RevocationRef},
        wallets::{WalletRef, wallet_name},
    },
    messages::revocations as messages,
    store::{revocations, wallets},
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::AppError;
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1 as pb;
use uuid::Uuid;

/// One revocation.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_revocation(
    app: &App,
    named: &RevocationRef,
) -> Result<pb::GetRevocationResponse, AppError> {
    let wallet = &named.wallet;
    let conn = app.db.read(&wallet.tenant).await?;
    find_wallet(&conn, wallet).await?;
    let this_revocation = revocations::find(&conn, &wallet.tenant, wallet.wallet, named.revocation)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Ok(pb::GetRevocationResponse {
        revocation: Some(messages::revocation(&wallet.name(), &this_revocation)),
    })
}

/// A page of revocations: of a wallet, or of all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_revocations(
    app: &App,
    list: &ListRevocations,
) -> Result<pb::ListRevocationsResponse, AppError> {
    let (tenant, page) = (&list.tenant, &list.page);
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    if let Some((customer, wallet)) = list.customer.zip(list.wallet) {
        find_wallet(&conn, &WalletRef { tenant: tenant.clone(), customer, wallet }).await?;
    }
    let mut listed = revocations::list(
        &conn,
        tenant,
        list.customer,
        list.wallet,
        list.state,
        before,
        page.reads(),
    )
    .await?;
    let next_page_token = app.pages.cut(page, &mut listed, |revocation| revocation.id.to_string());
    let mut ids: Vec<_> = listed.iter().map(|revocation| revocation.wallet).collect();
    ids.sort_unstable();
    ids.dedup();
    let owners = wallets::owners(&conn, tenant, &ids).await?;
    let rendered = listed.iter().filter_map(|each| {
        let customer = owners.get(&each.wallet)?;
        Some(messages::revocation(&wallet_name(tenant, *customer, each.wallet), each))
    });
    Ok(pb::ListRevocationsResponse { revocations: rendered.collect(), next_page_token })
}
