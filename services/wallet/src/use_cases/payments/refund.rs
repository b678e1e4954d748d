//! Refunds a part of a payment of invoices: credit at once, a charge in a flow over the provider.
//! If the card does not accept the refund, it becomes credit.

use super::load::lock_payment_wallet;
use crate::{
    app::App,
    commands::{
        customers::CustomerRef,
        payments::{RefundPayment, payment_name},
    },
    messages,
    provider::{ProviderRefund, RefundOrder, unanswered},
    store::{
        accruals, charges, closed_use, entries, methods, refunds, settings, transfers,
        wallets::{self, Locked},
    },
    use_cases::{
        lots::expire::schedule_expiry, recharges::save::schedule_recharges,
        wallets::save::save_wallet,
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
    render::money,
};
use payterms_kernel::{Id, Money, Reason, Refusal, id::step_id};
use payterms_proto::wallet::{peers::v1::RefundPaymentResponse, v1::PaymentRefunded};
use payterms_wallet_domain::{
    Charge, ChargeState, Lot, Refund, RefundState, TransferKind, chargeback,
    month::Billed,
    refund::{self, CreditTaken, Refunded},
};

/// The kind of flow.
pub const FLOW: &str = "payment_refund";

/// Refunds a part of a payment.
///
/// # Errors
/// `REFUND_TOO_LARGE`, `RESOURCE_NOT_FOUND`.
pub async fn refund_payment(
    app: &App,
    call: &Call,
    command: &RefundPayment,
) -> Result<Answer<RefundPaymentResponse>, AppError> {
    let named = &command.payment;
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // Stored answers are deleted after a month, refunds are not: a step that is repeated later
    // still refunds nothing.
    if let Some(existing) = refunds::of_step(tx.conn(), &call.tenant, call.request_id).await?
        && existing.state != RefundState::Processing
    {
        return Ok(Answer::replay(response(&existing)));
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
        unmoved: Money::zero(named.currency),
        provider_refund_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    let reaches_card = reaches_card(&tx, charge.as_ref()).await?;
    let taken_back = charge.filter(|charge| charge.state == ChargeState::ChargedBack);
    if let Some(charge) = &taken_back {
        // The issuer was faster: the payer has what it took already. No card takes a refund of the
        // rest, which becomes credit.
        let before = refunds::sum_of(
            tx.conn(),
            &call.tenant,
            charge.payment,
            Some(charge.id),
            named.currency,
        )
        .await?;
        let unmoved =
            refunds::unmoved_of(tx.conn(), &call.tenant, charge.id, named.currency).await?;
        refund.limit_to_untouched(chargeback::untouched(charge, before.minus(unmoved)?)?, now)?;
        if refund.state != RefundState::Processing {
            refunds::save(&tx, &refund).await?;
            return tx.commit(response(&refund)).await;
        }
    }
    if reaches_card && !command.to_credit && taken_back.is_none() {
        refunds::save(&tx, &refund).await?;
        let lease = app.flows.open(&tx, FLOW, refund.id.uuid()).await?;
        tx.commit_intent(refund.id.uuid()).await?;
        kill::point("payment_refund.after_intent");
        app.flows.spawn(lease);
        return app.flows.answer(call, false).await;
    }
    let by_lot = if refund.charge.is_some() { None } else { lots_that_paid(&tx, command).await? };
    let lots = if let Some(by_lot) = by_lot {
        let returned_before =
            refunds::sum_of(tx.conn(), &call.tenant, named.payment, None, named.currency).await?;
        refund::credit_again(
            &mut locked.wallet,
            tx.ids(),
            &mut refund,
            CreditTaken { by_lot: &by_lot, returned_before },
            now,
        )?
    } else {
        as_credit(&mut tx, &mut locked, &mut refund).await?
    };
    publish_refund(&mut tx, &mut locked, &refund, &lots).await?;
    tx.commit(response(&refund)).await
}

/// The credit by which a payment paid, lot by lot; `None` where no lots paid, as for a bank
/// transfer.
async fn lots_that_paid(
    tx: &WriteTx,
    command: &RefundPayment,
) -> Result<Option<Vec<(Lot, Money)>>, AppError> {
    let (conn, tenant, payment) = (tx.conn(), &tx.call().tenant, command.payment.payment);
    if transfers::has_any(conn, tenant, payment, &[TransferKind::BankTransfer]).await? {
        return Ok(None);
    }
    if !transfers::has_any(conn, tenant, payment, &[TransferKind::MonthClose]).await? {
        return Ok(Some(entries::taken_by(conn, tenant, payment).await?));
    }
    // The payment is the closing of a month, whose use the deposits had paid one by one.
    let Some((closing, open)) = accruals::closed(conn, tenant, payment).await? else {
        return Ok(None);
    };
    let Some(mut by_lot) = closed_use::deposits_of(conn, tenant, tx.time().zone, &closing).await?
    else {
        return Ok(None);
    };
    let Some(wallet) = wallets::find_many(conn, tenant, &[closing.wallet]).await?.pop() else {
        return Ok(None);
    };
    let paid =
        by_lot.iter().try_fold(Money::zero(wallet.currency), |sum, (_, part)| sum.plus(*part))?;
    // The invoice comes to whole minor units; the difference belongs to what is given back last.
    let rounding = Billed::of(&wallet, &open.deposit)?.total.minus(paid)?;
    // None of its entries is in the span of its month: the zone changed in the month's last hours.
    // It becomes credit on today's terms.
    if by_lot.is_empty() {
        return Ok(None);
    }
    if let Some((_, part)) = by_lot.first_mut() {
        *part = part.plus(rounding)?;
    }
    Ok(Some(by_lot))
}

fn response(refund: &Refund) -> RefundPaymentResponse {
    let taken_back = Some(refund.unmoved).filter(|unmoved| unmoved.is_positive()).map(money);
    RefundPaymentResponse { credited: refund.state == RefundState::Credited, taken_back }
}

/// Whether there is a charge, at an account that is connected. Otherwise what is given back becomes
/// credit.
async fn reaches_card(tx: &WriteTx, charge: Option<&Charge>) -> Result<bool, AppError> {
    let Some(method) = charge.and_then(|charge| charge.method) else { return Ok(charge.is_some()) };
    let tenant = &tx.call().tenant;
    let Some(method) = methods::get(tx.conn(), tenant, method).await? else { return Ok(true) };
    Ok(settings::hold(tx.conn(), tenant).await?.must_be_connected_to(&method.provider).is_ok())
}

/// The charge to refund, if that much of it is not refunded yet.
async fn charge_of(tx: &WriteTx, command: &RefundPayment) -> Result<Option<Charge>, AppError> {
    let Some(step) = command.charge_step else { return Ok(None) };
    let tenant = &tx.call().tenant;
    let named = &command.payment;
    let found = charges::of_step(tx.conn(), tenant, step).await?;
    let was_successful =
        |charge: &Charge| matches!(charge.state, ChargeState::Succeeded | ChargeState::ChargedBack);
    let charge = found
        .filter(|charge| charge.payment == named.payment && was_successful(charge))
        .ok_or_else(Refusal::not_found)?;
    let before =
        refunds::sum_of(tx.conn(), tenant, named.payment, Some(charge.id), named.currency).await?;
    let left = charge.amount.minus(before)?;
    if left.compare(command.amount)?.is_lt() {
        let message = format!("Only {left} is left of the charge.");
        return Err(Refusal::precondition(Reason::REFUND_TOO_LARGE, message)
            .with("left", left.amount())
            .into());
    }
    Ok(Some(charge))
}

/// Refunds as credit.
async fn as_credit(
    tx: &mut WriteTx,
    locked: &mut Locked,
    refund: &mut Refund,
) -> Result<Vec<Id<Lot>>, AppError> {
    let now = tx.now();
    let expires_at =
        settings::find(tx.conn(), &tx.call().tenant).await?.purchased_expiry(tx.time().zone, now);
    Ok(vec![refund::as_credit(&mut locked.wallet, tx.ids(), refund, expires_at, now)?])
}

/// Saves an ended refund with its wallet, and publishes both.
async fn publish_refund(
    tx: &mut WriteTx,
    locked: &mut Locked,
    refund: &Refund,
    lots: &[Id<Lot>],
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let now = tx.now();
    refunds::save(tx, refund).await?;
    let after = messages::wallets::wallet(&tenant, &locked.wallet, now)?;
    let new_lots: Vec<_> =
        locked.wallet.lots.iter().filter(|lot| lots.contains(&lot.id)).cloned().collect();
    for lot in &new_lots {
        if let Some(expiry) = lot.expires_at {
            schedule_expiry(tx, locked.wallet.id, lot.id, expiry).await?;
        }
    }
    save_wallet(tx, locked).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    let customer = CustomerRef { tenant, customer: locked.wallet.customer };
    let event = PaymentRefunded {
        payment: payment_name(&customer, refund.payment),
        amount: Some(money(refund.moved()?)),
        lots: new_lots.iter().map(|lot| messages::lots::lot(&after.name, lot)).collect(),
        wallet: Some(after),
    };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_refund(app: &App, lease: &Lease) -> Result<(), AppError> {
    let answer = refund_at_provider(app, lease).await?;
    kill::point("payment_refund.before_record");
    let call = Call::internal("wallet", &lease.tenant, "payment_refunded", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut refund) =
        refunds::find(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await?
    else {
        return Ok(());
    };
    let Some(mut locked) = wallets::lock_many(&tx, &[refund.wallet]).await?.pop() else {
        return Ok(());
    };
    flow::hold(&tx, lease).await?;
    refund.provider_refund_id = answer.id;
    let now = tx.now();
    let lots = match answer.outcome {
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

/// Refunds at the provider, once per key.
async fn refund_at_provider(app: &App, lease: &Lease) -> Result<ProviderRefund, AppError> {
    let fault = || AppError::Fault(format!("refund {} without its charge", lease.intent));
    let conn = app.db.read(&lease.tenant).await?;
    let refund = refunds::find(&conn, &lease.tenant, Id::from_uuid(lease.intent))
        .await?
        .ok_or_else(fault)?;
    let charge = charges::find(&conn, &lease.tenant, refund.charge.ok_or_else(fault)?)
        .await?
        .ok_or_else(fault)?;
    let method = methods::get(&conn, &lease.tenant, charge.method.ok_or_else(fault)?)
        .await?
        .ok_or_else(fault)?;
    drop(conn);
    let provider = app.provider(&method.provider)?;
    let order = RefundOrder {
        tenant: lease.tenant.clone(),
        key: step_id(refund.id.uuid(), "refund"),
        charge_id: charge.provider_charge_id,
        amount: refund.amount,
    };
    // The provider refunds once per key, so a repeated call only asks for the outcome of the first.
    let answer = match provider.refund(&order).await {
        Ok(answer) => answer,
        Err(_) => provider.refund(&order).await.map_err(unanswered)?,
    };
    kill::point("payment_refund.after_provider");
    Ok(answer)
}
