//! The single-call fast path: a debit that is the only item of its batch is decided on the cached
//! wallet and posted in one round trip. The procedure posts it only if the locked wallet equals the
//! cached one and the request is new. Otherwise the batch decides it.

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

/// Posts a debit; `None` if the batch has to decide it under the lock.
///
/// # Errors
/// `Store` if the call fails. Whether the debit was posted is unknown then; the batch finds out by
/// its request id.
pub async fn try_single_call(
    db: &Db,
    cache: &LotCache,
    item: &BatchItem,
) -> Result<Option<Answer<Vec<u8>>>, AppError> {
    let (BatchCommand::Take(take, kind), true) = (&item.command, db.is_postgres()) else {
        return Ok(None);
    };
    let call = &item.call;
    let tenant = &call.tenant;
    let Some((mut locked, zone)) = cache.for_single_call(tenant, take.wallet.wallet) else {
        return Ok(None);
    };
    if locked.wallet.customer != take.wallet.customer {
        return Ok(None);
    }
    let before = locked.wallet.clone();
    let now = db.clock().now();
    let mut ids = db.ids_of_single_call(call, now);
    let mut draft = Draft {
        tenant,
        name: take.wallet.name(),
        wallet: locked.wallet,
        hold: None,
        ids: &mut ids,
        now,
    };
    // A refusal on cached state is not final: other processes may have added credit since.
    let Ok(decision) = post_debit_or_fee(&mut draft, take, *kind) else { return Ok(None) };
    let RequestRow::Transfer(transfer, None) = decision.row else { return Ok(None) };
    locked.wallet = draft.wallet;
    let event = PostingsMade { wallets: posted_wallet(tenant, &locked).into_iter().collect() };
    let requests = RequestsByTransfer::from([(transfer, RequestStamp::of(call))]);
    let changed = std::slice::from_mut(&mut locked);
    let accrued = accrue(zone, None, changed)?;
    let changes = Changes::of(tenant, changed, &accrued.sums, &requests)?;
    // The first debit of a month schedules the closing of the month, which the procedure cannot do.
    if !accrued.closings.is_empty() {
        return Ok(None);
    }
    let Some(mut input) = changes.single_call_input(tenant, &before)? else { return Ok(None) };
    let writer = item.key().event_stream(db.writer_id()).to_string();
    input.insert("request_id".to_owned(), json!(call.request_id));
    input.insert("time_zone".to_owned(), json!(zone.name()));
    input
        .insert("event".to_owned(), single_call::event(&mut ids, "postings", &writer, &event, now));
    if !db.post_single_call(call, "post_single_call", input.into()).await? {
        return Ok(None);
    }
    cache.insert(tenant, locked.wallet, Some(zone));
    Ok(Some(Answer { message: decision.answer, replayed: false, versions: Vec::new() }))
}
