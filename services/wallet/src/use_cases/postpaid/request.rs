//! Requests a postpaid agreement.

use super::save::publish_agreement;
use crate::{
    app::App,
    commands::postpaid::RequestPostpaid,
    store::{postpaid, settings},
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::wallet::v1::RequestPostpaidResponse;
use payterms_wallet_domain::postpaid::Agreement;

/// Requests an agreement.
///
/// # Errors
/// As [`Agreement::ask`]; `POSTPAID_STATE` if the wallet has an agreement; `RESOURCE_NOT_FOUND`.
pub async fn request_postpaid(
    app: &App,
    call: &Call,
    command: &RequestPostpaid,
) -> Result<Answer<RequestPostpaidResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let locked = lock_wallet(&tx, &command.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(live) = postpaid::live(tx.conn(), &call.tenant, locked.wallet.id).await? {
        return Err(Refusal::state(
            Reason::POSTPAID_STATE,
            "An agreement of the wallet",
            live.state.name(),
            &[],
        )
        .into());
    }
    let settings = settings::find(tx.conn(), &call.tenant).await?;
    let (id, now) = (tx.id(), tx.now());
    let agreement = Agreement::ask(id, &locked.wallet, &settings, command.terms, now)?;
    let postpaid_agreement = Some(publish_agreement(&mut tx, &locked, &agreement).await?);
    tx.commit(RequestPostpaidResponse { postpaid_agreement }).await
}
