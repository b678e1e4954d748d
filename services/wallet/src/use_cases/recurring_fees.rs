//! Recurring fees: taken at their start, then each month by a due row; and the list of fees.

use super::{locked, recharge};
use crate::{
    App, fee_messages as messages, jobs,
    parse::WalletRef,
    render,
    store::{
        fees,
        wallets::{self, Locked},
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, cancel as cancel_due, schedule, take},
    names,
    page::Page,
};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{day_in, start_of_day},
};
use payterms_proto::wallet::v1::{
    CancelRecurringFeeResponse, CreateRecurringFeeResponse, FeePosted, ListFeesResponse, ListRecurringFeesResponse, RecurringFeeChanged,
};
use payterms_wallet_domain::RecurringFee;
use uuid::Uuid;

/// Begins a fee and takes it once.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`, `RESOURCE_NOT_FOUND`.
pub async fn create(
    app: &App,
    call: &Call,
    named: &WalletRef,
    (amount, description): (Money, &str),
) -> Result<Answer<CreateRecurringFeeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let mut fee = RecurringFee::begin(tx.id(), &own.wallet, (amount, description.to_owned()), today, now)?;
    take_once(&mut tx, &mut own, &mut fee).await?;
    tx.commit(CreateRecurringFeeResponse { recurring_fee: Some(messages::recurring(&named.name(), &fee)) }).await
}

/// Takes a fee, saves all, and schedules the next month.
async fn take_once(tx: &mut WriteTx, own: &mut Locked, fee: &mut RecurringFee) -> Result<(), AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    let (posting, taken) = fee.take(&mut own.wallet, tx.ids(), now)?;
    let after = render::wallet(&tenant, &own.wallet, now)?;
    let event = FeePosted { posting: Some(render::posting(&after.name, &posting)), wallet: Some(after) };
    wallets::save_many(tx, std::slice::from_mut(own)).await?;
    fees::insert_many(tx, &[taken]).await?;
    recharge::mark(tx, [&own.wallet]).await?;
    tx.emit("wallet", &own.wallet.id.to_string(), &event).await?;
    publish(tx, own, fee).await
}

async fn publish(tx: &mut WriteTx, own: &Locked, fee: &RecurringFee) -> Result<(), AppError> {
    fees::save(tx, fee).await?;
    let subject = fee.id.to_string();
    match fee.next_on() {
        Some(day) => schedule(tx, jobs::TAKE_FEE, &subject, start_of_day(tx.time().zone, day)).await?,
        None => cancel_due(tx, jobs::TAKE_FEE, &subject).await?,
    }
    let wallet = super::create_top_up::wallet_name(&tx.call().tenant, &own.wallet);
    let event = RecurringFeeChanged { recurring_fee: Some(messages::recurring(&wallet, fee)) };
    tx.emit("recurring_fee", &subject, &event).await
}

/// A month has passed: the fee is taken again.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("fee {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(found) = fees::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    let Some(mut own) = wallets::lock_many(&tx, &[found.wallet]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // As it is under the wallet's lock.
    let Some(mut fee) = fees::find(tx.conn(), &row.tenant, found.id).await?.filter(|fee| !fee.cancelled) else {
        return tx.commit_rows().await;
    };
    take_once(&mut tx, &mut own, &mut fee).await?;
    tx.commit_rows().await
}

/// Ends a fee.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn cancel(
    app: &App,
    call: &Call,
    named: &WalletRef,
    id: Id<RecurringFee>,
) -> Result<Answer<CancelRecurringFeeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let own = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = fees::find(tx.conn(), &call.tenant, id).await?.filter(|fee| fee.wallet == named.wallet);
    let mut fee = found.ok_or_else(Refusal::not_found)?;
    fee.cancel(tx.now());
    publish(&mut tx, &own, &fee).await?;
    tx.commit(CancelRecurringFeeResponse { recurring_fee: Some(messages::recurring(&named.name(), &fee)) }).await
}

/// A page of a wallet's recurring fees, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &WalletRef, page: &Page) -> Result<ListRecurringFeesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let mut found = fees::list(&conn, &named.tenant, named.wallet, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |fee| fee.id.to_string());
    let name = named.name();
    Ok(ListRecurringFeesResponse { recurring_fees: found.iter().map(|fee| messages::recurring(&name, fee)).collect(), next_page_token })
}

/// A page of the fees that were taken, newest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_taken(app: &App, named: &WalletRef, page: &Page) -> Result<ListFeesResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(i64::MAX);
    let conn = app.db.read(&named.tenant).await?;
    super::read::found(&conn, named).await?;
    let mut found = fees::taken(&conn, &named.tenant, named.wallet, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |fee| fee.sequence.to_string());
    let name = named.name();
    Ok(ListFeesResponse { fees: found.iter().map(|fee| messages::taken(&name, fee)).collect(), next_page_token })
}
