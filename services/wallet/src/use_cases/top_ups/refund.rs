//! Refunds a top-up in a flow over the provider: the credit is reserved, the provider is asked, the
//! credit is taken or free again.

use crate::{
    app::App,
    commands::{top_ups::RefundTopUp, wallets::name_of},
    messages,
    provider::{ProviderRefund, RefundOrder, unanswered},
    store::{
        disputes, holds, methods, settings, top_up_refunds, top_ups,
        wallets::{self, Locked},
    },
    use_cases::{
        lots::expire::schedule_overdue_lots,
        recharges::{load::rules_that_charge, save::schedule_recharges},
        settings::limit::must_be_within_limit,
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_kernel::{Id, Refusal, id::step_id};
use payterms_proto::wallet::v1::{RefundTopUpResponse, TopUpChanged, TopUpRefundChanged};
use payterms_wallet_domain::{
    Hold, TopUp, TopUpRefund, dispute::Disputed, settings::Together, top_up_refund,
};

/// The kind of flow.
pub const FLOW: &str = "top_up_refund";

/// Refunds a top-up.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `SECOND_PERSON_REQUIRED`, `RECHARGE_WOULD_FOLLOW`, `METHOD_NOT_OFFERED`,
/// `STRIPE_NOT_CONNECTED`;
/// those of [`top_up_refund::ask`].
pub async fn refund_top_up(
    app: &App,
    call: &Call,
    command: &RefundTopUp,
) -> Result<Answer<RefundTopUpResponse>, AppError> {
    let named = &command.top_up;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, &named.wallet).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let found = top_ups::find(tx.conn(), &call.tenant, named.top_up)
        .await?
        .filter(|top_up| top_up.wallet == named.wallet.wallet);
    let mut top_up = found.ok_or_else(Refusal::not_found)?;
    must_reach_provider(app, &tx, &top_up).await?;
    let known = disputes::of_charge(tx.conn(), &call.tenant, &top_up.provider_charge_id).await?;
    // A top-up that is not charged yet has no charge.
    let dispute = known.0.last().filter(|dispute| dispute.disputed == Disputed::TopUp(top_up.id));
    let recharge = rules_that_charge(tx.conn(), &call.tenant, &locked.wallet, tx.today()).await?;
    let now = tx.now();
    let before = locked.wallet.clone();
    let (refund, hold) = top_up_refund::ask(
        &mut top_up,
        dispute,
        &mut locked.wallet,
        tx.ids(),
        command.request.clone(),
        now,
    )?;
    // All refunds of the top-up together: many small ones are a large one.
    let (amount, sum) = (refund.amount()?, top_up.refunded_credit.plus(top_up.refunded_tax)?);
    let what = "all that is refunded of one top-up";
    must_be_within_limit(&tx, Together { what, so_far: sum.minus(amount)?, amount }).await?;
    recharge.must_not_follow(&before, &locked.wallet, now)?;
    save_refund(&mut tx, &mut locked, &top_up, &refund, &hold).await?;
    let lease = app.flows.open(&tx, FLOW, refund.id.uuid()).await?;
    tx.commit_intent(refund.id.uuid()).await?;
    kill::point("top_up_refund.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Refuses while the provider that charged the top-up cannot be asked to give it back.
async fn must_reach_provider(app: &App, tx: &WriteTx, top_up: &TopUp) -> Result<(), AppError> {
    let tenant = &tx.call().tenant;
    let Some(method) = methods::get(tx.conn(), tenant, top_up.method).await? else { return Ok(()) };
    Ok(app.must_reach(&settings::hold(tx.conn(), tenant).await?, &method.provider)?)
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_top_up_refund(app: &App, lease: &Lease) -> Result<(), AppError> {
    let answer = refund_at_provider(app, lease).await?;
    kill::point("top_up_refund.before_record");
    let call = Call::internal("wallet", &lease.tenant, "top_up_refunded", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let fault = || AppError::Fault(format!("refund {} without what it refunds", lease.intent));
    let Some(found) =
        top_up_refunds::find(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await?
    else {
        return Ok(());
    };
    let Some(mut locked) = wallets::lock_many(&tx, &[found.wallet]).await?.pop() else {
        return Ok(());
    };
    flow::hold(&tx, lease).await?;
    // Read under the lock of the wallet.
    let mut refund =
        top_up_refunds::find(tx.conn(), &lease.tenant, found.id).await?.ok_or_else(fault)?;
    let mut top_up =
        top_ups::find(tx.conn(), &lease.tenant, refund.top_up).await?.ok_or_else(fault)?;
    let mut hold =
        holds::of_payment(tx.conn(), &lease.tenant, refund.id.uuid()).await?.ok_or_else(fault)?;
    refund.provider_refund_id = answer.id;
    let now = tx.now();
    if top_up_refund::answered(
        &mut top_up,
        &mut refund,
        &mut hold,
        &mut locked.wallet,
        tx.ids(),
        answer.outcome,
        now,
    )? {
        save_refund(&mut tx, &mut locked, &top_up, &refund, &hold).await?;
    }
    let name = name_of(&lease.tenant, &locked.wallet);
    let top_up_refund = Some(messages::top_up_refunds::top_up_refund(&name, &refund)?);
    tx.answer_intent(lease.intent, &RefundTopUpResponse { top_up_refund }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("top_up_refund.after_record");
    Ok(())
}

/// Refunds at the provider, once per key.
async fn refund_at_provider(app: &App, lease: &Lease) -> Result<ProviderRefund, AppError> {
    let fault = || AppError::Fault(format!("refund {} without what it refunds", lease.intent));
    let conn = app.db.read(&lease.tenant).await?;
    let refund = top_up_refunds::find(&conn, &lease.tenant, Id::from_uuid(lease.intent))
        .await?
        .ok_or_else(fault)?;
    let top_up = top_ups::find(&conn, &lease.tenant, refund.top_up).await?.ok_or_else(fault)?;
    let method = methods::get(&conn, &lease.tenant, top_up.method).await?.ok_or_else(fault)?;
    drop(conn);
    let provider = app.provider(&method.provider)?;
    let key = step_id(refund.id.uuid(), "refund");
    let order = RefundOrder {
        tenant: lease.tenant.clone(),
        key,
        charge_id: top_up.provider_charge_id,
        amount: refund.amount()?,
    };
    // The provider refunds once per key, so a repeated call only asks for the outcome of the first.
    let answer = match provider.refund(&order).await {
        Ok(answer) => answer,
        Err(_) => provider.refund(&order).await.map_err(unanswered)?,
    };
    kill::point("top_up_refund.after_provider");
    Ok(answer)
}

/// Saves a refund with its top-up, hold and wallet, and publishes them.
async fn save_refund(
    tx: &mut WriteTx,
    locked: &mut Locked,
    top_up: &TopUp,
    refund: &TopUpRefund,
    hold: &Hold,
) -> Result<(), AppError> {
    let now = tx.now();
    let name = name_of(&tx.call().tenant, &locked.wallet);
    top_ups::save(tx, top_up).await?;
    top_up_refunds::save(tx, refund).await?;
    schedule_overdue_lots(tx, &locked.wallet, now).await?;
    save_wallet(tx, locked).await?;
    holds::save(tx, locked.wallet.id, hold).await?;
    schedule_recharges(tx, [&locked.wallet]).await?;
    let rendered = messages::top_ups::top_up(&name, top_up)?;
    let event = TopUpRefundChanged {
        top_up_refund: Some(messages::top_up_refunds::top_up_refund(&name, refund)?),
        top_up: Some(rendered.clone()),
    };
    tx.emit("top_up_refund", &refund.id.to_string(), &event).await?;
    tx.emit(
        "top_up",
        &top_up.id.to_string(),
        &TopUpChanged { top_up: Some(rendered), paid_owed: None, owed: None },
    )
    .await
}
