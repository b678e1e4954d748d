//! Publishes a customer's methods.

use crate::{commands::customers::CustomerRef, messages::methods as messages};
use payterms_chassis::{AppError, WriteTx};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Methods, PaymentMethod};

/// Publishes a customer's methods after a change of one of them, and renders that one.
pub(super) async fn publish_methods(
    tx: &mut WriteTx,
    customer: &CustomerRef,
    saved: &Methods,
    method: &PaymentMethod,
) -> Result<pb::PaymentMethod, AppError> {
    let name = customer.name();
    tx.emit("payment_methods", &customer.customer.to_string(), &messages::payment_methods_changed(&name, saved)).await?;
    Ok(messages::payment_method(&name, method, saved))
}
