//! Gives back a part of what a payment of invoices took: credit at once, a charge by a flow over the
//! provider. What the card does not take becomes credit.

use super::{recharge, settle_payment::lock_wallet};
use crate::{
    App, jobs,
    parse::CustomerRef,
    parse_settlements::{PaymentRef, ToRefund, payment_name},
    provider::RefundOrder,
    render,
    store::{
        charges, entries, methods, refunds, settings, transfers,
        wallets::{self, Locked},
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    jobs::schedule,
    kill,
    render::money,
};
use payterms_kernel::{Id, Refusal, TenantId, id::step_id};
use payterms_proto::wallet::v1::{PaymentRefunded, RefundPaymentResponse};
use payterms_wallet_domain::{
    Charge, ChargeState, Lot, Refund, RefundState, TransferKind,
    refund::{self, Refunded},
};

/// The kind of flow.
pub const FLOW: &str = "payment_refund";

/// Runs the verb.
///
/// # Errors
/// `REFUND_TOO_LARGE`, `RESOURCE_NOT_FOUND`.
pub async fn run(app: &App, call: &Call, named: &PaymentRef, asked: &ToRefund) -> Result<Answer<RefundPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_wallet(&mut tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // It outlives the stored answer: a step that comes again after a month gives nothing back.
    if let Some(made) = refunds::of_step(tx.conn(), &call.tenant, call.request_id).await?
        && made.state != RefundState::Processing
    {
        return Ok(Answer::replay(response(&made)));
    }
    let now = tx.now();
    let charge = charge_of(&tx, &call.tenant, named, asked).await?;
    let mut refund = Refund {
        id: tx.id(),
        step: call.request_id,
        wallet: locked.wallet.id,
        payment: named.payment,
        charge: charge.as_ref().map(|own| own.id),
        state: RefundState::Processing,
        amount: asked.amount,
        provider_refund_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    if charge.is_some_and(|own| own.state == ChargeState::ChargedBack) {
        // The issuer was faster: the money is with the cardholder already, and booked.
        refund.state = RefundState::Returned;
        refunds::save(&tx, &refund).await?;
        return tx.commit(response(&refund)).await;
    }
    if refund.charge.is_some() && !asked.to_credit {
        refunds::save(&tx, &refund).await?;
        let lease = app.flows.open(&tx, FLOW, refund.id.uuid()).await?;
        tx.commit_intent(refund.id.uuid()).await?;
        kill::point("payment_refund.after_intent");
        app.flows.spawn(lease);
        return app.flows.answer(call, false).await;
    }
    // What arrived by transfer, and what deposits paid in a month, has no lots to go back to.
    let kinds = [TransferKind::BankTransfer, TransferKind::MonthClose];
    let lotless = transfers::has_any(tx.conn(), &call.tenant, (named.payment, &kinds)).await?;
    let lots = if refund.charge.is_some() || lotless {
        as_credit(&mut tx, &mut locked, &mut refund).await?
    } else {
        let taken = entries::taken_by(tx.conn(), &call.tenant, named.payment).await?;
        let before = refunds::sum_of(tx.conn(), &call.tenant, named.payment, None, named.currency).await?;
        refund::credit_again(&mut locked.wallet, tx.ids(), &mut refund, (&taken, before), now)?
    };
    publish(&mut tx, &mut locked, &refund, &lots).await?;
    tx.commit(response(&refund)).await
}

fn response(refund: &Refund) -> RefundPaymentResponse {
    RefundPaymentResponse { credited: refund.state == RefundState::Credited }
}

/// The charge that is given back, if that much of it was not given back before.
async fn charge_of(tx: &WriteTx, tenant: &TenantId, named: &PaymentRef, asked: &ToRefund) -> Result<Option<Charge>, AppError> {
    let Some(step) = asked.charge_step else { return Ok(None) };
    let found = charges::of_step(tx.conn(), tenant, step).await?;
    let taken = |own: &Charge| matches!(own.state, ChargeState::Succeeded | ChargeState::ChargedBack);
    let charge = found.filter(|own| own.payment == named.payment && taken(own)).ok_or_else(Refusal::not_found)?;
    let before = refunds::sum_of(tx.conn(), tenant, named.payment, Some(charge.id), named.currency).await?;
    let left = charge.amount.minus(before)?;
    if left.compare(asked.amount)?.is_lt() {
        let message = format!("Only {left} is left of the charge.");
        return Err(Refusal::precondition("REFUND_TOO_LARGE", message).with("left", left.amount()).into());
    }
    Ok(Some(charge))
}

async fn as_credit(tx: &mut WriteTx, locked: &mut Locked, refund: &mut Refund) -> Result<Vec<Id<Lot>>, AppError> {
    let now = tx.now();
    let expires_at = settings::find(tx.conn(), &tx.call().tenant).await?.purchased_expiry(now);
    Ok(vec![refund::as_credit(&mut locked.wallet, tx.ids(), (refund, expires_at), now)?])
}

/// Saves a refund that has ended with its wallet, and tells of it.
async fn publish(tx: &mut WriteTx, locked: &mut Locked, refund: &Refund, lots: &[Id<Lot>]) -> Result<(), AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    refunds::save(tx, refund).await?;
    let after = render::wallet(&tenant, &locked.wallet, now)?;
    let made: Vec<_> = locked.wallet.lots.iter().filter(|lot| lots.contains(&lot.id)).cloned().collect();
    for lot in &made {
        if let Some(expiry) = lot.expires_at {
            schedule(tx, jobs::EXPIRE_LOT, &format!("{}/{}", locked.wallet.id, lot.id), expiry).await?;
        }
    }
    wallets::save_many(tx, std::slice::from_mut(locked)).await?;
    recharge::mark(tx, [&locked.wallet]).await?;
    let customer = CustomerRef { tenant, customer: locked.wallet.customer };
    let event = PaymentRefunded {
        payment: payment_name(&customer, refund.payment),
        amount: Some(money(refund.amount)),
        lots: made.iter().map(|lot| render::lot(&after.name, lot)).collect(),
        wallet: Some(after),
    };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider cannot be asked; the recovery asks again.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let (provider_id, refunded) = ask_provider(app, lease).await?;
    kill::point("payment_refund.before_record");
    let call = Call::own("wallet", &lease.tenant, "payment_refunded", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(found) = refunds::find(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await? else { return Ok(()) };
    let Some(mut locked) = wallets::lock_many(&tx, &[found.wallet]).await?.pop() else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let mut refund = found;
    refund.provider_refund_id = provider_id;
    let now = tx.now();
    let lots = match refunded {
        Refunded::Succeeded => {
            refund::returned(&mut locked.wallet, tx.ids(), &mut refund, now)?;
            Vec::new()
        }
        Refunded::Failed => as_credit(&mut tx, &mut locked, &mut refund).await?,
    };
    publish(&mut tx, &mut locked, &refund, &lots).await?;
    tx.answer_intent(lease.intent, &response(&refund)).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("payment_refund.after_record");
    Ok(())
}

/// Asks the provider to give back, once per key; one that was asked before is asked what it knows.
async fn ask_provider(app: &App, lease: &Lease) -> Result<(String, Refunded), AppError> {
    let fault = || AppError::Fault(format!("refund {} without its charge", lease.intent));
    let conn = app.db.read(&lease.tenant).await?;
    let refund = refunds::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?.ok_or_else(fault)?;
    let charge = charges::find(&conn, &lease.tenant, refund.charge.ok_or_else(fault)?).await?.ok_or_else(fault)?;
    let method = methods::get(&conn, &lease.tenant, charge.method.ok_or_else(fault)?).await?.ok_or_else(fault)?;
    drop(conn);
    let provider = app.provider(&method.provider)?;
    let order = RefundOrder {
        tenant: lease.tenant.clone(),
        key: step_id(refund.id.uuid(), "refund"),
        charge_id: charge.provider_charge_id,
        amount: refund.amount,
    };
    // The provider gives back once per key, so asking again is asking what became of it.
    let known = match provider.refund(&order).await {
        Ok(known) => known,
        Err(_) => provider.refund(&order).await.map_err(super::no_answer)?,
    };
    kill::point("payment_refund.after_provider");
    Ok(known)
}
