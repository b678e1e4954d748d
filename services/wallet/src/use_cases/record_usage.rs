//! Records uses, one or many in one transaction: load many, decide each, save many. Each use
//! fails alone.

use super::recharge;
use crate::{
    App,
    parse::WalletRef,
    parse_usage::{self, Item},
    render,
    store::{
        usage,
        wallets::{self, Locked},
    },
};
use payterms_chassis::{Answer, AppError, WriteTx, batch, page::Page};
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1::{ListUsageRecordsResponse, RecordUsageResponse, UsageRecorded};
use payterms_wallet_domain::{UsageRecord, Wallet, usage as domain};
use prost::Message;
use std::collections::{BTreeMap, HashMap};

/// Uses in one transaction.
pub const BATCH: usize = 500;

/// What became of one use.
pub type Outcome = Result<Answer<RecordUsageResponse>, AppError>;

/// Records one use.
///
/// # Errors
/// Those of [`domain::record`], and `RESOURCE_NOT_FOUND`.
pub async fn run(app: &App, item: &Item) -> Outcome {
    let mut outcomes = run_many(app, std::slice::from_ref(item)).await?;
    outcomes.pop().unwrap_or_else(|| Err(AppError::Fault("no outcome of a batch of one".to_owned())))
}

/// Records the uses of one tenant, in their order.
///
/// # Errors
/// The database's: then none is recorded.
pub async fn run_many(app: &App, items: &[Item]) -> Result<Vec<Outcome>, AppError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let mut tx = app.db.begin(&first.call).await?;
    let mut ids: Vec<_> = items.iter().map(|item| item.wallet.wallet).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut locked = wallets::lock_many(&tx, &ids).await?;
    let places: HashMap<_, _> = locked.iter().enumerate().map(|(place, own)| (own.wallet.id, place)).collect();
    let calls: Vec<_> = items.iter().map(|item| &item.call).collect();
    let mut answered = batch::seen(&tx, &calls).await?;
    let (mut outcomes, mut fresh, mut records) = (Vec::with_capacity(items.len()), Vec::new(), Vec::new());
    for item in items {
        if let Some((hash, answer)) = answered.get(&item.call.request_id) {
            outcomes.push(replay(item, hash, answer));
            continue;
        }
        let own = places.get(&item.wallet.wallet).and_then(|place| locked.get_mut(*place));
        let record = decide(&mut tx, own.filter(|own| own.wallet.customer == item.wallet.customer), item);
        outcomes.push(record.map(|record| {
            let message = RecordUsageResponse { usage_record: Some(parse_usage::render(&item.wallet.name(), &record)) };
            let bytes = message.encode_to_vec();
            answered.insert(item.call.request_id, (item.call.input_hash.clone(), bytes.clone()));
            fresh.push((&item.call, bytes));
            records.push((item.wallet.wallet, record));
            Answer { message, replayed: false, versions: Vec::new() }
        }));
    }
    if let Some((call, _)) = fresh.first() {
        // An id is answered once, so no other batch has this cause.
        tx.ids_from(&format!("batch/{}", call.request_id));
        batch::answer(&tx, fresh).await?;
        save(&mut tx, &mut locked, &records).await?;
    }
    tx.commit_rows().await?;
    Ok(outcomes)
}

fn replay(item: &Item, hash: &[u8], answer: &[u8]) -> Outcome {
    if hash != item.call.input_hash {
        let message = "This request id has been used with other content. Use a fresh one for a new request.";
        return Err(Refusal::precondition("REQUEST_ID_REUSED", message).with("request_id", item.call.request_id).into());
    }
    Ok(Answer::replay(RecordUsageResponse::decode(answer)?))
}

/// Decides one use; a refused one leaves the wallet as it was.
fn decide(tx: &mut WriteTx, own: Option<&mut Locked>, item: &Item) -> Result<UsageRecord, AppError> {
    let own = own.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    tx.ids_from(&item.call.request_id.to_string());
    let mut after = own.wallet.clone();
    let record = domain::record(&mut after, tx.ids(), item.used.clone(), now)?;
    own.wallet = after;
    Ok(record)
}

async fn save(tx: &mut WriteTx, locked: &mut [Locked], records: &[(Id<Wallet>, UsageRecord)]) -> Result<(), AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    wallets::save_many(tx, locked).await?;
    usage::insert_many(tx.conn(), &tenant, records).await?;
    let mut by_wallet: BTreeMap<Id<Wallet>, Vec<_>> = BTreeMap::new();
    for (wallet, record) in records {
        by_wallet.entry(*wallet).or_default().push(record);
    }
    for own in locked.iter() {
        let Some(records) = by_wallet.get(&own.wallet.id) else { continue };
        let wallet = render::wallet(&tenant, &own.wallet, now)?;
        let usage_records = records.iter().map(|record| parse_usage::render(&wallet.name, record)).collect();
        tx.emit("wallet", &own.wallet.id.to_string(), &UsageRecorded { wallet: Some(wallet), usage_records }).await?;
    }
    recharge::mark(tx, locked.iter().map(|own| &own.wallet)).await
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
