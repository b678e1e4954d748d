//! Records uses, and lists them.

use super::hot::{Decided, Own};
use crate::{App, parse::WalletRef, parse_usage, render, store::usage};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Id, TenantId};
use payterms_proto::wallet::v1::{ListUsageRecordsResponse, RecordUsageResponse, UsageRecord as UsageMessage, UsageRecorded};
use payterms_wallet_domain::{
    UsageRecord, Wallet,
    usage::{self as domain, Use},
};
use prost::{Message, Name};

/// Records one use; the uses of a wallet are told together, by [`told`].
///
/// # Errors
/// Those of [`domain::record`].
pub fn decide(own: &mut Own<'_>, used: &Use) -> Result<Decided, AppError> {
    let record = domain::record(&mut own.wallet, own.ids, used.clone(), own.now)?;
    let message = parse_usage::render(&own.name, &record);
    let answer = RecordUsageResponse { usage_record: Some(message.clone()) };
    Ok(Decided { answer: answer.encode_to_vec(), event: None, used: Some((record, message)) })
}

/// The event of all uses of a wallet in one transaction.
///
/// # Errors
/// None that stored amounts can cause.
pub fn told(
    tenant: &TenantId,
    wallet: &Wallet,
    used: Vec<(UsageRecord, UsageMessage)>,
    now: DateTime<Utc>,
) -> Result<(Id<Wallet>, String, Vec<u8>), AppError> {
    let usage_records = used.into_iter().map(|(_, message)| message).collect();
    let event = UsageRecorded { wallet: Some(render::wallet(tenant, wallet, now)?), usage_records };
    Ok((wallet.id, UsageRecorded::full_name(), event.encode_to_vec()))
}

/// A page of a wallet's records, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &WalletRef, page: &Page, product: &str) -> Result<ListUsageRecordsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let mut listed = usage::list(&conn, &named.tenant, named.wallet, (product, before), page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut listed, |record| record.sequence.to_string());
    let name = named.name();
    Ok(ListUsageRecordsResponse {
        usage_records: listed.iter().map(|record| parse_usage::render(&name, record)).collect(),
        next_page_token,
    })
}
