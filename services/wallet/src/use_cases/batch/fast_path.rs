//! A debit that waits with no other: decided on the cached wallet, and posted in one round trip where under the lock the
//! wallet is still that one and the request is new. Everything else goes the way of a batch.

use super::{
    decide::{Draft, RequestRow},
    save::posted_wallet,
};
use crate::{
    commands::batch::{BatchCommand, BatchItem},
    store::{RequestStamp, RequestsByTransfer, changes::Changes, lot_cache::LotCache},
    use_cases::{months::accrue::accrue, postings::debit::post_debit_or_fee},
};
use payterms_chassis::{Answer, AppError, Db, single_call};
use payterms_proto::wallet::v1::PostingsMade;
use serde_json::json;

/// Posts a debit; none where it is to be decided under the lock.
///
/// # Errors
/// The database's; whether the debit was posted is not known then, but the same request id finds out.
pub async fn try_single_call(db: &Db, cache: &LotCache, item: &BatchItem) -> Result<Option<Answer<Vec<u8>>>, AppError> {
    let (BatchCommand::Take(take, kind), true) = (&item.command, db.is_postgres()) else { return Ok(None) };
    let (call, tenant) = (&item.call, &item.call.tenant);
    let Some((mut locked, zone)) = cache.for_single_call(tenant, take.wallet.wallet) else { return Ok(None) };
    if locked.wallet.customer != take.wallet.customer {
        return Ok(None);
    }
    let (before, now) = (locked.wallet.clone(), db.clock().now());
    let mut ids = db.ids_of_single_call(call, now);
    let mut draft = Draft { tenant, name: take.wallet.name(), wallet: locked.wallet, hold: None, ids: &mut ids, now };
    // What is refused here may be allowed by what others have done since.
    let Ok(decision) = post_debit_or_fee(&mut draft, take, *kind) else { return Ok(None) };
    let RequestRow::Transfer(transfer, None) = decision.row else { return Ok(None) };
    locked.wallet = draft.wallet;
    let event = PostingsMade { wallets: posted_wallet(tenant, &locked).into_iter().collect() };
    let requests = RequestsByTransfer::from([(transfer, RequestStamp::of(call))]);
    let changed = std::slice::from_mut(&mut locked);
    let accrued = accrue(zone, changed)?;
    let changes = Changes::of(tenant, changed, &accrued.sums, &requests)?;
    // The procedure schedules nothing: the first debit of a month makes a due row.
    if !accrued.closings.is_empty() {
        return Ok(None);
    }
    let Some(mut input) = changes.single_call_input(tenant, &before)? else { return Ok(None) };
    let writer = item.key().event_stream(db.writer_id()).to_string();
    input.insert("request_id".to_owned(), json!(call.request_id));
    input.insert("time_zone".to_owned(), json!(zone.name()));
    input.insert("event".to_owned(), single_call::event(&mut ids, ("postings", &writer), &event, now));
    if !db.post_single_call(call, "post_single_call", input.into()).await? {
        return Ok(None);
    }
    cache.insert(tenant, locked.wallet, Some(zone));
    Ok(Some(Answer { message: decision.answer, replayed: false, versions: Vec::new() }))
}
