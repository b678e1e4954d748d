//! Makes a method the collection method.

use super::{load::active_method, save::publish_change};
use crate::{
    app::App,
    commands::methods::MethodRef,
    messages::methods::payment_method,
    store::{methods, settings},
    use_cases::recharges::end_stops::lock_for_change,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::SetCollectionMethodResponse;
use payterms_wallet_domain::recharge::Change;

/// Makes an unexpired card or a bank account the collection method.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`, `STRIPE_NOT_CONNECTED`.
pub async fn set_collection_method(
    app: &App,
    call: &Call,
    named: &MethodRef,
) -> Result<Answer<SetCollectionMethodResponse>, AppError> {
    let customer = named.customer.customer;
    let mut tx = app.db.begin(call).await?;
    let (wallets, mut saved) = lock_for_change(&tx, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let method = active_method(&tx, named, &saved).await?;
    method.must_be_collectable(tx.today())?;
    app.must_reach(&settings::hold(tx.conn(), &call.tenant).await?, &method.provider)?;
    let before = saved.collection.replace(named.method);
    methods::save_pointers(&tx, customer, &saved).await?;
    let change = saved.is_replaced(before).then_some(Change::MethodReplaced);
    publish_change(&mut tx, &named.customer, &saved, &wallets, change).await?;
    let payment_method = Some(payment_method(&named.customer.name(), &method, &saved));
    tx.commit(SetCollectionMethodResponse { payment_method }).await
}
