//! Makes a method the collection method.

use super::{load::active_method, save::publish_methods};
use crate::{app::App, commands::methods::MethodRef, store::methods};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::calendar::day_in;
use payterms_proto::wallet::v1::SetCollectionMethodResponse;

/// Makes an unexpired card or a bank account the collection method.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `METHOD_STATE`.
pub async fn set_collection_method(app: &App, call: &Call, named: &MethodRef) -> Result<Answer<SetCollectionMethodResponse>, AppError> {
    let customer = named.customer.customer;
    let mut tx = app.db.begin(call).await?;
    let mut saved = methods::lock(&tx, customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let method = active_method(&tx, named, &saved).await?;
    method.must_be_collectable(day_in(tx.time().zone, tx.now()))?;
    saved.collection = Some(named.method);
    methods::save_pointers(&tx, customer, &saved).await?;
    let payment_method = Some(publish_methods(&mut tx, &named.customer, &saved, &method).await?);
    tx.commit(SetCollectionMethodResponse { payment_method }).await
}
