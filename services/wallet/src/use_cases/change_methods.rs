//! Removes a method, or points a default at it.

use crate::{App, parse::CustomerRef, render_payments as render, store::methods};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_kernel::{Id, Refusal, calendar::day_in};
use payterms_proto::wallet::v1::{self as pb, RemovePaymentMethodResponse, SetCollectionMethodResponse, SetPurchaseDefaultResponse};
use payterms_wallet_domain::{Methods, PaymentMethod};

type MethodId = Id<PaymentMethod>;

/// Removes a method; a pointer to it goes to the newest other that qualifies.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`, `CREDIT_LINE_NOT_ALLOWED`.
pub async fn remove(app: &App, call: &Call, named: &CustomerRef, id: MethodId) -> Result<Answer<RemovePaymentMethodResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = methods::lock(&tx, named.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut method = active(&tx, named, &own, id).await?;
    method.must_be_removable()?;
    own.remove(id, day_in(tx.time().zone, tx.now()));
    method.active = false;
    methods::save_pointers(&tx, named.customer, &own).await?;
    methods::save(&tx, named.customer, &method).await?;
    let payment_method = Some(publish(&mut tx, named, &own, &method).await?);
    tx.commit(RemovePaymentMethodResponse { payment_method }).await
}

/// Makes a method the purchase default.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`.
pub async fn purchase_default(
    app: &App,
    call: &Call,
    named: &CustomerRef,
    id: MethodId,
) -> Result<Answer<SetPurchaseDefaultResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = methods::lock(&tx, named.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let method = active(&tx, named, &own, id).await?;
    own.purchase_default = Some(id);
    methods::save_pointers(&tx, named.customer, &own).await?;
    let payment_method = Some(publish(&mut tx, named, &own, &method).await?);
    tx.commit(SetPurchaseDefaultResponse { payment_method }).await
}

/// Makes an unexpired card or a bank account the collection method.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`.
pub async fn collection(
    app: &App,
    call: &Call,
    named: &CustomerRef,
    id: MethodId,
) -> Result<Answer<SetCollectionMethodResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut own = methods::lock(&tx, named.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let method = active(&tx, named, &own, id).await?;
    method.must_be_collectable(day_in(tx.time().zone, tx.now()))?;
    own.collection = Some(id);
    methods::save_pointers(&tx, named.customer, &own).await?;
    let payment_method = Some(publish(&mut tx, named, &own, &method).await?);
    tx.commit(SetCollectionMethodResponse { payment_method }).await
}

/// The active method that a request names; a removed one is refused, a missing one not found.
async fn active(tx: &WriteTx, named: &CustomerRef, own: &Methods, id: MethodId) -> Result<PaymentMethod, AppError> {
    if let Some(method) = own.get(id) {
        return Ok(method.clone());
    }
    methods::find(tx.conn(), &named.tenant, named.customer, id).await?.ok_or_else(Refusal::not_found)?;
    Err(Refusal::state("METHOD_STATE", "The payment method", "REMOVED", &[]).into())
}

async fn publish(tx: &mut WriteTx, named: &CustomerRef, own: &Methods, method: &PaymentMethod) -> Result<pb::PaymentMethod, AppError> {
    let name = named.name();
    tx.emit("payment_methods", &named.customer.to_string(), &render::methods_changed(&name, own)).await?;
    Ok(render::method(&name, method, own))
}
