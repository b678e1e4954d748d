//! Tables `accruals` and `month_closings`: what was used of each month that goes to invoices, by funding and
//! label, and how months were closed.

use super::{money, unknown};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_chassis::{
    AppError,
    rows::{self, Kind, Rows},
    sql,
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_wallet_domain::{Wallet, month::Funding, postpaid::Agreement};
use sea_orm::ConnectionTrait;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What accrued in one transaction: by wallet, month, funding and label.
pub type Sums = BTreeMap<(Id<Wallet>, NaiveDate, Funding, String), Money>;

const COLUMNS: [rows::Column; 8] = [
    ("tenant", Kind::Tenant),
    ("wallet_id", Kind::Id),
    ("month", Kind::Text),
    ("funding", Kind::Text),
    ("label", Kind::Text),
    ("closing_id", Kind::Id),
    ("amount", Kind::Number),
    ("currency", Kind::Text),
];
/// What happens to a sum that is there.
pub(super) const ADDED: &str =
    "ON CONFLICT (tenant, wallet_id, month, funding, label, closing_id) DO UPDATE SET amount = accruals.amount + excluded.amount";

/// The rows that add to the months' sums.
pub(super) fn rows(tenant: &TenantId, sums: &Sums) -> Rows<8> {
    let mut rows = Rows::new(COLUMNS);
    for ((wallet, month, funding, label), amount) in sums {
        rows.push([
            tenant.as_str().into(),
            wallet.uuid().into(),
            month.to_string().into(),
            funding.name().into(),
            label.as_str().into(),
            Uuid::nil().into(),
            amount.micros().into(),
            amount.currency().code().into(),
        ]);
    }
    rows
}

/// What is to be invoiced of a wallet's months up to one, by funding: labels and sums.
#[derive(Debug, Default)]
pub struct Open {
    /// What deposits paid.
    pub deposit: Vec<(String, Money)>,
    /// What accrued to the agreement.
    pub postpaid: Vec<(String, Money)>,
}

async fn summed<C: ConnectionTrait>(conn: &C, filter: &str, values: Vec<sea_orm::Value>) -> Result<Open, AppError> {
    let select = format!(
        "SELECT funding, label, currency, CAST(SUM(amount) AS bigint) AS amount FROM accruals \
         WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3{filter} GROUP BY funding, label, currency ORDER BY funding, label"
    );
    let mut open = Open::default();
    for row in sql::all(conn, &select, values).await? {
        let (funding, code): (String, String) = (row.try_get("", "funding")?, row.try_get("", "currency")?);
        let line = (row.try_get("", "label")?, money(&code, row.try_get("", "amount")?)?);
        match funding.as_str() {
            "DEPOSIT" => open.deposit.push(line),
            "POSTPAID" => open.postpaid.push(line),
            other => return Err(unknown("funding", other)),
        }
    }
    Ok(open)
}

/// Which accruals a closing takes: those up to its month; where an agreement ends with it, all that accrued
/// to that, since nobody else will bill it.
fn taken(ends: bool) -> &'static str {
    if ends { " AND (month <= $4 OR funding = 'POSTPAID')" } else { " AND month <= $4" }
}

/// What is not closed of a wallet's months up to one, and what else accrued to an agreement that ends.
pub async fn open<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    (month, ends): (NaiveDate, bool),
) -> Result<Open, AppError> {
    let values = vec![tenant.as_str().into(), wallet.uuid().into(), Uuid::nil().into(), month.to_string().into()];
    summed(conn, taken(ends), values).await
}

/// Whether something is not closed of a wallet's later months.
pub async fn later<C: ConnectionTrait>(conn: &C, tenant: &TenantId, wallet: Id<Wallet>, month: NaiveDate) -> Result<bool, AppError> {
    let select = "SELECT label FROM accruals WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3 AND month > $4 LIMIT 1";
    let values = vec![tenant.as_str().into(), wallet.uuid().into(), Uuid::nil().into(), month.to_string().into()];
    Ok(sql::one(conn, select, values).await?.is_some())
}

/// How a month of a wallet was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Its id: that of the payment of what deposits paid.
    pub id: Uuid,
    /// The wallet.
    pub wallet: Id<Wallet>,
    /// The month.
    pub month: NaiveDate,
    /// The agreement that was active.
    pub agreement: Option<Id<Agreement>>,
    /// What was missing to the month's commitment.
    pub shortfall: Money,
    /// The commitment of the months after a termination, and their number.
    pub rest: (Money, u32),
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Closes what [`open`] found.
pub async fn close<C: ConnectionTrait>(conn: &C, tenant: &TenantId, closing: &Closing, ends: bool) -> Result<(), AppError> {
    let insert = "INSERT INTO month_closings (tenant, id, wallet_id, month, agreement_id, shortfall, rest, rest_months, currency, created_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values = vec![
        tenant.as_str().into(),
        closing.id.into(),
        closing.wallet.uuid().into(),
        closing.month.to_string().into(),
        closing.agreement.map(Id::uuid).into(),
        closing.shortfall.micros().into(),
        closing.rest.0.micros().into(),
        i64::from(closing.rest.1).into(),
        closing.shortfall.currency().code().into(),
        closing.created_at.into(),
    ];
    sql::exec(conn, insert, values).await?;
    let update = format!("UPDATE accruals SET closing_id = $5 WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3{}", taken(ends));
    let month = closing.month.to_string();
    let values = vec![tenant.as_str().into(), closing.wallet.uuid().into(), Uuid::nil().into(), month.into(), closing.id.into()];
    sql::exec(conn, &update, values).await?;
    Ok(())
}

/// A closing, with what it closed.
pub async fn closed<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Uuid) -> Result<Option<(Closing, Open)>, AppError> {
    let select = "SELECT wallet_id, month, agreement_id, shortfall, rest, rest_months, currency, created_at FROM month_closings \
                  WHERE tenant = $1 AND id = $2";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), id.into()]).await? else { return Ok(None) };
    let (wallet, month, code): (Uuid, String, String) =
        (row.try_get("", "wallet_id")?, row.try_get("", "month")?, row.try_get("", "currency")?);
    let currency = Currency::parse(&code).ok_or_else(|| unknown("currency", &code))?;
    let agreement: Option<Uuid> = row.try_get("", "agreement_id")?;
    let rest_months: i64 = row.try_get("", "rest_months")?;
    let closing = Closing {
        id,
        wallet: Id::from_uuid(wallet),
        month: month.parse().map_err(|_| unknown("month", &month))?,
        agreement: agreement.map(Id::from_uuid),
        shortfall: Money::from_micros(currency, row.try_get("", "shortfall")?),
        rest: (Money::from_micros(currency, row.try_get("", "rest")?), u32::try_from(rest_months).unwrap_or_default()),
        created_at: row.try_get("", "created_at")?,
    };
    let open = summed(conn, "", vec![tenant.as_str().into(), wallet.into(), id.into()]).await?;
    Ok(Some((closing, open)))
}
