//! Table `plan_copies`: payment plans, as their service told of them last.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_kernel::TenantId;
use payterms_proto::plans::v1::Plan;
use prost::Message;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Keeps what is told of a plan.
pub async fn save(tx: &WriteTx, id: Uuid, plan: &Plan) -> Result<(), AppError> {
    let upsert = "INSERT INTO plan_copies (tenant, id, told) VALUES ($1, $2, $3) ON CONFLICT (tenant, id) DO UPDATE SET told = excluded.told";
    sql::exec(
        tx.conn(),
        upsert,
        vec![tx.call().tenant.as_str().into(), id.into(), plan.encode_to_vec().into()],
    )
    .await?;
    Ok(())
}

/// A plan, where one is known.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Plan>, AppError> {
    let select = "SELECT told FROM plan_copies WHERE tenant = $1 AND id = $2";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), id.into()]).await? else {
        return Ok(None);
    };
    let bytes: Vec<u8> = row.try_get("", "told")?;
    Ok(Some(Plan::decode(bytes.as_slice())?))
}
