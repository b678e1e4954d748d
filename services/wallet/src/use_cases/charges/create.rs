//! Charges a card for a payment of invoices: a flow over the provider, as a top-up is.

use super::{
    load::{charge_at_provider, lock_charge},
    save::{publish_charge, record_charge},
};
use crate::{
    app::App,
    commands::payments::ChargeForPayment,
    messages::charges as messages,
    store::{charges, methods, settings},
    use_cases::payments::load::lock_payment_wallet,
};
use chrono::NaiveDate;
use payterms_chassis::{
    Answer, AppError, Call,
    flow::{self, Lease},
    kill,
};
use payterms_kernel::{Id, Reason, Refusal};
use payterms_proto::wallet::peers::v1::ChargeForPaymentResponse;
use payterms_wallet_domain::{Charge, ChargeState, PaymentMethod, WalletSettings};

/// The kind of flow.
pub const FLOW: &str = "payment_charge";

/// Charges a method for a payment. A charge that cannot be made is stored as failed, so that the
/// same id never charges later.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn charge_for_payment(
    app: &App,
    call: &Call,
    ChargeForPayment { payment: named, method, amount }: &ChargeForPayment,
) -> Result<Answer<ChargeForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let locked = lock_payment_wallet(&mut tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // Stored answers are deleted after a month, charges are not: a step that is repeated later
    // still charges nothing.
    if let Some(charge) = charges::of_step(tx.conn(), &call.tenant, call.request_id).await? {
        return Ok(Answer::replay(ChargeForPaymentResponse {
            charge: Some(messages::charge(&named.customer, &charge)),
        }));
    }
    let (now, today) = (tx.now(), tx.today());
    let customer = named.customer.customer;
    let method = match method {
        Some(method) => Some(*method),
        None => methods::of_customer(tx.conn(), &call.tenant, customer).await?.collection,
    };
    let chosen = match method {
        Some(method) => Some(
            methods::find(tx.conn(), &call.tenant, customer, method)
                .await?
                .ok_or_else(Refusal::not_found)?,
        ),
        None => None,
    };
    let mut charge = Charge {
        id: tx.id(),
        step: call.request_id,
        wallet: locked.wallet.id,
        payment: named.payment,
        method,
        state: ChargeState::Processing,
        amount: *amount,
        decline_code: String::new(),
        provider_charge_id: String::new(),
        charged_back: None,
        created_at: now,
        updated_at: now,
    };
    let settings = settings::hold(tx.conn(), &call.tenant).await?;
    if let Err(reason) = usable(app, chosen.as_ref(), &settings, today) {
        charge.fail(reason.into());
    }
    let rendered = publish_charge(&mut tx, &named.customer, &charge).await?;
    if charge.state == ChargeState::Failed {
        return tx.commit(ChargeForPaymentResponse { charge: Some(rendered) }).await;
    }
    let lease = app.flows.open(&tx, FLOW, charge.id.uuid()).await?;
    tx.commit_intent(charge.id.uuid()).await?;
    kill::point("payment_charge.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Whether the method can be charged, or the reason why not.
fn usable(
    app: &App,
    method: Option<&PaymentMethod>,
    settings: &WalletSettings,
    today: NaiveDate,
) -> Result<(), Reason> {
    let method = method.ok_or(Reason::COLLECTION_METHOD_REQUIRED)?;
    method.must_be_chargeable(today).map_err(|refusal| refusal.reason)?;
    let is_connected = app.must_reach(settings, &method.provider).is_ok();
    if is_connected { Ok(()) } else { Err(Reason::METHOD_NOT_OFFERED) }
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_charge(app: &App, lease: &Lease) -> Result<(), AppError> {
    let answer =
        charge_at_provider(app, &lease.tenant, Id::from_uuid(lease.intent), lease.taken_over)
            .await?;
    kill::point("payment_charge.before_record");
    let call = Call::internal("wallet", &lease.tenant, "payment_charged", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some((mut charge, mut locked)) =
        lock_charge(&tx, &lease.tenant, Id::from_uuid(lease.intent)).await?
    else {
        return Ok(());
    };
    flow::hold(&tx, lease).await?;
    let rendered = record_charge(&mut tx, &mut locked, &mut charge, answer).await?;
    tx.answer_intent(lease.intent, &ChargeForPaymentResponse { charge: Some(rendered) }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("payment_charge.after_record");
    Ok(())
}
