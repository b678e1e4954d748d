//! Table `provider_transactions`: what moved the balance at a provider, as the provider lists it.
//! Rows never change, but for the payout that takes them up.

use super::{money, unknown};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    rows::{Kind, Rows},
    sql,
};
use payterms_kernel::TenantId;
use payterms_wallet_domain::provider_payout::{Added, ProviderTransaction, Sums, TransactionKind};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

const COLUMNS: &str = "provider_transaction_id, kind, provider_record_id, provider_charge_id, amount, fee, currency, payout_id, created_at, \
                       available_at";
/// What is added up, in whole millionths.
const ADDED: &str = "currency, kind, CAST(sum(amount) AS bigint) AS amount, CAST(sum(fee) AS bigint) AS fee, CAST(count(*) AS bigint) AS \
                     number FROM provider_transactions";

fn kind(name: &str) -> Result<TransactionKind, AppError> {
    TransactionKind::named(name).ok_or_else(|| unknown("transaction", name))
}

fn transaction(row: &QueryResult) -> Result<ProviderTransaction, AppError> {
    let (currency, name): (String, String) =
        (row.try_get("", "currency")?, row.try_get("", "kind")?);
    Ok(ProviderTransaction {
        id: row.try_get("", "provider_transaction_id")?,
        kind: kind(&name)?,
        source: row.try_get("", "provider_record_id")?,
        charge: row.try_get("", "provider_charge_id")?,
        amount: money(&currency, row.try_get("", "amount")?)?,
        fee: money(&currency, row.try_get("", "fee")?)?,
        created_at: row.try_get("", "created_at")?,
        available_at: row.try_get("", "available_at")?,
        payout: row.try_get("", "payout_id")?,
    })
}

/// Stores transactions; of those that are stored, the payout.
pub async fn save(
    tx: &WriteTx,
    provider: &str,
    transactions: &[ProviderTransaction],
) -> Result<(), AppError> {
    let mut rows = Rows::new([
        ("tenant", Kind::Tenant),
        ("provider", Kind::Text),
        ("provider_transaction_id", Kind::Text),
        ("kind", Kind::Text),
        ("provider_record_id", Kind::Text),
        ("provider_charge_id", Kind::Text),
        ("amount", Kind::Number),
        ("fee", Kind::Number),
        ("currency", Kind::Text),
        ("payout_id", Kind::MaybeId),
        ("created_at", Kind::Time),
        ("available_at", Kind::Time),
    ]);
    for transaction in transactions {
        rows.push([
            tx.call().tenant.as_str().into(),
            provider.into(),
            transaction.id.as_str().into(),
            transaction.kind.name().into(),
            transaction.source.as_str().into(),
            transaction.charge.as_str().into(),
            transaction.amount.micros().into(),
            transaction.fee.micros().into(),
            transaction.amount.currency().code().into(),
            transaction.payout.into(),
            transaction.created_at.into(),
            transaction.available_at.into(),
        ]);
    }
    let conflict = "ON CONFLICT (tenant, provider, provider_transaction_id) DO UPDATE SET payout_id = excluded.payout_id \
                    WHERE excluded.payout_id IS NOT NULL";
    rows.insert(tx.conn(), "provider_transactions", conflict).await?;
    Ok(())
}

/// Transactions after an id, of one payout where one is named.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payout: Option<Uuid>,
    after: &str,
    limit: u64,
) -> Result<Vec<ProviderTransaction>, AppError> {
    let mut values: Vec<Value> =
        vec![tenant.as_str().into(), after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let of_payout = payout.map_or("", |payout| {
        values.push(payout.into());
        " AND payout_id = $4"
    });
    let select = format!(
        "SELECT {COLUMNS} FROM provider_transactions WHERE tenant = $1 AND provider_transaction_id > $2{of_payout} \
         ORDER BY provider_transaction_id LIMIT $3"
    );
    sql::all(conn, &select, values).await?.iter().map(transaction).collect()
}

/// Adds rows of sums up, each under its key.
fn add_up<K: Ord>(
    rows: &[QueryResult],
    key: impl Fn(&QueryResult) -> Result<K, AppError>,
) -> Result<BTreeMap<K, Sums>, AppError> {
    let mut sums = BTreeMap::new();
    for row in rows {
        let (currency, name): (String, String) =
            (row.try_get("", "currency")?, row.try_get("", "kind")?);
        let amount = money(&currency, row.try_get("", "amount")?)?;
        let fee = money(&currency, row.try_get("", "fee")?)?;
        let added = Added { kind: kind(&name)?, amount, fee, count: row.try_get("", "number")? };
        let sum = sums.entry(key(row)?).or_insert_with(|| Sums::none(amount.currency()));
        *sum = sum.with(added)?;
    }
    Ok(sums)
}

/// What the transactions of payouts come to; those without any are left out.
pub async fn sums_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payouts: &[Uuid],
) -> Result<BTreeMap<Uuid, Sums>, AppError> {
    if payouts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let places = (2..payouts.len().saturating_add(2))
        .map(|place| format!("${place}"))
        .collect::<Vec<_>>()
        .join(", ");
    let select = format!(
        "SELECT payout_id, {ADDED} WHERE tenant = $1 AND payout_id IN ({places}) GROUP BY payout_id, currency, kind"
    );
    let values = std::iter::once(tenant.as_str().into())
        .chain(payouts.iter().map(|id| (*id).into()))
        .collect();
    add_up(&sql::all(conn, &select, values).await?, |row| Ok(row.try_get("", "payout_id")?))
}

/// What all transactions come to, by currency: those before an instant, where one is named.
pub async fn sums_until<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    at: Option<DateTime<Utc>>,
) -> Result<Vec<Sums>, AppError> {
    let before = if at.is_some() { " AND created_at < $2" } else { "" };
    let select = format!("SELECT {ADDED} WHERE tenant = $1{before} GROUP BY currency, kind");
    let values = std::iter::once(tenant.as_str().into()).chain(at.map(Value::from)).collect();
    let rows = sql::all(conn, &select, values).await?;
    let sums = add_up(&rows, |row| Ok(row.try_get::<String>("", "currency")?))?;
    Ok(sums.into_values().collect())
}
