//! A debit that waits with no other: decided on the wallet as this process saw it last, and kept in one round trip
//! where under the lock the wallet is still that one and the request is new. Everything else goes the way of a batch.

use super::{
    hot::{Command, Item, Own, Rows, posted},
    post_debit,
};
use crate::store::{Asked, AskedBy, changes::Changes, known::Known};
use payterms_chassis::{Answer, AppError, Db, single_call};
use payterms_proto::wallet::v1::PostingsMade;
use serde_json::json;

/// Keeps a debit; none where it is to be decided under the lock.
///
/// # Errors
/// The database's; whether the debit was kept is not known then, but the same request id finds out.
pub async fn post(db: &Db, known: &Known, item: &Item) -> Result<Option<Answer<Vec<u8>>>, AppError> {
    let (Command::Take(take, kind), true) = (&item.command, db.is_postgres()) else { return Ok(None) };
    let (call, tenant) = (&item.call, &item.call.tenant);
    let Some((mut locked, zone)) = known.alone(tenant, take.wallet.wallet) else { return Ok(None) };
    if locked.wallet.customer != take.wallet.customer {
        return Ok(None);
    }
    let (before, now) = (locked.wallet.clone(), db.clock().now());
    let mut ids = db.ids_of_single_call(call, now);
    let mut own = Own { tenant, name: take.wallet.name(), wallet: locked.wallet, hold: None, ids: &mut ids, now };
    // What is refused here may be allowed by what others have done since.
    let Ok(decided) = post_debit::decide(&mut own, take, *kind) else { return Ok(None) };
    let Rows::Transfer(transfer, None) = decided.rows else { return Ok(None) };
    locked.wallet = own.wallet;
    let told = PostingsMade { wallets: posted(tenant, &locked).into_iter().collect() };
    let asked = AskedBy::from([(transfer, Asked::by(call))]);
    let changes = Changes::of(tenant, zone, std::slice::from_mut(&mut locked), &asked)?.alone(tenant, &before)?;
    let Some(mut given) = changes else { return Ok(None) };
    let teller = item.key().teller(db.writer_id()).to_string();
    given.insert("request_id".to_owned(), json!(call.request_id));
    given.insert("time_zone".to_owned(), json!(zone.name()));
    given.insert("event".to_owned(), single_call::event(&mut ids, ("postings", &teller), &told, now));
    if !db.post_single_call(call, "post_single_call", given.into()).await? {
        return Ok(None);
    }
    known.keep(tenant, locked.wallet, Some(zone));
    Ok(Some(Answer { message: decided.answer, replayed: false, versions: Vec::new() }))
}
