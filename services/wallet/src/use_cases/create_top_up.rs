//! Sells credit by card: a flow over the provider.
//!
//! Intent and lease in one transaction; then the charge, which is the point of no return and
//! happens once per key; then credit, events and answer in one transaction. What dies in between
//! is taken over: the provider is asked first, and never charged under another key.

use super::{
    charging::{self, Asked},
    locked, recharge,
};
use crate::{
    App, jobs,
    parse::{CreateTopUp, WalletRef},
    provider::KnownCharge,
    render, render_payments,
    store::{customers, methods, settings, top_ups, wallets},
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_kernel::{Id, Refusal, TenantId, calendar::day_in};
use payterms_proto::wallet::v1::{CreateTopUpResponse, CreditToppedUp, TopUpChanged};
use payterms_wallet_domain::{
    TopUp, TopUpState, Wallet,
    top_up::{self, Charged, Source, Terms},
};

/// The kind of flow.
pub const FLOW: &str = "top_up";

/// Runs the verb.
///
/// # Errors
/// Those of [`top_up::ask`], and `RESOURCE_NOT_FOUND`.
pub async fn run(app: &App, call: &Call, command: &CreateTopUp) -> Result<Answer<CreateTopUpResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let locked = locked(&tx, &command.wallet).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let (tenant, customer) = (&call.tenant, command.wallet.customer);
    let settings = settings::find(tx.conn(), tenant).await?;
    let known = customers::find(tx.conn(), tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    let id = match command.method {
        Some(id) => id,
        None => methods::of_customer(tx.conn(), tenant, customer).await?.purchase_default.ok_or_else(|| {
            Refusal::precondition("COLLECTION_METHOD_REQUIRED", "The customer has saved no payment method. Save one, or name one.")
        })?,
    };
    let method = methods::find(tx.conn(), tenant, customer, id).await?.ok_or_else(Refusal::not_found)?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let terms = Terms { settings: &settings, customer: &known, method: &method, today };
    let top_up = top_up::ask(&locked.wallet, tx.ids(), &terms, (command.amount, Source::Customer), now)?;
    app.provider(&method.provider)?;
    let lease = begin(app, &mut tx, &command.wallet.name(), &top_up).await?;
    kill::point("top_up.before_intent");
    tx.commit_intent(top_up.id.uuid()).await?;
    kill::point("top_up.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Stores the intent of a top-up with its lease.
pub(super) async fn begin(app: &App, tx: &mut WriteTx, wallet: &str, top_up: &TopUp) -> Result<Lease, AppError> {
    top_ups::save(tx, top_up).await?;
    let event = TopUpChanged { top_up: Some(render_payments::top_up(wallet, top_up)?) };
    tx.emit("top_up", &top_up.id.to_string(), &event).await?;
    app.flows.open(tx, FLOW, top_up.id.uuid()).await
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider cannot be asked; the recovery asks again.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let id = Id::from_uuid(lease.intent);
    let known = ask_provider(app, &lease.tenant, id, lease.taken_over).await?;
    kill::point("top_up.before_record");
    let call = Call::own("wallet", &lease.tenant, "top_up_charged", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(top_up) = top_ups::find(tx.conn(), &lease.tenant, id).await? else { return Ok(()) };
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    let top_up = record(&mut tx, &mut locked, top_up.id, known).await?;
    let name = wallet_name(&lease.tenant, &locked.wallet);
    tx.answer_intent(lease.intent, &CreateTopUpResponse { top_up: Some(render_payments::top_up(&name, &top_up)?) }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("top_up.after_record");
    Ok(())
}

/// The name of a wallet.
pub(crate) fn wallet_name(tenant: &TenantId, wallet: &Wallet) -> String {
    WalletRef { tenant: tenant.clone(), customer: wallet.customer, wallet: wallet.id }.name()
}

async fn ask_provider(app: &App, tenant: &TenantId, id: Id<TopUp>, taken_over: bool) -> Result<KnownCharge, AppError> {
    let conn = app.db.read(tenant).await?;
    let top_up = top_ups::find(&conn, tenant, id).await?.ok_or_else(|| AppError::Fault(format!("no top-up {id}")))?;
    drop(conn);
    charging::ask(app, tenant, &Asked { work: "top_up", id: id.uuid(), method: top_up.method, amount: top_up.amount }, taken_over).await
}

/// Takes in what the provider said: credit, rows, events; a slow charge is asked for later.
async fn record(tx: &mut WriteTx, locked: &mut wallets::Locked, id: Id<TopUp>, known: KnownCharge) -> Result<TopUp, AppError> {
    let found = top_ups::find(tx.conn(), &tx.call().tenant, id).await?;
    let mut top_up = found.ok_or_else(|| AppError::Fault(format!("no top-up {id}")))?;
    let now = tx.now();
    if let Charged::Processing(ready_at) = known.1
        && top_up.state == TopUpState::Processing
    {
        schedule(tx, jobs::SETTLE_TOP_UP, &top_up.id.to_string(), ready_at.max(now)).await?;
    }
    let expires_at = settings::find(tx.conn(), &tx.call().tenant).await?.purchased_expiry(now);
    let lot = top_up::charged(&mut top_up, &mut locked.wallet, tx.ids(), (known, expires_at), now)?;
    let name = wallet_name(&tx.call().tenant, &locked.wallet);
    let rendered = render_payments::top_up(&name, &top_up)?;
    top_ups::save(tx, &top_up).await?;
    if let Some(lot) = lot {
        if let Some(expiry) = expires_at {
            schedule(tx, jobs::EXPIRE_LOT, &format!("{}/{lot}", locked.wallet.id), expiry).await?;
        }
        let after = render::wallet(&tx.call().tenant, &locked.wallet, now)?;
        let lot = locked.wallet.lots.iter().find(|own| own.id == lot).map(|lot| render::lot(&name, lot));
        wallets::save_many(tx, std::slice::from_mut(locked)).await?;
        let event = CreditToppedUp { wallet: Some(after), lot, top_up: Some(rendered.clone()) };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    tx.emit("top_up", &top_up.id.to_string(), &TopUpChanged { top_up: Some(rendered) }).await?;
    recharge::ended(tx, &locked.wallet, &top_up).await?;
    Ok(top_up)
}

/// Asks for a charge that took its time.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE`; the row stays due.
pub async fn settle(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("top-up {:?}", row.subject))) };
    let known = ask_provider(app, &row.tenant, Id::from_uuid(id), true).await?;
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(top_up) = top_ups::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    record(&mut tx, &mut locked, top_up.id, known).await?;
    tx.commit_rows().await
}
