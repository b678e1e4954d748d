//! A payment's steps in the wallet that cannot be declined: reserve, give back, settle.
//!
//! Each is one transaction and answers the same for the same request id. A payment has one hold at
//! most; a release leaves its mark even where nothing was held, so that a hold which comes late is
//! refused.

use super::{create_top_up::wallet_name, expire_lot, open_wallet, recharge};
use crate::{
    App, jobs,
    parse::CustomerRef,
    parse_settlements::{PaymentRef, Settle},
    render, render_payments,
    store::{
        charges, customers, holds, methods, settings, transfers,
        wallets::{self, Locked},
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{Answer, AppError, Call, WriteTx, jobs::schedule, render::money};
use payterms_kernel::{Currency, Id, Money, Refusal};
use payterms_proto::wallet::v1::{
    self as pb, GetPaymentMeansResponse, HoldForPaymentResponse, PaymentHeld, PaymentReleased, PaymentSettled, RecordTransferResponse,
    ReleasePaymentResponse, SettlePaymentResponse, TransferRecorded,
};
use payterms_wallet_domain::{
    ChargeState, Hold, Lot, TransferKind, chargeback,
    settlement::{self, Arrived},
};

/// What a customer can pay with now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn means(app: &App, named: &CustomerRef, currency: Currency) -> Result<GetPaymentMeansResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    customers::find(&conn, &named.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
    let own = methods::of_customer(&conn, &named.tenant, named.customer).await?;
    let wallet = wallets::find_in_currency(&conn, &named.tenant, named.customer, currency).await?;
    let wallet = match wallet {
        Some(wallet) => wallets::find(&conn, &named.tenant, named.customer, wallet.id).await?,
        None => None,
    };
    drop(conn);
    let now = app.db.tenant_now(&named.tenant).await?;
    let available = |taxed| {
        let free = wallet.as_ref().map(|wallet| settlement::available_for(wallet, taxed, now)).transpose()?;
        Ok::<_, AppError>(free.filter(|free| free.is_positive()).unwrap_or_else(|| Money::zero(currency)))
    };
    let name = named.name();
    Ok(GetPaymentMeansResponse {
        available: Some(money(available(false)?)),
        available_for_taxed: Some(money(available(true)?)),
        payment_methods: own.active.iter().map(|method| render_payments::method(&name, method, &own)).collect(),
    })
}

/// Locks the customer's wallet in the payment's currency, opened if there is none yet.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_wallet(tx: &mut WriteTx, named: &PaymentRef) -> Result<Locked, AppError> {
    let (tenant, customer) = (&named.customer.tenant, named.customer.customer);
    let id = if let Some(wallet) = wallets::find_in_currency(tx.conn(), tenant, customer, named.currency).await? {
        wallet.id
    } else {
        customers::find(tx.conn(), tenant, customer).await?.ok_or_else(Refusal::not_found)?;
        open_wallet::open(tx, customer, named.currency).await?.id
    };
    wallets::lock(tx, customer, id).await?.ok_or_else(|| Refusal::not_found().into())
}

/// Reserves credit.
///
/// # Errors
/// Those of [`settlement::hold`], `HOLD_STATE` after a release.
pub async fn hold(app: &App, call: &Call, named: &PaymentRef, what: (Money, bool)) -> Result<Answer<HoldForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(hold) = holds::of_payment(tx.conn(), &call.tenant, named.payment).await? {
        settlement::held_before(&hold, what.0)?;
        return tx.commit(HoldForPaymentResponse {}).await;
    }
    let now = tx.now();
    let hold = match settlement::hold(&mut locked.wallet, tx.ids(), (named.payment, what.0, what.1), now) {
        Err(refusal) if refusal.reason == settlement::REFUSED => {
            // Kept: a driver that comes after this one must get the same answer, though credit has come.
            let grave = settlement::never_held(&locked.wallet, tx.ids(), (named.payment, settlement::REFUSED), now);
            holds::save(&tx, locked.wallet.id, &grave).await?;
            tx.commit_rows().await?;
            return Err(refusal.into());
        }
        asked => asked?,
    };
    let (wallet, rendered) = save(&mut tx, &mut locked, &hold).await?;
    let event = PaymentHeld { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(HoldForPaymentResponse {}).await
}

/// Gives back what is reserved; what is settled stays settled.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn release(app: &App, call: &Call, named: &PaymentRef) -> Result<Answer<ReleasePaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let held = holds::of_payment(tx.conn(), &call.tenant, named.payment).await?;
    let mut hold = held.unwrap_or_else(|| settlement::never_held(&locked.wallet, tx.ids(), (named.payment, ""), now));
    settlement::release(&mut locked.wallet, &mut hold, tx.ids(), now)?;
    let (wallet, rendered) = save(&mut tx, &mut locked, &hold).await?;
    let event = PaymentReleased { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(ReleasePaymentResponse {}).await
}

