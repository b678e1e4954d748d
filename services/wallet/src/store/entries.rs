//! Table `entries`: the lines of the ledger, written once, never changed. A movement between two
//! accounts is one row that names both, which halves the rows of a debit. The view `journal` shows
//! each side as a line.

use super::{lots, money, transfers};
use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, rows::Rows};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Account, Entry, Lot, Transfer, Wallet};
use sea_orm::{ExprTrait, QueryOrder, QuerySelect, entity::prelude::*};

payterms_chassis::table! {
    /// A row.
    entity "entries"
    key { transfer_id: Uuid, line: i64, }
    fixed {
        account: String,
        /// The account of the other side, which has the opposite amount; none if more than two
        /// accounts took part.
        contra: Option<String>,
        wallet_id: Uuid,
        lot_id: Option<Uuid>,
        amount: i64,
        currency: String,
        sequence: Option<i64>,
        balance_after: Option<i64>,
        recorded_at: ChronoDateTimeUtc,
        effective_at: ChronoDateTimeUtc,
    }
    changing {}
    unread {}
}

/// The transfer that an entry is a line of.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its transfer.
    #[sea_orm(
        belongs_to = "transfers::Entity",
        from = "(Column::Tenant, Column::TransferId)",
        to = "(transfers::Column::Tenant, transfers::Column::Id)"
    )]
    Transfer,
}

impl ActiveModelBehavior for ActiveModel {}

fn account_name(account: Account) -> &'static str {
    match account {
        Account::CustomerCredit => "CUSTOMER_CREDIT",
        Account::Revenue => "REVENUE",
        Account::InvoiceSettlement => "INVOICE_SETTLEMENT",
        Account::Promotion => "PROMOTION",
        Account::ProviderClearing => "PROVIDER_CLEARING",
        Account::BankClearing => "BANK_CLEARING",
        Account::TaxPayable => "TAX_PAYABLE",
        Account::Breakage => "BREAKAGE",
        Account::Receivable => "RECEIVABLE",
        Account::Rounding => "ROUNDING",
        Account::Withheld => "WITHHELD",
    }
}

/// The rows of the entries of transfers.
pub(super) fn rows(
    tenant: &TenantId,
    transfers: &[(Id<Wallet>, Transfer)],
) -> Rows<{ Model::WIDTH }> {
    let mut rows = Rows::new(Model::COLUMNS);
    for (wallet, transfer) in transfers {
        for (line, (entry, contra)) in (1_i64..).zip(lines(&transfer.entries)) {
            let row = Model {
                tenant: tenant.to_string(),
                transfer_id: transfer.id.uuid(),
                line,
                account: account_name(entry.account).to_owned(),
                contra: contra.map(|account| account_name(account).to_owned()),
                wallet_id: wallet.uuid(),
                lot_id: entry.lot.map(Id::uuid),
                amount: entry.amount.micros(),
                currency: entry.amount.currency().code().to_owned(),
                sequence: entry.running.map(|running| running.sequence),
                balance_after: entry.running.map(|running| running.balance_after.micros()),
                recorded_at: transfer.recorded_at,
                effective_at: transfer.effective_at,
            };
            rows.push(row.inserted());
        }
    }
    rows
}

/// The rows of a transfer: a single one if the second entry only mirrors the first on a control
/// account.
fn lines(entries: &[Entry]) -> Vec<(&Entry, Option<Account>)> {
    let plain = |entry: &Entry| entry.lot.is_none() && entry.running.is_none();
    match entries {
        [entry, other] | [other, entry] if plain(other) => vec![(entry, Some(other.account))],
        all => all.iter().map(|entry| (entry, None)).collect(),
    }
}

/// The credit that a payment took from each lot, in that order.
pub async fn taken_by<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<Vec<(Lot, Money)>, AppError> {
    let Some(transfer) = transfers::of_credit(conn, tenant, payment).await? else {
        return Ok(Vec::new());
    };
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::TransferId.eq(transfer))
        .filter(Column::LotId.is_not_null())
        .order_by_asc(Column::Line);
    let rows = rows.all(conn).await?;
    let mut found = lots::find_many(conn, tenant, rows.iter().filter_map(|row| row.lot_id)).await?;
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(lot) = row.lot_id.and_then(|lot| found.remove(&lot)) {
            taken.push((lot, money(&row.currency, row.amount)?.negated()));
        }
    }
    Ok(taken)
}

/// The last entry recorded by an instant: its sequence and the balance after it.
pub async fn last_recorded<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: Id<Wallet>,
    at: DateTime<Utc>,
) -> Result<Option<(i64, Money)>, AppError> {
    let row = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.uuid()))
        .filter(Column::Sequence.is_not_null())
        .filter(Column::RecordedAt.lte(at))
        .order_by_desc(Column::Sequence)
        .one(conn)
        .await?;
    row.map(|row| {
        Ok((
            row.sequence.unwrap_or_default(),
            money(&row.currency, row.balance_after.unwrap_or_default())?,
        ))
    })
    .transpose()
}

/// The sum of all entries in force by an instant, by effective time, and the last sequence among
/// them.
pub async fn effective_sum<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: &Wallet,
    at: DateTime<Utc>,
) -> Result<(i64, Money), AppError> {
    let sum: Option<(Option<i64>, Option<i64>)> = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.id.uuid()))
        .filter(Column::Sequence.is_not_null())
        .filter(Column::EffectiveAt.lte(at))
        .select_only()
        .column_as(Column::Sequence.max(), "last")
        .column_as(Column::Amount.sum().cast_as("bigint"), "sum")
        .into_tuple()
        .one(conn)
        .await?;
    let (last, sum) = sum.unwrap_or_default();
    Ok((last.unwrap_or_default(), Money::from_micros(wallet.currency, sum.unwrap_or_default())))
}
