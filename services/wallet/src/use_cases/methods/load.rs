//! The method that a request names.

use crate::{commands::methods::MethodRef, store::methods};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::Refusal;
use payterms_wallet_domain::{Methods, PaymentMethod};

/// The active method that a request names; a removed one is refused, a missing one not found.
pub(super) async fn active_method(tx: &WriteTx, named: &MethodRef, saved: &Methods) -> Result<PaymentMethod, AppError> {
    if let Some(method) = saved.get(named.method) {
        return Ok(method.clone());
    }
    methods::find(tx.conn(), &named.customer.tenant, named.customer.customer, named.method).await?.ok_or_else(Refusal::not_found)?;
    Err(Refusal::state("METHOD_STATE", "The payment method", "REMOVED", &[]).into())
}
