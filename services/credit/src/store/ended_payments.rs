//! Table `ended_payments`: payments that were voided or refused here; what comes late for one is
//! refused the same way.

use payterms_chassis::{AppError, WriteTx, sql};
use payterms_kernel::{Reason, Refusal, TenantId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Why a payment was ended before it drew, by the reasons that may be stored.
const REASONS: [Reason; 5] = [
    Reason::DRAW_STATE,
    Reason::LINE_STATE,
    Reason::CREDIT_LIMIT_EXCEEDED,
    Reason::CURRENCY_MISMATCH,
    Reason::INVOICE_IN_PLAN,
];

/// Marks a payment as ended; the first mark stays.
pub async fn insert(tx: &WriteTx, payment: Uuid, refusal: &Refusal) -> Result<(), AppError> {
    let insert = "INSERT INTO ended_payments (tenant, payment_id, reason, message) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values = vec![
        tx.call().tenant.as_str().into(),
        payment.into(),
        refusal.reason.name().into(),
        refusal.message.clone().into(),
    ];
    sql::exec(tx.conn(), insert, values).await?;
    Ok(())
}

/// How a payment was ended; none: it was not.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<Option<Refusal>, AppError> {
    let select = "SELECT reason, message FROM ended_payments WHERE tenant = $1 AND payment_id = $2";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), payment.into()]).await?
    else {
        return Ok(None);
    };
    let (reason, message): (String, String) =
        (row.try_get("", "reason")?, row.try_get("", "message")?);
    let known = REASONS.into_iter().find(|known| reason == *known).unwrap_or(Reason::DRAW_STATE);
    Ok(Some(Refusal::precondition(known, message)))
}
