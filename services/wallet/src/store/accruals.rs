//! Tables `accruals` and `month_closings`: the usage of each month that goes to invoices, by
//! funding and label, and the closings of months.

use super::{money, unknown};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_chassis::{AppError, rows::Rows, sql};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_wallet_domain::{Wallet, month::Funding, postpaid::Agreement};
use sea_orm::{ConnectionTrait, QueryResult};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The accruals of one transaction: amounts by wallet, month, funding and label.
pub type Sums = BTreeMap<(Id<Wallet>, NaiveDate, Funding, String), Money>;

payterms_chassis::table! {
    /// A row: what a wallet's month comes to by funding and label. `closing_id` is nil until a
    /// closing has billed it.
    row "accruals"
    key {
        wallet_id: Uuid,
        month: String,
        funding: String,
        label: String,
        closing_id: Uuid,
    }
    fixed { currency: String, }
    changing { amount: i64, }
}

/// Adds to an existing sum.
pub(super) const ADDED: &str = "ON CONFLICT (tenant, wallet_id, month, funding, label, closing_id) DO UPDATE SET amount = accruals.amount + excluded.amount";

/// The rows that add to the months' sums.
pub(super) fn rows(tenant: &TenantId, sums: &Sums) -> Rows<{ Row::WIDTH }> {
    let mut rows = Rows::new(Row::COLUMNS);
    for ((wallet, month, funding, label), amount) in sums {
        let row = Row {
            tenant: tenant.to_string(),
            wallet_id: wallet.uuid(),
            month: month.to_string(),
            funding: funding.name().to_owned(),
            label: label.clone(),
            closing_id: Uuid::nil(),
            currency: amount.currency().code().to_owned(),
            amount: amount.micros(),
        };
        rows.push(row.inserted());
    }
    rows
}

/// Whether the wallet's postpaid agreement goes on after a closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgreementEnd {
    /// There is none, or it goes on.
    Continues,
    /// It ends with this closing.
    Ends,
}

/// The commitment of the months after a termination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestOfCommitment {
    /// The sum for all these months.
    pub amount: Money,
    /// Their number.
    pub months: u32,
}

/// Labels of one funding that are lines of their own; the smallest of more come as the rest.
const MOST_LABELS: i64 = 400;

/// The open accruals of a wallet up to a month, by funding: labels and sums.
#[derive(Debug, Default)]
pub struct Open {
    /// The usage that deposits paid.
    pub deposit: Vec<(String, Money)>,
    /// The usage that accrued to the agreement.
    pub postpaid: Vec<(String, Money)>,
}

async fn summed<C: ConnectionTrait>(
    conn: &C,
    filter: &str,
    values: Vec<sea_orm::Value>,
) -> Result<Open, AppError> {
    let select = format!(
        "SELECT funding, label, currency, CAST(SUM(amount) AS bigint) AS amount FROM \
         (SELECT funding, currency, amount, CASE WHEN place <= {MOST_LABELS} THEN label ELSE '' END AS label FROM \
         (SELECT funding, label, currency, SUM(amount) AS amount, \
         ROW_NUMBER() OVER (PARTITION BY funding ORDER BY SUM(amount) DESC, label) AS place FROM accruals \
         WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3{filter} GROUP BY funding, label, currency) AS labels) AS shown \
         GROUP BY funding, label, currency ORDER BY funding, label"
    );
    let mut open = Open::default();
    for row in sql::all(conn, &select, values).await? {
        let funding: String = row.try_get("", "funding")?;
        let code: String = row.try_get("", "currency")?;
        let line = (row.try_get("", "label")?, money(&code, row.try_get("", "amount")?)?);
        match funding.as_str() {
            "DEPOSIT" => open.deposit.push(line),
            "POSTPAID" => open.postpaid.push(line),
            other => return Err(unknown("funding", other)),
        }
    }
    Ok(open)
}