/// Takes what is reserved, and makes a surplus purchased credit.
///
/// # Errors
/// `HOLD_STATE` for a payment that was released.
pub async fn settle(
    app: &App,
    call: &Call,
    named: &PaymentRef,
    (credit, beyond): Settle,
) -> Result<Answer<SettlePaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut captured = Money::zero(named.currency);
    if credit {
        let held = holds::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let mut hold = held.ok_or_else(|| Refusal::state("HOLD_STATE", "The payment's hold", "MISSING", &[]))?;
        settlement::capture(&mut locked.wallet, &mut hold, tx.ids(), now)?;
        captured = hold.captured;
        holds::save(&tx, locked.wallet.id, &hold).await?;
    }
    let mut surplus = None;
    let made = transfers::has_surplus(tx.conn(), &call.tenant, named.payment).await?;
    if let Some(amount) = beyond.filter(|_| !made) {
        let expires_at = settings::find(tx.conn(), &call.tenant).await?.purchased_expiry(now);
        let id = settlement::surplus(&mut locked.wallet, tx.ids(), (named.payment, amount, expires_at), now)?;
        let charges = charges::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let took = charges.iter().filter(|own| matches!(own.state, ChargeState::Succeeded | ChargeState::ChargedBack));
        let kept = took.map(|own| own.amount).try_fold(captured.minus(amount)?, Money::plus)?;
        chargeback::before_surplus(&mut locked.wallet, tx.ids(), (named.payment, &charges, kept), now)?;
        surplus = bought(&tx, &locked, (Some(id), expires_at)).await?;
    }
    let after = render::wallet(&call.tenant, &locked.wallet, now)?;
    wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
    recharge::mark(&tx, [&locked.wallet]).await?;
    let event = PaymentSettled { wallet: Some(after), payment: named.name(), surplus };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(SettlePaymentResponse {}).await
}

/// Books what arrived by transfer for a payment, once: it pays invoices, or buys credit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn transfer(app: &App, call: &Call, named: &PaymentRef, arrived: Arrived) -> Result<Answer<RecordTransferResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if !transfers::has_any(tx.conn(), &call.tenant, (named.payment, &[TransferKind::BankTransfer, TransferKind::TransferTopUp])).await? {
        let now = tx.now();
        let expires_at = settings::find(tx.conn(), &call.tenant).await?.purchased_expiry(now);
        let lot = settlement::transfer(&mut locked.wallet, tx.ids(), arrived, expires_at, now)?;
        let lot = bought(&tx, &locked, (lot, expires_at)).await?;
        let wallet = Some(render::wallet(&call.tenant, &locked.wallet, now)?);
        wallets::save_many(&tx, std::slice::from_mut(&mut locked)).await?;
        recharge::mark(&tx, [&locked.wallet]).await?;
        let event = TransferRecorded { wallet, payment: named.name(), amount: Some(money(arrived.amount)), lot };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    tx.commit(RecordTransferResponse {}).await
}

/// A lot that a payment made, as the contract shows it; its expiry falls due.
async fn bought(
    tx: &WriteTx,
    locked: &Locked,
    (lot, expires_at): (Option<Id<Lot>>, Option<DateTime<Utc>>),
) -> Result<Option<pb::Lot>, AppError> {
    let Some(id) = lot else { return Ok(None) };
    if let Some(expiry) = expires_at {
        schedule(tx, jobs::EXPIRE_LOT, &format!("{}/{id}", locked.wallet.id), expiry).await?;
    }
    let name = wallet_name(&tx.call().tenant, &locked.wallet);
    Ok(locked.wallet.lots.iter().find(|own| own.id == id).map(|lot| render::lot(&name, lot)))
}

/// Saves a hold with its wallet; what an ended hold has freed is looked at.
async fn save(tx: &mut WriteTx, locked: &mut Locked, hold: &Hold) -> Result<(pb::Wallet, pb::Hold), AppError> {
    let now = tx.now();
    let wallet = render::wallet(&tx.call().tenant, &locked.wallet, now)?;
    let rendered = render::hold(&wallet.name, hold)?;
    expire_lot::schedule_overdue(tx, &locked.wallet, now).await?;
    wallets::save_many(tx, std::slice::from_mut(locked)).await?;
    holds::save(tx, locked.wallet.id, hold).await?;
    recharge::mark(tx, [&locked.wallet]).await?;
    Ok((wallet, rendered))
}
