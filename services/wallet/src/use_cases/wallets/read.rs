//! Reads wallets, balances and history: no locks, no writes, one read transaction each.

use super::load::{find_wallet, names_of, span_of};
use crate::{
    app::App,
    commands::wallets::{AsOf, ListOfWallets, ListWallets, WalletRef},
    messages::wallets as messages,
    store::{entries, entry_lists, wallets},
};
use payterms_chassis::AppError;
use payterms_kernel::Money;
use payterms_proto::wallet::v1 as pb;

/// One wallet with its balance now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_wallet(app: &App, named: &WalletRef) -> Result<pb::GetWalletResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let wallet = find_wallet(&conn, named).await?;
    drop(conn);
    let now = app.db.tenant_now(&named.tenant).await?;
    Ok(pb::GetWalletResponse { wallet: Some(messages::wallet(&named.tenant, &wallet, now)?) })
}

/// A page of wallets.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_wallets(
    app: &App,
    list: &ListWallets,
) -> Result<pb::ListWalletsResponse, AppError> {
    let (tenant, page) = (&list.tenant, &list.listing.page);
    let after = app.pages.cursor(page)?;
    let conn = app.db.read(tenant).await?;
    let mut listed = wallets::list(&conn, tenant, list.customer, &list.listing, after).await?;
    drop(conn);
    let now = app.db.tenant_now(tenant).await?;
    let next_page_token = app
        .pages
        .cut(page, &mut listed, |wallet| wallets::position(wallet, list.listing.order).to_string());
    let wallets = listed
        .iter()
        .map(|wallet| messages::wallet(tenant, wallet, now))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListWalletsResponse { wallets, next_page_token })
}

/// The balance now or at a past instant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_balance(
    app: &App,
    named: &WalletRef,
    as_of: AsOf,
) -> Result<pb::GetBalanceResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let wallet = find_wallet(&conn, named).await?;
    let balance = match as_of {
        AsOf::Now => {
            drop(conn);
            messages::balance(&wallet, app.db.tenant_now(&named.tenant).await?)?
        }
        AsOf::Recorded(at) => {
            let last = entries::last_recorded(&conn, &named.tenant, wallet.id, at).await?;
            let (sequence, posted) = last.unwrap_or((0, Money::zero(wallet.currency)));
            messages::past_balance(posted, sequence, at)
        }
        AsOf::Effective(at) => {
            let (sequence, posted) =
                entries::effective_sum(&conn, &named.tenant, &wallet, at).await?;
            messages::past_balance(posted, sequence, at)
        }
    };
    Ok(pb::GetBalanceResponse { balance: Some(balance) })
}

/// A page of the history of a wallet, of a customer's wallets, or of all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_entries(
    app: &App,
    list: &ListOfWallets,
) -> Result<pb::ListEntriesResponse, AppError> {
    let (tenant, page) = (&list.tenant, &list.listing.page);
    let after = app.pages.cursor(page)?;
    let timed = app.db.ids_have_the_time(tenant).await?;
    let conn = app.db.read(tenant).await?;
    let span = span_of(&conn, list, timed).await?;
    let mut lines = entry_lists::list(&conn, tenant, &span, &list.listing, after).await?;
    let next_page_token = app.pages.cut(page, &mut lines, |line| line.position(&span).to_string());
    let names = names_of(&conn, tenant, lines.iter().map(|line| line.wallet)).await?;
    let entries = lines
        .iter()
        .filter_map(|line| Some(messages::entry(names.get(&line.wallet)?, line)))
        .collect();
    Ok(pb::ListEntriesResponse { entries, next_page_token })
}
