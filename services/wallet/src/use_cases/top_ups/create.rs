//! Sells credit by card or bank debit.

use super::{
    charge::charge_top_up,
    save::{begin_top_up, record_top_up},
};
use crate::{
    app::App,
    commands::{top_ups::CreateTopUp, wallets::name_of},
    messages::top_ups as messages,
    store::{customers, methods, settings, top_ups, wallets},
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{
    Answer, AppError, Call,
    flow::{self, Lease},
    kill,
    marks::must_be_free,
};
use payterms_kernel::{Id, Reason, Refusal};
use payterms_proto::wallet::v1::CreateTopUpResponse;
use payterms_wallet_domain::top_up::{self, Source, Terms};
use uuid::Uuid;

/// The kind of flow.
pub const FLOW: &str = "top_up";

/// Creates a top-up.
///
/// # Errors
/// As [`top_up::ask`]; `EXTERNAL_ID_TAKEN`, `RESOURCE_NOT_FOUND`.
pub async fn create_top_up(
    app: &App,
    call: &Call,
    command: &CreateTopUp,
) -> Result<Answer<CreateTopUpResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let locked = lock_wallet(&tx, &command.wallet).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let tenant = &call.tenant;
    let customer_id = command.wallet.customer;
    let settings = settings::hold(tx.conn(), tenant).await?;
    let customer =
        customers::find(tx.conn(), tenant, customer_id).await?.ok_or_else(Refusal::not_found)?;
    let id = match command.method {
        Some(id) => id,
        None => methods::of_customer(tx.conn(), tenant, customer_id)
            .await?
            .purchase_default
            .ok_or_else(|| {
                Refusal::precondition(
                    Reason::COLLECTION_METHOD_REQUIRED,
                    "The customer has saved no payment method. Save one, or name one.",
                )
            })?,
    };
    let method =
        methods::find(tx.conn(), tenant, customer_id, id).await?.ok_or_else(Refusal::not_found)?;
    method.must_buy_credit(command.method.is_none())?;
    let (now, today) = (tx.now(), tx.today());
    let terms = Terms { settings: &settings, customer: &customer, method: &method, today };
    must_be_free(&tx, top_ups::NAMED, Uuid::nil(), command.marks.external_id.as_deref()).await?;
    let mut top_up =
        top_up::ask(&locked.wallet, tx.ids(), &terms, command.amount, Source::Customer, now)?;
    top_up.marks.clone_from(&command.marks);
    app.provider(&method.provider)?;
    let lease = begin_top_up(app, &mut tx, &command.wallet.name(), &top_up).await?;
    kill::point("top_up.before_intent");
    tx.commit_intent(top_up.id.uuid()).await?;
    kill::point("top_up.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Drives the flow to its close.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_top_up(app: &App, lease: &Lease) -> Result<(), AppError> {
    let id = Id::from_uuid(lease.intent);
    let answer = charge_top_up(app, &lease.tenant, id, lease.taken_over).await?;
    kill::point("top_up.before_record");
    let call = Call::internal("wallet", &lease.tenant, "top_up_charged", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(top_up) = top_ups::find(tx.conn(), &lease.tenant, id).await? else { return Ok(()) };
    let Some(mut locked) = wallets::lock_many(&tx, &[top_up.wallet]).await?.pop() else {
        return Ok(());
    };
    flow::hold(&tx, lease).await?;
    let top_up = record_top_up(&mut tx, &mut locked, top_up.id, answer).await?;
    let name = name_of(&lease.tenant, &locked.wallet);
    tx.answer_intent(
        lease.intent,
        &CreateTopUpResponse { top_up: Some(messages::top_up(&name, &top_up)?) },
    )
    .await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("top_up.after_record");
    Ok(())
}
