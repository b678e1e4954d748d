//! Table `method_copies`: the payment methods of customers, as the wallet told of them last.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, TenantId};
use payterms_proto::wallet::v1::{PaymentMethod, PaymentMethodsChanged};
use prost::Message;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Keeps what is told of a customer's methods.
pub async fn save(tx: &WriteTx, customer: Id<Customer>, told: &PaymentMethodsChanged) -> Result<(), AppError> {
    let upsert = "INSERT INTO method_copies (tenant, customer_id, told) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant, customer_id) DO UPDATE SET told = excluded.told";
    sql::exec(tx.conn(), upsert, vec![tx.call().tenant.as_str().into(), customer.uuid().into(), told.encode_to_vec().into()]).await?;
    Ok(())
}

/// A method of a customer, unless it was removed, or is not known.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (customer, method): (Id<Customer>, Uuid),
) -> Result<Option<PaymentMethod>, AppError> {
    let select = "SELECT told FROM method_copies WHERE tenant = $1 AND customer_id = $2";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), customer.uuid().into()]).await? else { return Ok(None) };
    let told: Vec<u8> = row.try_get("", "told")?;
    let id = method.to_string();
    let found = PaymentMethodsChanged::decode(told.as_slice())?.payment_methods;
    Ok(found.into_iter().find(|own| own.name.rsplit('/').next() == Some(id.as_str())))
}
