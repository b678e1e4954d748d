//! Tables `reversals` and `reversal_parts`: written once, never changed; and what transfers took
//! that is not given back yet.

use super::{lots, money, transfers};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError,
    rows::{self, Kind, Rows},
    sql,
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{
    Lot, Reversal, Transfer, TransferKind, UsageRecord, Wallet,
    original::Taken,
    restore::DebtOf,
    reversal::{Part, Reversed},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use std::collections::HashMap;
use uuid::Uuid;

const COLUMNS: [rows::Column; 14] = [
    ("tenant", Kind::Tenant),
    ("id", Kind::Id),
    ("wallet_id", Kind::Id),
    ("transfer_id", Kind::MaybeId),
    ("usage_record_id", Kind::MaybeId),
    ("service_id", Kind::MaybeId),
    ("billing_month", Kind::MaybeText),
    ("unit_price", Kind::MaybeNumber),
    ("amount", Kind::Number),
    ("quantity_millionths", Kind::MaybeNumber),
    ("currency", Kind::Text),
    ("explanation", Kind::Text),
    ("effective_at", Kind::Time),
    ("recorded_at", Kind::Time),
];

const PART_COLUMNS: [rows::Column; 8] = [
    ("tenant", Kind::Tenant),
    ("reversal_id", Kind::Id),
    ("place", Kind::Number),
    ("taken_by", Kind::Id),
    ("from_lot_id", Kind::MaybeId),
    ("to_lot_id", Kind::MaybeId),
    ("amount", Kind::Number),
    ("currency", Kind::Text),
];

/// Inserts a reversal; `metered` is the use of a metered service that it takes off the service's
/// month.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    reversal: &Reversal,
    metered: Option<&UsageRecord>,
) -> Result<(), AppError> {
    let millionths = |value: Decimal| {
        value.checked_mul(Decimal::from(1_000_000)).and_then(|value| value.to_i64())
    };
    let (transfer, record) = match &reversal.original {
        Reversed::Transfer(id) => (Some(id.uuid()), None),
        Reversed::MeteredUse(id) => (None, Some(id.uuid())),
    };
    let currency = reversal.amount.currency().code();
    let mut rows = Rows::new(COLUMNS);
    rows.push([
        tenant.as_str().into(),
        reversal.id.uuid().into(),
        reversal.wallet.uuid().into(),
        transfer.into(),
        record.into(),
        metered.and_then(|record| record.metered).map(|metered| metered.service).into(),
        metered.and_then(|record| record.metered).map(|metered| metered.month.to_string()).into(),
        metered.map(|record| record.unit_price.micros()).into(),
        reversal.amount.micros().into(),
        reversal.quantity.and_then(millionths).into(),
        currency.into(),
        reversal.explanation.as_str().into(),
        reversal.effective_at.into(),
        reversal.recorded_at.into(),
    ]);
    rows.insert(conn, "reversals", "").await?;
    let mut parts = Rows::new(PART_COLUMNS);
    for (place, part) in (0_i64..).zip(&reversal.parts) {
        parts.push([
            tenant.as_str().into(),
            reversal.id.uuid().into(),
            place.into(),
            part.taken_by.uuid().into(),
            part.from.map(Id::uuid).into(),
            part.to.map(Id::uuid).into(),
            part.amount.micros().into(),
            currency.into(),
        ]);
    }
    parts.insert(conn, "reversal_parts", "").await?;
    Ok(())
}

/// The columns of an entry that took credit, with what reversals gave back of it.
const TAKEN: &str = "e.transfer_id, e.lot_id, e.amount, e.currency, e.sequence, e.recorded_at, CAST(COALESCE((SELECT SUM(p.amount) \
                     FROM reversal_parts p WHERE p.tenant = e.tenant AND p.taken_by = e.transfer_id AND (p.from_lot_id = e.lot_id \
                     OR (p.from_lot_id IS NULL AND e.lot_id IS NULL))), 0) AS bigint) AS reversed";