/// The condition for the accruals that a closing includes: those up to its month. If an agreement
/// ends with it, all that accrued to the agreement, since no later closing would bill it.
fn closed_rows(end: AgreementEnd) -> &'static str {
    match end {
        AgreementEnd::Ends => " AND (month <= $4 OR funding = 'POSTPAID')",
        AgreementEnd::Continues => " AND month <= $4",
    }
}

/// The open accruals of a wallet up to a month, and later ones of an agreement that ends.
pub async fn open<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    month: NaiveDate,
    end: AgreementEnd,
) -> Result<Open, AppError> {
    let values = vec![
        tenant.as_str().into(),
        wallet.uuid().into(),
        Uuid::nil().into(),
        month.to_string().into(),
    ];
    summed(conn, closed_rows(end), values).await
}

/// Whether a wallet has open accruals of later months.
pub async fn later<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    month: NaiveDate,
) -> Result<bool, AppError> {
    let select = "SELECT label FROM accruals WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3 AND month > $4 LIMIT 1";
    let values = vec![
        tenant.as_str().into(),
        wallet.uuid().into(),
        Uuid::nil().into(),
        month.to_string().into(),
    ];
    Ok(sql::one(conn, select, values).await?.is_some())
}

/// The closing of a wallet's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Its id, which is also the id of the payment for the usage that deposits paid.
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
    pub rest: RestOfCommitment,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When the month ended, in the zone of then; `None` for closings from before it was kept.
    pub ended_at: Option<DateTime<Utc>>,
    /// The wallet's last entry before it; `None` for closings from before it was kept.
    pub last_sequence: Option<i64>,
}

/// A sum of a month that goes to an invoice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// First day of the month.
    pub month: NaiveDate,
    /// How the use was paid.
    pub funding: Funding,
    /// Its label.
    pub label: String,
}

impl Key {
    fn values(&self, tenant: &TenantId, wallet: Id<Wallet>) -> Vec<sea_orm::Value> {
        vec![
            tenant.as_str().into(),
            wallet.uuid().into(),
            self.month.to_string().into(),
            self.funding.name().into(),
            self.label.as_str().into(),
        ]
    }
}

/// The condition of a key's values.
const OF_KEY: &str =
    "a.tenant = $1 AND a.wallet_id = $2 AND a.month = $3 AND a.funding = $4 AND a.label = $5";

/// A closing that took what accrued under a key.
#[derive(Debug)]
pub struct ClosedSum {
    id: Uuid,
    last_sequence: Option<i64>,
    created_at: DateTime<Utc>,
    /// When the sum's month ended; `None` where the closing took later months too, or from before
    /// it was kept.
    ended_at: Option<DateTime<Utc>>,
}

impl ClosedSum {
    /// Whether the closing went over an entry. One that was late has entries of the next month
    /// before it.
    fn covers(&self, sequence: i64, recorded_at: DateTime<Utc>) -> bool {
        let is_before =
            self.last_sequence.map_or(self.created_at >= recorded_at, |last| last >= sequence);
        is_before && self.ended_at.is_none_or(|end| recorded_at < end)
    }
}

/// The closing among some that went over an entry.
#[must_use]
pub fn closing_over(
    closings: &[ClosedSum],
    sequence: i64,
    recorded_at: DateTime<Utc>,
) -> Option<Uuid> {
    closings.iter().find(|closing| closing.covers(sequence, recorded_at)).map(|closing| closing.id)
}

/// The closings that took what accrued under a key, in order.
pub async fn closings_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    key: &Key,
) -> Result<Vec<ClosedSum>, AppError> {
    let select = format!(
        "SELECT c.id, c.last_sequence, c.created_at, CASE WHEN a.month <= c.month THEN c.ended_at END AS ended_at FROM accruals a \
         JOIN month_closings c ON c.tenant = a.tenant AND c.id = a.closing_id WHERE {OF_KEY} ORDER BY c.created_at, c.id"
    );
    let closing = |row: &QueryResult| {
        Ok(ClosedSum {
            id: row.try_get("", "id")?,
            last_sequence: row.try_get("", "last_sequence")?,
            created_at: row.try_get("", "created_at")?,
            ended_at: row.try_get("", "ended_at")?,
        })
    };
    sql::all(conn, &select, key.values(tenant, wallet)).await?.iter().map(closing).collect()
}

