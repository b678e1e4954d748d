//! Table `method_copies`: the payment methods of customers, as the wallet told of them last.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, TenantId};
use payterms_proto::wallet::v1::{PaymentMethod, PaymentMethodsChanged};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

/// Keeps what is told of a customer's methods.
pub async fn save(
    tx: &WriteTx,
    customer: Id<Customer>,
    payment_methods_changed: &PaymentMethodsChanged,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO method_copies (tenant, customer_id, told) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant, customer_id) DO UPDATE SET told = excluded.told";
    sql::exec(
        tx.conn(),
        upsert,
        vec![
            tx.call().tenant.as_str().into(),
            customer.uuid().into(),
            payment_methods_changed.encode_to_vec().into(),
        ],
    )
    .await?;
    Ok(())
}

fn decode_row(row: &sea_orm::QueryResult) -> Result<PaymentMethodsChanged, AppError> {
    let bytes: Vec<u8> = row.try_get("", "told")?;
    Ok(PaymentMethodsChanged::decode(bytes.as_slice())?)
}

const SELECT: &str = "SELECT told FROM method_copies WHERE tenant = $1 AND customer_id = $2";

/// What was told of a customer's methods last; `None` where nothing was.
pub async fn of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Option<PaymentMethodsChanged>, AppError> {
    sql::one(conn, SELECT, vec![tenant.as_str().into(), customer.uuid().into()])
        .await?
        .as_ref()
        .map(decode_row)
        .transpose()
}

/// The same, and what is told next waits for the end of the transaction.
pub async fn lock(tx: &WriteTx, customer: Id<Customer>) -> Result<PaymentMethodsChanged, AppError> {
    let lock =
        if tx.conn().get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let row = sql::one(
        tx.conn(),
        &format!("{SELECT}{lock}"),
        vec![tx.call().tenant.as_str().into(), customer.uuid().into()],
    )
    .await?;
    Ok(row.as_ref().map(decode_row).transpose()?.unwrap_or_default())
}

/// A method of a customer, unless it was removed, or is not known.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    method: Uuid,
) -> Result<Option<PaymentMethod>, AppError> {
    let id = method.to_string();
    let found = of_customer(conn, tenant, customer)
        .await?
        .map(|payment_methods_changed| payment_methods_changed.payment_methods)
        .unwrap_or_default();
    Ok(found
        .into_iter()
        .find(|payment_method| payment_method.name.rsplit('/').next() == Some(id.as_str())))
}
