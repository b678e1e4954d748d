//! Reads a set-up.

use super::settle::settle_method_setup;
use crate::{
    app::App, commands::customers::CustomerRef, messages::setups as messages, store::setups,
};
use payterms_chassis::AppError;
use payterms_kernel::{Id, Refusal};
use payterms_proto::wallet::v1::GetMethodSetupResponse;
use payterms_wallet_domain::{MethodSetup, method_setup::SetupState};

/// Reads a set-up. While it is PENDING the provider is asked first, so that the reader need not
/// wait for the notification.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_method_setup(
    app: &App,
    named: &CustomerRef,
    id: Id<MethodSetup>,
) -> Result<GetMethodSetupResponse, AppError> {
    let find = || async {
        let conn = app.db.read(&named.tenant).await?;
        let setup = setups::find(&conn, &named.tenant, id)
            .await?
            .filter(|setup| setup.customer == named.customer);
        setup.ok_or_else(|| AppError::from(Refusal::not_found()))
    };
    let mut setup = find().await?;
    if setup.state == SetupState::Pending {
        // If the provider does not answer, the stored state is returned; its notification comes
        // later.
        if let Err(error) = settle_method_setup(app, &named.tenant, &setup).await {
            tracing::debug!(%error, "a set-up stays as it is known");
        }
        setup = find().await?;
    }
    Ok(GetMethodSetupResponse { method_setup: Some(messages::method_setup(&named.name(), &setup)) })
}
