//! Reads lots.

use crate::{
    app::App, commands::wallets::WalletRef, messages::lots as messages, store::lots,
    use_cases::wallets::load::find_wallet,
};
use payterms_chassis::{AppError, page::Page};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::Lot;

/// A page of a wallet's lots: live ones in debit order, then used-up ones, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_lots(
    app: &App,
    named: &WalletRef,
    page: &Page,
) -> Result<pb::ListLotsResponse, AppError> {
    let cursor = app.pages.read(&page.list, &page.token)?;
    let conn = app.db.read(&named.tenant).await?;
    let wallet = find_wallet(&conn, named).await?;
    let used_after = cursor
        .as_deref()
        .and_then(|cursor| cursor.strip_prefix("used:"))
        .and_then(|sequence| sequence.parse().ok());
    let skip: usize = cursor
        .as_deref()
        .and_then(|cursor| cursor.strip_prefix("live:"))
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    let size = page.size as usize;
    let mut listed: Vec<Lot> = Vec::new();
    if used_after.is_none() {
        listed.extend(wallet.lots.iter().skip(skip).take(size + 1).cloned());
    }
    let live = listed.len();
    if live <= size {
        let missing = u64::from(page.size) + 1 - live as u64;
        listed.extend(
            lots::used_up(&conn, &named.tenant, named.wallet, used_after.unwrap_or(0), missing)
                .await?,
        );
    }
    let next_page_token = app.pages.cut(page, &mut listed, |last| match live {
        live if live >= size => format!("live:{}", skip + size),
        _ => format!("used:{}", last.sequence),
    });
    let name = named.name();
    Ok(pb::ListLotsResponse {
        lots: listed.iter().map(|lot| messages::lot(&name, lot)).collect(),
        next_page_token,
    })
}