/// Lowers a sum that no closing has taken yet; false if less than that is open.
pub async fn lower<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    key: &Key,
    amount: Money,
) -> Result<bool, AppError> {
    let of_key = OF_KEY.replace("a.", "");
    let mut values = key.values(tenant, wallet);
    values.extend([Uuid::nil().into(), amount.micros().into()]);
    let update = format!(
        "UPDATE accruals SET amount = amount - $7 WHERE {of_key} AND closing_id = $6 AND amount > $7"
    );
    if sql::exec(conn, &update, values.clone()).await? > 0 {
        return Ok(true);
    }
    let delete = format!("DELETE FROM accruals WHERE {of_key} AND closing_id = $6 AND amount = $7");
    Ok(sql::exec(conn, &delete, values).await? > 0)
}

/// Stores a closing and marks the accruals that [`open`] returns as closed by it.
pub async fn close<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    closing: &Closing,
    end: AgreementEnd,
) -> Result<(), AppError> {
    let insert = "INSERT INTO month_closings (tenant, id, wallet_id, month, agreement_id, shortfall, rest, rest_months, currency, created_at, \
                  last_sequence, ended_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let values = vec![
        tenant.as_str().into(),
        closing.id.into(),
        closing.wallet.uuid().into(),
        closing.month.to_string().into(),
        closing.agreement.map(Id::uuid).into(),
        closing.shortfall.micros().into(),
        closing.rest.amount.micros().into(),
        i64::from(closing.rest.months).into(),
        closing.shortfall.currency().code().into(),
        closing.created_at.into(),
        closing.last_sequence.into(),
        closing.ended_at.into(),
    ];
    sql::exec(conn, insert, values).await?;
    let update = format!(
        "UPDATE accruals SET closing_id = $5 WHERE tenant = $1 AND wallet_id = $2 AND closing_id = $3{}",
        closed_rows(end)
    );
    let month = closing.month.to_string();
    let values = vec![
        tenant.as_str().into(),
        closing.wallet.uuid().into(),
        Uuid::nil().into(),
        month.into(),
        closing.id.into(),
    ];
    sql::exec(conn, &update, values).await?;
    Ok(())
}

/// A closing with the accruals that it closed.
pub async fn closed<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<(Closing, Open)>, AppError> {
    let select = "SELECT wallet_id, month, agreement_id, shortfall, rest, rest_months, currency, created_at, last_sequence, ended_at FROM month_closings \
                  WHERE tenant = $1 AND id = $2";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), id.into()]).await? else {
        return Ok(None);
    };
    let wallet: Uuid = row.try_get("", "wallet_id")?;
    let month: String = row.try_get("", "month")?;
    let code: String = row.try_get("", "currency")?;
    let currency = Currency::parse(&code).ok_or_else(|| unknown("currency", &code))?;
    let agreement: Option<Uuid> = row.try_get("", "agreement_id")?;
    let rest_months: i64 = row.try_get("", "rest_months")?;
    let closing = Closing {
        id,
        wallet: Id::from_uuid(wallet),
        month: month.parse().map_err(|_| unknown("month", &month))?,
        agreement: agreement.map(Id::from_uuid),
        shortfall: Money::from_micros(currency, row.try_get("", "shortfall")?),
        rest: RestOfCommitment {
            amount: Money::from_micros(currency, row.try_get("", "rest")?),
            months: u32::try_from(rest_months).unwrap_or_default(),
        },
        created_at: row.try_get("", "created_at")?,
        last_sequence: row.try_get("", "last_sequence")?,
        ended_at: row.try_get("", "ended_at")?,
    };
    let open = summed(conn, "", vec![tenant.as_str().into(), wallet.into(), id.into()]).await?;
    Ok(Some((closing, open)))
}