/// What a transfer that accrues under a label took, in the order of consumption, less what
/// reversals gave back of it; with the amount that it took at first.
pub async fn taken_by<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    transfer: Id<Transfer>,
    label: &str,
) -> Result<(Vec<Taken>, Option<Money>), AppError> {
    let select = format!(
        "SELECT {TAKEN} FROM entries e WHERE e.tenant = $1 AND e.transfer_id = $2 AND e.sequence IS NOT NULL ORDER BY e.line"
    );
    let rows =
        sql::all(conn, &select, vec![tenant.as_str().into(), transfer.uuid().into()]).await?;
    let labels = vec![label.to_owned(); rows.len()];
    let mut whole: Option<Money> = None;
    for row in &rows {
        let part =
            money(&row.try_get::<String>("", "currency")?, row.try_get::<i64>("", "amount")?)?
                .negated();
        whole = Some(whole.map_or(Ok(part), |sum| sum.plus(part))?);
    }
    Ok((taken(conn, tenant, rows, labels).await?, whole))
}

/// The most payments of one debt that one reversal gives back.
const MOST_SETTLEMENTS: u64 = 100;

/// What of an entry is not given back yet, of those that took credit or left a debt.
const LEFT: &str = "-e.amount - COALESCE((SELECT SUM(p.amount) FROM reversal_parts p WHERE p.tenant = e.tenant \
                    AND p.taken_by = e.transfer_id AND (p.from_lot_id = e.lot_id OR (p.from_lot_id IS NULL AND e.lot_id IS NULL))), 0)";

/// What debits and fees left owing after an entry, up to another, that is not given back.
pub async fn owed_between<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: &Wallet,
    after: i64,
    until: i64,
) -> Result<Money, AppError> {
    let select = format!(
        "SELECT CAST(COALESCE(SUM({LEFT}), 0) AS bigint) AS owed FROM entries e JOIN transfers t ON t.tenant = e.tenant \
         AND t.id = e.transfer_id WHERE e.tenant = $1 AND e.wallet_id = $2 AND e.sequence > $3 AND e.sequence <= $4 AND e.lot_id IS NULL \
         AND e.amount < 0 AND t.kind IN ('DEBIT', 'CAPTURE', 'USAGE', 'FEE')"
    );
    let values = vec![tenant.as_str().into(), wallet.id.uuid().into(), after.into(), until.into()];
    let row = sql::one(conn, &select, values).await?;
    Ok(Money::from_micros(wallet.currency, row.map_or(Ok(0), |row| row.try_get("", "owed"))?))
}

/// The parts by which lots paid the debt that an entry left, oldest first, among the payments after
/// it and up to another entry.
pub async fn settled_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    after: i64,
    until: i64,
    debt: &DebtOf,
) -> Result<Vec<Taken>, AppError> {
    let select = format!(
        "SELECT * FROM (SELECT e.transfer_id, t.description, e.lot_id, e.amount, e.currency, e.sequence, e.recorded_at, \
         CAST(-e.amount - ({LEFT}) AS bigint) AS reversed, CAST(SUM({LEFT}) OVER (ORDER BY e.sequence DESC) AS bigint) AS down_to \
         FROM entries e JOIN transfers t ON t.tenant = e.tenant AND t.id = e.transfer_id WHERE e.tenant = $1 AND e.wallet_id = $2 \
         AND e.sequence > $3 AND e.sequence <= $4 AND e.lot_id IS NOT NULL AND t.kind = $5) AS paid \
         WHERE down_to > $6 AND down_to + amount + reversed < $7 ORDER BY sequence LIMIT {MOST_SETTLEMENTS}"
    );
    let kind = transfers::kind_name(TransferKind::OwedSettlement);
    let (from, to) = debt.payments()?;
    let values = vec![
        tenant.as_str().into(),
        wallet.uuid().into(),
        after.into(),
        until.into(),
        kind.into(),
        from.micros().into(),
        to.micros().into(),
    ];
    let rows = sql::all(conn, &select, values).await?;
    let sums =
        rows.iter().map(|row| row.try_get::<i64>("", "down_to")).collect::<Result<Vec<_>, _>>()?;
    // A payment of what is owed says what had left it; one from before that was kept says nothing,
    // and accrued so.
    let labels = rows.iter().map(|row| row.try_get("", "description")).collect::<Result<_, _>>()?;
    let mut takens = taken(conn, tenant, rows, labels).await?;
    for (taken, sum) in takens.iter_mut().zip(sums) {
        taken.left = debt.part_of(taken.left, Money::from_micros(taken.left.currency(), sum))?;
    }
    Ok(takens)
}

