//! The method that a request names, and the dispute that collection waits for.

use crate::{
    commands::{customers::CustomerRef, methods::MethodRef},
    store::{disputes, methods},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, Reason, Refusal};
use payterms_wallet_domain::{Dispute, Methods, PaymentMethod};
use sea_orm::ConnectionTrait;

/// The active method that a request names; a removed one is refused, a missing one not found.
pub(super) async fn active_method(
    tx: &WriteTx,
    named: &MethodRef,
    saved: &Methods,
) -> Result<PaymentMethod, AppError> {
    if let Some(method) = saved.get(named.method) {
        return Ok(method.clone());
    }
    methods::find(tx.conn(), &named.customer.tenant, named.customer.customer, named.method)
        .await?
        .ok_or_else(Refusal::not_found)?;
    Err(Refusal::state(Reason::METHOD_STATE, "The payment method", "REMOVED", &[]).into())
}

/// The open dispute that a customer's collection waits for on a day
/// (docs/domain/invoicing.md#collection-waits).
pub async fn collection_waits_for<C: ConnectionTrait>(
    conn: &C,
    customer: &CustomerRef,
    saved: &Methods,
    day: NaiveDate,
) -> Result<Option<Id<Dispute>>, AppError> {
    // Nobody is looked up who has a method.
    if saved.collection.is_some() {
        return Ok(None);
    }
    Ok(saved.waits_for(
        &disputes::that_may_bring_back(conn, &customer.tenant, customer.customer).await?,
        day,
    ))
}
