//! Takes in what a person did on the hosted page: the provider is asked, whoever brought the news.

use crate::{
    App, jobs,
    parse::CustomerRef,
    render_payments as render,
    store::{methods, setups},
};
use payterms_chassis::{
    AppError, Call,
    jobs::{DueRow, cancel, take},
    names,
};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::wallet::v1::{GetMethodSetupResponse, MethodSetupChanged};
use payterms_wallet_domain::{MethodSetup, method_setup::SetupState};

/// Answers a set-up; while it is PENDING the provider is asked first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn read(app: &App, named: &CustomerRef, id: Id<MethodSetup>) -> Result<GetMethodSetupResponse, AppError> {
    let find = || async {
        let conn = app.db.read(&named.tenant).await?;
        let setup = setups::find(&conn, &named.tenant, id).await?.filter(|setup| setup.customer == named.customer);
        setup.ok_or_else(|| AppError::from(Refusal::not_found()))
    };
    let mut setup = find().await?;
    if setup.state == SetupState::Pending {
        // A provider that does not answer now tells us later: the state stays as we know it.
        if let Err(error) = settle(app, &named.tenant, &setup).await {
            tracing::debug!(%error, "a set-up stays as it is known");
        }
        setup = find().await?;
    }
    Ok(GetMethodSetupResponse { method_setup: Some(render::setup(&named.name(), &setup)) })
}

/// The provider tells that a person was on the page of a set-up.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE`; the provider tells again.
pub async fn notified(app: &App, tenant: &TenantId, (provider, setup): (&str, &str)) -> Result<(), AppError> {
    let conn = app.db.read(tenant).await?;
    let setup = setups::at_provider(&conn, tenant, provider, setup).await?;
    drop(conn);
    match setup {
        Some(setup) => settle(app, tenant, &setup).await,
        None => Ok(()),
    }
}

async fn settle(app: &App, tenant: &TenantId, setup: &MethodSetup) -> Result<(), AppError> {
    let provider = app.provider(&setup.provider)?;
    let Some(card) = provider.saved_card(tenant, &setup.provider_setup_id).await.map_err(super::no_answer)? else { return Ok(()) };
    let call = Call::own("wallet", tenant, "settle_method_setup", setup.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut own = methods::lock(&tx, setup.customer).await?;
    let Some(mut setup) = setups::lock(&tx, setup.id).await?.filter(|setup| setup.state == SetupState::Pending) else { return Ok(()) };
    let now = tx.now();
    let customer = CustomerRef { tenant: tenant.clone(), customer: setup.customer };
    if let Some(method) = setup.card_saved(tx.id(), card, now) {
        methods::save(&tx, setup.customer, &method).await?;
        own.add(method);
        methods::save_pointers(&tx, setup.customer, &own).await?;
        let event = render::methods_changed(&customer.name(), &own);
        tx.emit("payment_methods", &setup.customer.to_string(), &event).await?;
    }
    setups::save(&tx, &setup).await?;
    cancel(&tx, jobs::EXPIRE_SETUP, &setup.id.to_string()).await?;
    let event = MethodSetupChanged { method_setup: Some(render::setup(&customer.name(), &setup)) };
    tx.emit("method_setup", &setup.id.to_string(), &event).await?;
    tx.commit_rows().await
}

/// Closes an unused page whose time is over.
///
/// # Errors
/// The database's.
pub async fn expire(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("set-up {:?}", row.subject))) };
    let call = row.call("wallet", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let setup = setups::lock(&tx, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut setup) = setup
        && setup.expire(tx.now())
    {
        setups::save(&tx, &setup).await?;
        let customer = CustomerRef { tenant: row.tenant.clone(), customer: setup.customer };
        let event = MethodSetupChanged { method_setup: Some(render::setup(&customer.name(), &setup)) };
        tx.emit("method_setup", &row.subject, &event).await?;
    }
    tx.commit_rows().await
}