async fn taken<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<QueryResult>,
    labels: Vec<String>,
) -> Result<Vec<Taken>, AppError> {
    let ids = rows
        .iter()
        .map(|row| row.try_get::<Option<Uuid>>("", "lot_id"))
        .collect::<Result<Vec<_>, _>>()?;
    let found: HashMap<Uuid, Lot> =
        lots::find_many(conn, tenant, ids.iter().flatten().copied()).await?;
    let taken = |((row, lot), label): ((&QueryResult, &Option<Uuid>), String)| {
        let code: String = row.try_get("", "currency")?;
        let (amount, reversed) =
            (row.try_get::<i64>("", "amount")?, row.try_get::<i64>("", "reversed")?);
        let lot = match lot {
            None => None,
            Some(id) => Some(
                found
                    .get(id)
                    .cloned()
                    .ok_or_else(|| AppError::Fault(format!("an entry of lot {id}")))?,
            ),
        };
        Ok(Taken {
            by: Id::from_uuid(row.try_get("", "transfer_id")?),
            lot,
            left: money(&code, amount)?.negated().minus(money(&code, reversed)?)?,
            sequence: row.try_get("", "sequence")?,
            recorded_at: row.try_get("", "recorded_at")?,
            label,
            billed: false,
        })
    };
    rows.iter().zip(&ids).zip(labels).map(taken).collect()
}

/// What reversals took back of transfers or metered uses.
#[derive(Debug, Clone, Copy)]
pub struct Sum {
    /// How much.
    pub amount: Money,
    /// How much of the quantity; zero where none is known.
    pub quantity: Decimal,
}

/// The sums of what was reversed, by the id of the transfer or metered use; nothing for those that
/// stand.
pub async fn sums<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    transfers: &[Uuid],
    records: &[Uuid],
) -> Result<HashMap<Uuid, Sum>, AppError> {
    let mut sums = HashMap::new();
    for (column, ids) in [("transfer_id", transfers), ("usage_record_id", records)] {
        if ids.is_empty() {
            continue;
        }
        let (among, mut bound) = rows::among(conn, column, 2, ids);
        let select = format!(
            "SELECT {column} AS original, currency, CAST(SUM(amount) AS bigint) AS amount, CAST(SUM(COALESCE(quantity_millionths, 0)) AS bigint) \
             AS quantity FROM reversals WHERE tenant = $1 AND {among} GROUP BY {column}, currency"
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into()];
        values.append(&mut bound);
        for row in sql::all(conn, &select, values).await? {
            let amount =
                money(&row.try_get::<String>("", "currency")?, row.try_get("", "amount")?)?;
            let quantity = Decimal::new(row.try_get("", "quantity")?, 6).normalize();
            sums.insert(row.try_get::<Uuid>("", "original")?, Sum { amount, quantity });
        }
    }
    Ok(sums)
}

/// The transfers that reversals are of, by the reversals' ids.
pub async fn originals<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>, AppError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (among, mut bound) = rows::among(conn, "id", 2, ids);
    let select = format!(
        "SELECT id, transfer_id FROM reversals WHERE tenant = $1 AND {among} AND transfer_id IS NOT NULL"
    );
    let mut values: Vec<Value> = vec![tenant.as_str().into()];
    values.append(&mut bound);
    let rows = sql::all(conn, &select, values).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "transfer_id")?))).collect()
}

