//! Records the result of a hosted page. The provider is asked for it, because a notification is
//! only a hint.

use super::expire;
use crate::{
    app::App,
    commands::customers::CustomerRef,
    messages,
    provider::unanswered,
    store::{methods, setups},
    use_cases::{methods::save::publish_change, recharges::end_stops::lock_for_change},
};
use payterms_chassis::{AppError, Call, jobs::cancel};
use payterms_kernel::TenantId;
use payterms_proto::wallet::v1::MethodSetupChanged;
use payterms_wallet_domain::{MethodSetup, method_setup::SetupState, recharge::Change};

/// Settles the set-up that a notification names.
///
/// # Errors
/// `PROVIDER_UNAVAILABLE` if the provider does not answer. It sends the notification again.
pub async fn settle_notified_setup(
    app: &App,
    tenant: &TenantId,
    provider: &str,
    setup_id: &str,
) -> Result<(), AppError> {
    let conn = app.db.read(tenant).await?;
    let setup = setups::at_provider(&conn, tenant, provider, setup_id).await?;
    drop(conn);
    match setup {
        Some(setup) => settle_method_setup(app, tenant, &setup).await,
        None => Ok(()),
    }
}

/// Asks the provider for the saved method, and saves it.
pub(super) async fn settle_method_setup(
    app: &App,
    tenant: &TenantId,
    setup: &MethodSetup,
) -> Result<(), AppError> {
    let provider = app.provider(&setup.provider)?;
    let Some(card) =
        provider.saved_card(tenant, &setup.provider_setup_id).await.map_err(unanswered)?
    else {
        return Ok(());
    };
    let call = Call::internal("wallet", tenant, "settle_method_setup", setup.id.uuid(), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let (wallets, mut saved) = lock_for_change(&tx, setup.customer).await?;
    let Some(mut setup) =
        setups::lock(&tx, setup.id).await?.filter(|setup| setup.state == SetupState::Pending)
    else {
        return Ok(());
    };
    let now = tx.now();
    let customer = CustomerRef { tenant: tenant.clone(), customer: setup.customer };
    if let Some(method) = setup.card_saved(tx.id(), card, now) {
        methods::save(&tx, setup.customer, &method).await?;
        let before = saved.collection;
        saved.add(method);
        methods::save_pointers(&tx, setup.customer, &saved).await?;
        let change =
            if saved.is_replaced(before) { Change::MethodReplaced } else { Change::MethodAdded };
        publish_change(&mut tx, &customer, &saved, &wallets, Some(change)).await?;
    }
    setups::save(&tx, &setup).await?;
    cancel(&tx, expire::JOB, &setup.id.to_string()).await?;
    let event = MethodSetupChanged {
        method_setup: Some(messages::setups::method_setup(&customer.name(), &setup)),
    };
    tx.emit("method_setup", &setup.id.to_string(), &event).await?;
    tx.commit_rows().await
}
