//! Makes a method the purchase default.

use super::{load::active_method, save::publish_methods};
use crate::{
    app::App, commands::methods::MethodRef, messages::methods::payment_method, store::methods,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::SetPurchaseDefaultResponse;

/// Makes a method the purchase default.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`.
pub async fn set_purchase_default(
    app: &App,
    call: &Call,
    named: &MethodRef,
) -> Result<Answer<SetPurchaseDefaultResponse>, AppError> {
    let customer = named.customer.customer;
    let mut tx = app.db.begin(call).await?;
    let mut saved = methods::lock(&tx, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let method = active_method(&tx, named, &saved).await?;
    saved.purchase_default = Some(named.method);
    methods::save_pointers(&tx, customer, &saved).await?;
    publish_methods(&mut tx, &named.customer, &saved, false).await?;
    let payment_method = Some(payment_method(&named.customer.name(), &method, &saved));
    tx.commit(SetPurchaseDefaultResponse { payment_method }).await
}
