//! Charges a card for a payment of invoices: a flow over the provider, as a top-up is.

use super::{
    charging::{self, Asked},
    settle_payment::lock_wallet,
};
use crate::{
    App, jobs,
    parse::CustomerRef,
    parse_settlements::{Order, PaymentRef},
    provider::KnownCharge,
    render_payments as render,
    store::{
        charges, methods,
        wallets::{self, Locked},
    },
};
use chrono::NaiveDate;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_kernel::{Id, Refusal, TenantId, calendar::day_in};
use payterms_proto::wallet::v1::{ChargeChanged, ChargeForPaymentResponse, GetChargeResponse};
use payterms_wallet_domain::{Charge, ChargeState, PaymentMethod, top_up::Charged};

/// The kind of flow.
pub const FLOW: &str = "payment_charge";

/// Runs the verb. What cannot be charged is a result: the same id never charges later.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn run(
    app: &App,
    call: &Call,
    named: &PaymentRef,
    (method, amount): Order,
) -> Result<Answer<ChargeForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let locked = lock_wallet(&mut tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // The charge outlives the stored answer: a step that comes again after a month charges nothing.
    if let Some(charge) = charges::of_step(tx.conn(), &call.tenant, call.request_id).await? {
        return Ok(Answer::replay(ChargeForPaymentResponse { charge: Some(render::charge(&named.customer, &charge)) }));
    }
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let customer = named.customer.customer;
    let method = match method {
        Some(method) => Some(method),
        None => methods::of_customer(tx.conn(), &call.tenant, customer).await?.collection,
    };
    let own = match method {
        Some(method) => Some(methods::find(tx.conn(), &call.tenant, customer, method).await?.ok_or_else(Refusal::not_found)?),
        None => None,
    };
    let mut charge = Charge {
        id: tx.id(),
        step: call.request_id,
        wallet: locked.wallet.id,
        payment: named.payment,
        method,
        state: ChargeState::Processing,
        amount,
        decline_code: String::new(),
        provider_charge_id: String::new(),
        charged_back: None,
        created_at: now,
        updated_at: now,
    };
    if let Err(reason) = usable(app, own.as_ref(), today) {
        charge.fail(reason.to_owned());
    }
    let rendered = publish(&mut tx, &named.customer, &charge).await?;
    if charge.state == ChargeState::Failed {
        return tx.commit(ChargeForPaymentResponse { charge: Some(rendered) }).await;
    }
    let lease = app.flows.open(&tx, FLOW, charge.id.uuid()).await?;
    tx.commit_intent(charge.id.uuid()).await?;
    kill::point("payment_charge.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Whether the method can be charged; the reason where it cannot.
fn usable(app: &App, method: Option<&PaymentMethod>, today: NaiveDate) -> Result<(), &'static str> {
    let method = method.ok_or("COLLECTION_METHOD_REQUIRED")?;
    method.must_be_chargeable(today).map_err(|refusal| refusal.reason)?;
    app.provider(&method.provider).map(|_| ()).map_err(|_| "METHOD_NOT_OFFERED")
}

/// Saves a charge and tells of it.
///
/// # Errors
/// The database's.
pub(super) async fn publish(
    tx: &mut WriteTx,
    customer: &CustomerRef,
    charge: &Charge,
) -> Result<payterms_proto::wallet::v1::Charge, AppError> {
    charges::save(tx, charge).await?;
    let rendered = render::charge(customer, charge);
    tx.emit("charge", &charge.id.to_string(), &ChargeChanged { charge: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider cannot be asked; the recovery asks again.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let known = ask_provider(app, &lease.tenant, Id::from_uuid(lease.intent), lease.taken_over).await?;
    kill::point("payment_charge.before_record");
    let call = Call::own("wallet", &lease.tenant, "payment_charged", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some((mut charge, mut locked)) = locked(&tx, &lease.tenant, Id::from_uuid(lease.intent)).await? else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let rendered = record(&mut tx, &mut locked, &mut charge, known).await?;
    tx.answer_intent(lease.intent, &ChargeForPaymentResponse { charge: Some(rendered) }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("payment_charge.after_record");
    Ok(())
}

async fn ask_provider(app: &App, tenant: &TenantId, id: Id<Charge>, taken_over: bool) -> Result<KnownCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let charge = charges::find(&conn, tenant, id).await?.ok_or_else(|| AppError::Fault(format!("no charge {id}")))?;
    drop(conn);
    let method = charge.method.ok_or_else(|| AppError::Fault(format!("a charge without a method: {id}")))?;
    let asked = Asked { work: "payment_charge", id: id.uuid(), method, amount: charge.amount };
    charging::ask(app, tenant, &asked, taken_over).await
}

/// A charge as it is under its wallet's lock.
async fn locked(tx: &WriteTx, tenant: &TenantId, id: Id<Charge>) -> Result<Option<(Charge, Locked)>, AppError> {
    let Some(found) = charges::find(tx.conn(), tenant, id).await? else { return Ok(None) };
    let Some(locked) = wallets::lock_many(tx, &[found.wallet]).await?.pop() else { return Ok(None) };
    Ok(charges::find(tx.conn(), tenant, id).await?.map(|charge| (charge, locked)))
}

/// Takes in what the provider said; a slow charge is asked for later.
async fn record(
    tx: &mut WriteTx,
    locked: &mut Locked,
    charge: &mut Charge,
    known: KnownCharge,
) -> Result<payterms_proto::wallet::v1::Charge, AppError> {
    let now = tx.now();
    if let Charged::Processing(ready_at) = known.1
        && charge.state == ChargeState::Processing
    {
        schedule(tx, jobs::SETTLE_CHARGE, &charge.id.to_string(), ready_at.max(now)).await?;
    }
    charge.charged(&mut locked.wallet, tx.ids(), known, now)?;
    wallets::save_many(tx, std::slice::from_mut(locked)).await?;
    let customer = CustomerRef { tenant: tx.call().tenant.clone(), customer: locked.wallet.customer };
    publish(tx, &customer, charge).await
}

/// Asks for a charge that took its time.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE`; the row stays due.
pub async fn settle(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("charge {:?}", row.subject))) };
    let known = ask_provider(app, &row.tenant, Id::from_uuid(id), true).await?;
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some((mut charge, mut locked)) = locked(&tx, &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    record(&mut tx, &mut locked, &mut charge, known).await?;
    tx.commit_rows().await
}

/// How a charge stands now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &CustomerRef, id: Id<Charge>) -> Result<GetChargeResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let charge = charges::find(&conn, &named.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    let wallet = wallets::find_many(&conn, &named.tenant, &[charge.wallet]).await?.pop();
    wallet.filter(|wallet| wallet.customer == named.customer).ok_or_else(Refusal::not_found)?;
    Ok(GetChargeResponse { charge: Some(render::charge(named, &charge)) })
}
