//! Removes a method.

use super::{load::active_method, save::publish_change};
use crate::{
    app::App, commands::methods::MethodRef, messages::methods::payment_method, store::methods,
    use_cases::recharges::end_stops::lock_for_change,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::RemovePaymentMethodResponse;
use payterms_wallet_domain::recharge::Change;

/// Removes a method. A pointer to it moves to the newest other one that qualifies.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`.
pub async fn remove_payment_method(
    app: &App,
    call: &Call,
    named: &MethodRef,
) -> Result<Answer<RemovePaymentMethodResponse>, AppError> {
    let customer = named.customer.customer;
    let mut tx = app.db.begin(call).await?;
    let (wallets, mut saved) = lock_for_change(&tx, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut method = active_method(&tx, named, &saved).await?;
    method.must_be_removable()?;
    let before = saved.collection;
    saved.remove(named.method, tx.today());
    method.active = false;
    methods::save_pointers(&tx, customer, &saved).await?;
    methods::save(&tx, customer, &method).await?;
    let change = saved.is_replaced(before).then_some(Change::MethodReplaced);
    publish_change(&mut tx, &named.customer, &saved, &wallets, change).await?;
    let payment_method = Some(payment_method(&named.customer.name(), &method, &saved));
    tx.commit(RemovePaymentMethodResponse { payment_method }).await
}
