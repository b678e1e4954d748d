//! The reads: no locks, no writes, one read transaction each.

use crate::{
    App,
    parse::{AsOf, HoldRef, WalletRef},
    render,
    store::{entries, holds, lots, wallets},
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Customer, Lot, Wallet};
use uuid::Uuid;

pub(super) async fn found<C: sea_orm::ConnectionTrait>(conn: &C, named: &WalletRef) -> Result<Wallet, AppError> {
    let wallet = wallets::find(conn, &named.tenant, named.customer, named.wallet).await?;
    wallet.ok_or_else(|| Refusal::not_found().into())
}

/// One wallet with its balance now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn wallet(app: &App, named: &WalletRef) -> Result<pb::GetWalletResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let wallet = found(&conn, named).await?;
    drop(conn);
    let now = app.db.tenant_now(&named.tenant).await?;
    Ok(pb::GetWalletResponse { wallet: Some(render::wallet(&named.tenant, &wallet, now)?) })
}

/// A page of a customer's wallets.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn wallets(app: &App, tenant: &TenantId, customer: Id<Customer>, page: &Page) -> Result<pb::ListWalletsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = wallets::list(&conn, tenant, customer, after, page.reads()).await?;
    drop(conn);
    let now = app.db.tenant_now(tenant).await?;
    let next_page_token = app.pages.cut(page, &mut found, |wallet| wallet.id.to_string());
    let wallets = found.iter().map(|wallet| render::wallet(tenant, wallet, now)).collect::<Result<_, _>>()?;
    Ok(pb::ListWalletsResponse { wallets, next_page_token })
}

/// The balance now or at a past instant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn balance(app: &App, named: &WalletRef, as_of: AsOf) -> Result<pb::GetBalanceResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let wallet = found(&conn, named).await?;
    let balance = match as_of {
        AsOf::Now => {
            drop(conn);
            render::balance(&wallet, app.db.tenant_now(&named.tenant).await?)?
        }
        AsOf::Recorded(at) => {
            let last = entries::last_recorded(&conn, &named.tenant, wallet.id, at).await?;
            let (sequence, posted) = last.unwrap_or((0, payterms_kernel::Money::zero(wallet.currency)));
            render::past_balance(posted, sequence, at)
        }
        AsOf::Effective(at) => {
            let (sequence, posted) = entries::effective_sum(&conn, &named.tenant, &wallet, at).await?;
            render::past_balance(posted, sequence, at)
        }
    };
    Ok(pb::GetBalanceResponse { balance: Some(balance) })
}

/// A page of a wallet's history, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn entries(app: &App, named: &WalletRef, page: &Page) -> Result<pb::ListEntriesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    found(&conn, named).await?;
    let mut lines = entries::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut lines, |line| line.sequence.to_string());
    let name = named.name();
    Ok(pb::ListEntriesResponse { entries: lines.iter().map(|line| render::entry(&name, line)).collect(), next_page_token })
}

/// A page of a wallet's lots: live ones in debit order, then used-up ones, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn lots(app: &App, named: &WalletRef, page: &Page) -> Result<pb::ListLotsResponse, AppError> {
    let cursor = app.pages.read(&page.list, &page.token)?;
    let conn = app.db.read(&named.tenant).await?;
    let wallet = found(&conn, named).await?;
    let used_after = cursor.as_deref().and_then(|cursor| cursor.strip_prefix("used:")).and_then(|sequence| sequence.parse().ok());
    let skip: usize = cursor.as_deref().and_then(|cursor| cursor.strip_prefix("live:")).and_then(|count| count.parse().ok()).unwrap_or(0);
    let size = page.size as usize;
    let mut found: Vec<Lot> = Vec::new();
    if used_after.is_none() {
        found.extend(wallet.lots.iter().skip(skip).take(size + 1).cloned());
    }
    let live = found.len();
    if live <= size {
        let want = u64::from(page.size) + 1 - live as u64;
        found.extend(lots::used_up(&conn, &named.tenant, named.wallet, used_after.unwrap_or(0), want).await?);
    }
    let next_page_token = app.pages.cut(page, &mut found, |last| match live {
        live if live >= size => format!("live:{}", skip + size),
        _ => format!("used:{}", last.sequence),
    });
    let name = named.name();
    Ok(pb::ListLotsResponse { lots: found.iter().map(|lot| render::lot(&name, lot)).collect(), next_page_token })
}

/// One hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn hold(app: &App, named: &HoldRef) -> Result<pb::GetHoldResponse, AppError> {
    let conn = app.db.read(&named.wallet.tenant).await?;
    found(&conn, &named.wallet).await?;
    let hold = holds::find(&conn, &named.wallet.tenant, named.wallet.wallet, named.hold).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetHoldResponse { hold: Some(render::hold(&named.wallet.name(), &hold)?) })
}

/// A page of a wallet's holds, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn holds(app: &App, named: &WalletRef, page: &Page) -> Result<pb::ListHoldsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&named.tenant).await?;
    found(&conn, named).await?;
    let mut found = holds::list(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |hold| hold.id.to_string());
    let name = named.name();
    let holds = found.iter().map(|hold| render::hold(&name, hold)).collect::<Result<_, _>>()?;
    Ok(pb::ListHoldsResponse { holds, next_page_token })
}
