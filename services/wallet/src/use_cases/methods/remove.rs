//! Removes a method.

use super::{load::active_method, save::publish_methods};
use crate::{app::App, commands::methods::MethodRef, store::methods};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::calendar::day_in;
use payterms_proto::wallet::v1::RemovePaymentMethodResponse;

/// Removes a method. A pointer to it moves to the newest other one that qualifies.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`.
pub async fn remove_payment_method(app: &App, call: &Call, named: &MethodRef) -> Result<Answer<RemovePaymentMethodResponse>, AppError> {
    let customer = named.customer.customer;
    let mut tx = app.db.begin(call).await?;
    let mut saved = methods::lock(&tx, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut method = active_method(&tx, named, &saved).await?;
    method.must_be_removable()?;
    saved.remove(named.method, day_in(tx.time().zone, tx.now()));
    method.active = false;
    methods::save_pointers(&tx, customer, &saved).await?;
    methods::save(&tx, customer, &method).await?;
    let payment_method = Some(publish_methods(&mut tx, &named.customer, &saved, &method).await?);
    tx.commit(RemovePaymentMethodResponse { payment_method }).await
}
