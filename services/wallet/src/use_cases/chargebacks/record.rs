//! Records a chargeback. The provider is asked for its amount, because a notification is only a hint.

use crate::{
    app::App,
    commands::{customers::CustomerRef, wallets::name_of},
    messages,
    provider::unanswered,
    store::{
        charges, methods, refunds, top_up_refunds, top_ups, transfers,
        wallets::{self, Locked},
    },
    use_cases::{
        charges::save::publish_charge, methods::save::publish_methods, recharges::save::schedule_recharges, wallets::save::save_wallet,
    },
};
use payterms_chassis::{AppError, Call, WriteTx, error::not_yet, kill, render::money};
use payterms_kernel::{Id, Money, TenantId, calendar::day_in};
use payterms_proto::wallet::v1::{ChargedBack, TopUpChanged};
use payterms_wallet_domain::{
    Charge, ChargeState, PaymentMethod, TopUp, TopUpState,
    chargeback::{self, ReturnedCharge},
};

/// Looks up a charge and books its chargeback. A repeated notification changes nothing.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. It sends the notification again.
pub async fn record_notified_chargeback(app: &App, tenant: &TenantId, provider: &str, charge_id: &str) -> Result<(), AppError> {
    let Some(amount) = app.provider(provider)?.find_return(tenant, charge_id).await.map_err(unanswered)? else {
        tracing::warn!(charge = charge_id, "the provider told of a chargeback that it does not know");
        return Ok(());
    };
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::at_provider(&conn, tenant, charge_id).await?;
    let charge = charges::at_provider(&conn, tenant, charge_id).await?;
    drop(conn);
    match (top_up, charge) {
        (Some(top_up), _) => record_of_top_up(app, tenant, top_up, amount).await,
        (None, Some(charge)) => record_of_charge(app, tenant, charge, amount).await,
        // Either the charge is not recorded yet, and the next notification will find it, or it is not ours, and the provider
        // gives up at some time.
        (None, None) => Err(unrecorded()),
    }
}

fn unrecorded() -> AppError {
    not_yet("UNAVAILABLE", "The charge is not recorded yet, or a refund of it is under way. Send the notification again.")
}

async fn record_of_top_up(app: &App, tenant: &TenantId, top_up: TopUp, amount: Money) -> Result<(), AppError> {
    let call = Call::internal("wallet", tenant, "charge_returned", top_up.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else { return Ok(()) };
    let Some(mut top_up) = top_ups::find(tx.conn(), tenant, top_up.id).await? else { return Ok(()) };
    // What a refund under way gives back is known when it ends: only then it is known what is left to take.
    if top_up.state == TopUpState::Processing || top_up_refunds::is_open(tx.conn(), tenant, top_up.id).await? {
        return Err(unrecorded());
    }
    let now = tx.now();
    if !chargeback::of_top_up(&mut top_up, &mut locked.wallet, tx.ids(), amount, now)? {
        tracing::info!(top_up = %top_up.id, state = top_up.state.name(), taken = %amount, "nothing of a top-up is taken back");
        return Ok(());
    }
    top_ups::save(&tx, &top_up).await?;
    let event = TopUpChanged { top_up: Some(messages::top_ups::top_up(&name_of(tenant, &locked.wallet), &top_up)?) };
    tx.emit("top_up", &top_up.id.to_string(), &event).await?;
    publish_chargeback(&mut tx, &mut locked, Some(top_up.method), amount).await?;
    tx.commit_rows().await
}

async fn record_of_charge(app: &App, tenant: &TenantId, charge: Charge, amount: Money) -> Result<(), AppError> {
    let call = Call::internal("wallet", tenant, "charge_returned", charge.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut locked) = wallets::lock_many(&tx, &[charge.wallet]).await?.pop() else { return Ok(()) };
    let Some(mut charge) = charges::find(tx.conn(), tenant, charge.id).await? else { return Ok(()) };
    if charge.state == ChargeState::Processing {
        return Err(unrecorded());
    }
    let currency = locked.wallet.currency;
    let refunded = refunds::sum_of(tx.conn(), tenant, charge.payment, Some(charge.id), currency).await?;
    let surplus = transfers::surplus_of(tx.conn(), tenant, charge.payment, currency).await?;
    let others = charges::of_payment(tx.conn(), tenant, charge.payment).await?;
    let surplus = chargeback::surplus_left(surplus, &others, charge.payment)?;
    let returned = ReturnedCharge { amount, refunded, surplus };
    let now = tx.now();
    if !chargeback::of_charge(&mut charge, &mut locked.wallet, tx.ids(), returned, now)? {
        tracing::info!(charge = %charge.id, state = charge.state.name(), taken = %amount, "nothing of a charge is taken back");
        return Ok(());
    }
    let customer = CustomerRef { tenant: tenant.clone(), customer: locked.wallet.customer };
    publish_charge(&mut tx, &customer, &charge).await?;
    publish_chargeback(&mut tx, &mut locked, charge.method, amount).await?;
    kill::point("chargeback.before_commit");
    tx.commit_rows().await?;
    kill::point("chargeback.after_commit");
    Ok(())
}

/// Saves and publishes the wallet, and stops charging the method without a person present.
async fn publish_chargeback(
    tx: &mut WriteTx,
    locked: &mut Locked,
    method: Option<Id<PaymentMethod>>,
    amount: Money,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let now = tx.now();
    let after = messages::wallets::wallet(&tenant, &locked.wallet, now)?;
    save_wallet(tx, locked).await?;
    let event = ChargedBack { wallet: Some(after), amount: Some(money(amount)) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    let customer = locked.wallet.customer;
    let mut saved = methods::lock(tx, customer).await?;
    let found = match method {
        Some(id) => methods::find(tx.conn(), &tenant, customer, id).await?,
        None => None,
    };
    if let Some(mut method) = found {
        method.charged_back = true;
        methods::save(tx, customer, &method).await?;
        saved.stop_charging(method.id, day_in(tx.time().zone, now));
        methods::save_pointers(tx, customer, &saved).await?;
        publish_methods(tx, &CustomerRef { tenant, customer }, &saved, false).await?;
    }
    schedule_recharges(tx, [&locked.wallet]).await?;
    Ok(())
}
