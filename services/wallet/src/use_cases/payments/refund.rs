//! Gives back a part of what a payment of invoices took: credit at once, a charge by a flow over the
//! provider. What the card does not take becomes credit.

use super::load::lock_payment_wallet;
use crate::{
    app::App,
    commands::{
        customers::CustomerRef,
        payments::{RefundPayment, payment_name},
    },
    messages,
    provider::{RefundOrder, unanswered},
    store::{
        charges, entries, methods, refunds, settings, transfers,
        wallets::{self, Locked},
    },
    use_cases::{lots::expire::schedule_expiry, recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
    render::money,
};
use payterms_kernel::{Id, Refusal, id::step_id};
use payterms_proto::wallet::v1::{PaymentRefunded, RefundPaymentResponse};
use payterms_wallet_domain::{
    Charge, ChargeState, Lot, Refund, RefundState, TransferKind,
    refund::{self, Refunded},
};

/// The kind of flow.
pub const FLOW: &str = "payment_refund";

/// Refunds a part of a payment.
///
/// # Errors
/// `REFUND_TOO_LARGE`, `RESOURCE_NOT_FOUND`.
pub async fn refund_payment(app: &App, call: &Call, command: &RefundPayment) -> Result<Answer<RefundPaymentResponse>, AppError> {
    let named = &command.payment;
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
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
    let charge = charge_of(&tx, command).await?;
    let mut refund = Refund {
        id: tx.id(),
        step: call.request_id,
        wallet: locked.wallet.id,
        payment: named.payment,
        charge: charge.as_ref().map(|charge| charge.id),
        state: RefundState::Processing,
        amount: command.amount,
        provider_refund_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    if charge.is_some_and(|charge| charge.state == ChargeState::ChargedBack) {
        // The issuer was faster: the money is with the cardholder already, and booked.
        refund.state = RefundState::Returned;
        refunds::save(&tx, &refund).await?;
        return tx.commit(response(&refund)).await;
    }
    if refund.charge.is_some() && !command.to_credit {
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
    publish_refund(&mut tx, &mut locked, &refund, &lots).await?;
    tx.commit(response(&refund)).await
}

fn response(refund: &Refund) -> RefundPaymentResponse {
    RefundPaymentResponse { credited: refund.state == RefundState::Credited }
}

/// The charge that is given back, if that much of it was not given back before.
async fn charge_of(tx: &WriteTx, command: &RefundPayment) -> Result<Option<Charge>, AppError> {
    let Some(step) = command.charge_step else { return Ok(None) };
    let (tenant, named) = (&tx.call().tenant, &command.payment);
    let found = charges::of_step(tx.conn(), tenant, step).await?;
    let taken = |charge: &Charge| matches!(charge.state, ChargeState::Succeeded | ChargeState::ChargedBack);
    let charge = found.filter(|charge| charge.payment == named.payment && taken(charge)).ok_or_else(Refusal::not_found)?;
    let before = refunds::sum_of(tx.conn(), tenant, named.payment, Some(charge.id), named.currency).await?;
    let left = charge.amount.minus(before)?;
    if left.compare(command.amount)?.is_lt() {
        let message = format!("Only {left} is left of the charge.");
        return Err(Refusal::precondition("REFUND_TOO_LARGE", message).with("left", left.amount()).into());
    }
    Ok(Some(charge))
}

/// Gives back as credit what no card takes.
async fn as_credit(tx: &mut WriteTx, locked: &mut Locked, refund: &mut Refund) -> Result<Vec<Id<Lot>>, AppError> {
    let now = tx.now();
    let expires_at = settings::find(tx.conn(), &tx.call().tenant).await?.purchased_expiry(now);
    Ok(vec![refund::as_credit(&mut locked.wallet, tx.ids(), (refund, expires_at), now)?])
}

/// Saves a refund that has ended with its wallet, and publishes it.
async fn publish_refund(tx: &mut WriteTx, locked: &mut Locked, refund: &Refund, lots: &[Id<Lot>]) -> Result<(), AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    refunds::save(tx, refund).await?;
    let after = messages::wallets::wallet(&tenant, &locked.wallet, now)?;
    let made: Vec<_> = locked.wallet.lots.iter().filter(|lot| lots.contains(&lot.id)).cloned().collect();
    for lot in &made {
        if let Some(expiry) = lot.expires_at {
            schedule_expiry(tx, (locked.wallet.id, lot.id), expiry).await?;
        }
    }
    save_wallet(tx, locked).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    let customer = CustomerRef { tenant, customer: locked.wallet.customer };
    let event = PaymentRefunded {
        payment: payment_name(&customer, refund.payment),
        amount: Some(money(refund.amount)),
        lots: made.iter().map(|lot| messages::lots::lot(&after.name, lot)).collect(),
        wallet: Some(after),
    };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider cannot be asked; the recovery asks again.
pub async fn drive_refund(app: &App, lease: &Lease) -> Result<(), AppError> {
    let (provider_id, refunded) = refund_at_provider(app, lease).await?;
    kill::point("payment_refund.before_record");
    let call = Call::internal("wallet", &lease.tenant, "payment_refunded", lease.intent, None);
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
    publish_refund(&mut tx, &mut locked, &refund, &lots).await?;
    tx.answer_intent(lease.intent, &response(&refund)).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("payment_refund.after_record");
    Ok(())
}

/// Asks the provider to give back, once per key; one that was asked before is asked what it knows.
async fn refund_at_provider(app: &App, lease: &Lease) -> Result<(String, Refunded), AppError> {
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
    let made = match provider.refund(&order).await {
        Ok(made) => made,
        Err(_) => provider.refund(&order).await.map_err(unanswered)?,
    };
    kill::point("payment_refund.after_provider");
    Ok(made)
}
