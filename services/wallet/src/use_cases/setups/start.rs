//! Makes a hosted page on which a person saves a method: a flow over the provider.

use super::expire;
use crate::{
    app::App,
    commands::{customers::CustomerRef, methods::StartMethodSetup},
    messages::setups as messages,
    provider::{SetupOrder, unanswered},
    store::{customers, methods, settings, setups},
};
use payterms_chassis::{
    Answer, AppError, Call,
    flow::{self, Lease},
    jobs::schedule,
    kill,
};
use payterms_kernel::{Id, Reason, Refusal, id::step_id};
use payterms_proto::wallet::v1::{MethodSetupChanged, StartMethodSetupResponse};
use payterms_wallet_domain::{MethodSetup, method_setup::SetupState};

/// The kind of flow.
pub const FLOW: &str = "method_setup";

/// Starts a set-up.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_NOT_OFFERED`, `STRIPE_NOT_CONNECTED`, `PROFILE_INCOMPLETE`.
pub async fn start_method_setup(
    app: &App,
    call: &Call,
    StartMethodSetup { customer: named, kind, currency }: &StartMethodSetup,
) -> Result<Answer<StartMethodSetupResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let customer = customers::find(tx.conn(), &call.tenant, named.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    methods::lock(&tx, named.customer).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let settings = settings::hold(tx.conn(), &call.tenant).await?;
    let provider = settings.provider_for(*kind, *currency);
    settings.must_be_connected_to(provider)?;
    if !app.provider(provider)?.takes(*kind, &customer.country) {
        let message = "The tenant's payment provider does not save this kind of method.";
        return Err(Refusal::precondition(Reason::METHOD_NOT_OFFERED, message)
            .with("provider", provider)
            .into());
    }
    let now = tx.now();
    let setup = MethodSetup::start(tx.id(), &customer, *kind, provider, now)?;
    setups::save(&tx, &setup).await?;
    let event =
        MethodSetupChanged { method_setup: Some(messages::method_setup(&named.name(), &setup)) };
    tx.emit("method_setup", &setup.id.to_string(), &event).await?;
    let lease = app.flows.open(&tx, FLOW, setup.id.uuid()).await?;
    tx.commit_intent(setup.id.uuid()).await?;
    kill::point("method_setup.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Drives the flow. The provider makes the page once per key, however often it is called.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` while the provider does not answer. The recovery resumes the flow.
pub async fn drive_method_setup(app: &App, lease: &Lease) -> Result<(), AppError> {
    let id: Id<MethodSetup> = Id::from_uuid(lease.intent);
    let conn = app.db.read(&lease.tenant).await?;
    let Some(setup) = setups::find(&conn, &lease.tenant, id).await? else { return Ok(()) };
    let customer = customers::find(&conn, &lease.tenant, setup.customer).await?;
    drop(conn);
    let order = SetupOrder {
        tenant: lease.tenant.clone(),
        key: step_id(lease.intent, "page"),
        setup: setup.id,
        customer: setup.customer,
        kind: setup.kind,
        country: customer.map(|customer| customer.country).unwrap_or_default(),
    };
    let page = app.provider(&setup.provider)?.create_setup(&order).await.map_err(unanswered)?;
    kill::point("method_setup.before_record");
    let call = Call::internal("wallet", &lease.tenant, "page_made", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let Some(mut setup) =
        setups::lock(&tx, id).await?.filter(|setup| setup.state == SetupState::Created)
    else {
        return Ok(());
    };
    flow::hold(&tx, lease).await?;
    setup.page_made(page.setup_id, page.url);
    setups::save(&tx, &setup).await?;
    schedule(&tx, expire::JOB, &id.to_string(), setup.expires_at).await?;
    let customer = CustomerRef { tenant: lease.tenant.clone(), customer: setup.customer };
    let rendered = messages::method_setup(&customer.name(), &setup);
    tx.emit(
        "method_setup",
        &id.to_string(),
        &MethodSetupChanged { method_setup: Some(rendered.clone()) },
    )
    .await?;
    tx.answer_intent(lease.intent, &StartMethodSetupResponse { method_setup: Some(rendered) })
        .await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}
