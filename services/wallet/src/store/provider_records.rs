//! What the ledger has of charges at Stripe, in the words in which Stripe lists them: for
//! reconciliations.

use super::{money, unknown};
use payterms_chassis::{AppError, sql};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    DisputeState,
    provider_difference::{Place, Record, RecordKind},
    reconciliation::Period,
};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Ids of one statement; SQLite takes 32,766 values.
const CHUNK: usize = 1_000;

/// Charges that took money, with their refunds and disputes, after the list of ids of charges at
/// the provider.
const RECORDS: &str = "\
    SELECT 'CHARGE' AS kind, provider_charge_id AS id, provider_charge_id AS charge, amount, currency, '' AS outcome FROM top_ups \
    WHERE tenant = $1 AND state IN ('SUCCEEDED', 'CHARGED_BACK') AND provider_charge_id IN ({ids}) AND provider_charge_id <> '' \
    UNION ALL SELECT 'CHARGE', provider_charge_id, provider_charge_id, amount, currency, '' FROM charges \
    WHERE tenant = $1 AND state IN ('SUCCEEDED', 'CHARGED_BACK') AND provider_charge_id IN ({ids}) AND provider_charge_id <> '' \
    UNION ALL SELECT 'REFUND', r.provider_refund_id, t.provider_charge_id, r.credit + r.tax, r.currency, '' FROM top_ups t \
    JOIN top_up_refunds r ON r.tenant = t.tenant AND r.top_up_id = t.id AND r.state = 'SUCCEEDED' \
    WHERE t.tenant = $1 AND t.provider_charge_id IN ({ids}) AND t.provider_charge_id <> '' \
    UNION ALL SELECT 'REFUND', r.provider_refund_id, c.provider_charge_id, r.amount - r.unmoved, r.currency, '' FROM charges c \
    JOIN refunds r ON r.tenant = c.tenant AND r.payment_id = c.payment_id AND r.charge_id = c.id AND r.state = 'RETURNED' \
    AND r.provider_refund_id <> '' WHERE c.tenant = $1 AND c.provider_charge_id IN ({ids}) AND c.provider_charge_id <> '' \
    UNION ALL SELECT 'DISPUTE', provider_dispute_id, provider_charge_id, amount, currency, state FROM disputes \
    WHERE tenant = $1 AND provider_charge_id IN ({ids})";

/// What moved in a period in the ledger, with all disputes that are open: charges in real time, the
/// others in the tenant's.
const MOVED: &str = "\
    SELECT 'CHARGE' AS kind, stripe_id AS id, stripe_id AS charge FROM stripe_intents \
    WHERE tenant = $1 AND first_asked_at >= $2 AND first_asked_at < $3 AND stripe_id <> '' \
    UNION ALL SELECT 'REFUND', r.provider_refund_id, s.stripe_id FROM top_up_refunds r \
    JOIN top_ups t ON t.tenant = r.tenant AND t.id = r.top_up_id \
    JOIN stripe_intents s ON s.tenant = t.tenant AND s.stripe_id = t.provider_charge_id AND s.stripe_id <> '' \
    WHERE r.tenant = $1 AND r.updated_at >= $2 AND r.updated_at < $3 AND r.state = 'SUCCEEDED' \
    UNION ALL SELECT 'REFUND', r.provider_refund_id, s.stripe_id FROM refunds r \
    JOIN charges c ON c.tenant = r.tenant AND c.id = r.charge_id \
    JOIN stripe_intents s ON s.tenant = c.tenant AND s.stripe_id = c.provider_charge_id AND s.stripe_id <> '' \
    WHERE r.tenant = $1 AND r.updated_at >= $2 AND r.updated_at < $3 AND r.state = 'RETURNED' AND r.provider_refund_id <> '' \
    UNION ALL SELECT 'DISPUTE', d.provider_dispute_id, s.stripe_id FROM disputes d \
    JOIN stripe_intents s ON s.tenant = d.tenant AND s.stripe_id = d.provider_charge_id AND s.stripe_id <> '' \
    WHERE d.tenant = $1 AND (d.state = 'OPEN' OR (d.updated_at >= $2 AND d.updated_at < $3))";

fn place(row: &QueryResult) -> Result<Place, AppError> {
    let name: String = row.try_get("", "kind")?;
    let kind = RecordKind::named(&name).ok_or_else(|| unknown("record", &name))?;
    Ok(Place { kind, id: row.try_get("", "id")?, charge: row.try_get("", "charge")? })
}

fn record(row: &QueryResult) -> Result<Record, AppError> {
    let (currency, outcome): (String, String) =
        (row.try_get("", "currency")?, row.try_get("", "outcome")?);
    Ok(Record {
        place: place(row)?,
        amount: money(&currency, row.try_get("", "amount")?)?,
        outcome: DisputeState::named(&outcome),
    })
}

/// Values and places of a statement: the tenant, then the ids.
fn with_ids(tenant: &TenantId, ids: &[&str]) -> (Vec<Value>, String) {
    let places = (2..ids.len().saturating_add(2))
        .map(|place| format!("${place}"))
        .collect::<Vec<_>>()
        .join(", ");
    (
        std::iter::once(tenant.as_str().into()).chain(ids.iter().map(|id| (*id).into())).collect(),
        places,
    )
}

/// All records of charges by their ids at the provider.
pub async fn of_charges<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &BTreeSet<&str>,
) -> Result<Vec<Record>, AppError> {
    let (ids, mut records) = (ids.iter().copied().collect::<Vec<_>>(), Vec::new());
    for ids in ids.chunks(CHUNK) {
        let (values, places) = with_ids(tenant, ids);
        for row in sql::all(conn, &RECORDS.replace("{ids}", &places), values).await? {
            records.push(record(&row)?);
        }
    }
    Ok(records)
}

/// Where something of the ledger moved in a period, or a dispute is open.
pub async fn moved<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    period: Period,
) -> Result<Vec<Place>, AppError> {
    let values = vec![tenant.as_str().into(), period.from.into(), period.to.into()];
    sql::all(conn, MOVED, values).await?.iter().map(place).collect()
}

/// Which of these ids are of intents that the suite has made.
pub async fn intents_among<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, AppError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (values, places) = with_ids(tenant, &ids.iter().copied().collect::<Vec<_>>());
    let select = format!(
        "SELECT stripe_id AS id FROM stripe_intents WHERE tenant = $1 AND stripe_id IN ({places}) AND stripe_id <> ''"
    );
    Ok(sql::all(conn, &select, values)
        .await?
        .iter()
        .map(|row| row.try_get("", "id"))
        .collect::<Result<_, _>>()?)
}

/// Top-ups, charges and refunds whose provider has not decided yet, or is still to be asked.
pub async fn under_way<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Vec<Uuid>, AppError> {
    let select = "SELECT id FROM top_ups WHERE tenant = $1 AND state = 'PROCESSING' UNION ALL SELECT id FROM charges WHERE tenant = $1 AND \
                  state = 'PROCESSING' UNION ALL SELECT id FROM top_up_refunds WHERE tenant = $1 AND state = 'PROCESSING' UNION ALL SELECT id \
                  FROM refunds WHERE tenant = $1 AND state = 'PROCESSING'";
    Ok(sql::all(conn, select, vec![tenant.as_str().into()])
        .await?
        .iter()
        .map(|row| row.try_get("", "id"))
        .collect::<Result<_, _>>()?)
}