/// One reversal of a wallet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    id: Id<Reversal>,
) -> Result<Option<Reversal>, AppError> {
    let select = "SELECT * FROM reversals WHERE tenant = $1 AND wallet_id = $2 AND id = $3";
    let rows = sql::all(
        conn,
        select,
        vec![tenant.as_str().into(), wallet.uuid().into(), id.uuid().into()],
    )
    .await?;
    Ok(with_parts(conn, tenant, rows).await?.pop())
}

/// Reversals of a wallet below the id `before`, newest first; of one transfer or metered use if one
/// is named.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    original: Option<Uuid>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Reversal>, AppError> {
    let mut values: Vec<Value> = vec![tenant.as_str().into(), wallet.uuid().into(), before.into()];
    values.extend(original.map(Value::from));
    let named =
        if original.is_some() { " AND (transfer_id = $4 OR usage_record_id = $4)" } else { "" };
    let select = format!(
        "SELECT * FROM reversals WHERE tenant = $1 AND wallet_id = $2 AND id < $3{named} ORDER BY id DESC LIMIT {limit}"
    );
    let rows = sql::all(conn, &select, values).await?;
    with_parts(conn, tenant, rows).await
}

async fn with_parts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<QueryResult>,
) -> Result<Vec<Reversal>, AppError> {
    let ids =
        rows.iter().map(|row| row.try_get::<Uuid>("", "id")).collect::<Result<Vec<_>, _>>()?;
    let mut parts: HashMap<Uuid, Vec<Part>> = HashMap::new();
    if !ids.is_empty() {
        let (among, mut bound) = rows::among(conn, "reversal_id", 2, &ids);
        let select = format!(
            "SELECT * FROM reversal_parts WHERE tenant = $1 AND {among} ORDER BY reversal_id, place"
        );
        let mut values: Vec<Value> = vec![tenant.as_str().into()];
        values.append(&mut bound);
        for row in sql::all(conn, &select, values).await? {
            let lot = |column: &str| {
                Ok::<_, AppError>(row.try_get::<Option<Uuid>>("", column)?.map(Id::from_uuid))
            };
            let part = Part {
                taken_by: Id::from_uuid(row.try_get("", "taken_by")?),
                from: lot("from_lot_id")?,
                to: lot("to_lot_id")?,
                amount: money(&row.try_get::<String>("", "currency")?, row.try_get("", "amount")?)?,
            };
            parts.entry(row.try_get("", "reversal_id")?).or_default().push(part);
        }
    }
    rows.iter()
        .zip(ids)
        .map(|(row, id)| reversal(row, parts.remove(&id).unwrap_or_default()))
        .collect()
}

fn reversal(row: &QueryResult, parts: Vec<Part>) -> Result<Reversal, AppError> {
    let id: Uuid = row.try_get("", "id")?;
    let (transfer, record): (Option<Uuid>, Option<Uuid>) =
        (row.try_get("", "transfer_id")?, row.try_get("", "usage_record_id")?);
    let original = match (transfer, record) {
        (Some(transfer), _) => Reversed::Transfer(Id::from_uuid(transfer)),
        (None, Some(record)) => Reversed::MeteredUse(Id::from_uuid(record)),
        (None, None) => return Err(AppError::Fault(format!("reversal {id} of nothing"))),
    };
    let (effective_at, recorded_at): (DateTime<Utc>, DateTime<Utc>) =
        (row.try_get("", "effective_at")?, row.try_get("", "recorded_at")?);
    Ok(Reversal {
        id: Id::from_uuid(id),
        wallet: Id::from_uuid(row.try_get("", "wallet_id")?),
        original,
        amount: money(&row.try_get::<String>("", "currency")?, row.try_get("", "amount")?)?,
        quantity: row
            .try_get::<Option<i64>>("", "quantity_millionths")?
            .map(|millionths| Decimal::new(millionths, 6).normalize()),
        explanation: row.try_get("", "explanation")?,
        parts,
        effective_at,
        recorded_at,
    })
}
