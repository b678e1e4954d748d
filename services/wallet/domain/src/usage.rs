//! Usage: records of what was used, and at which price (docs/domain/wallet.md#usage).

use crate::{
    ledger::{Transfer, TransferKind},
    metered::Metered,
    posting::{self, Debit},
    wallet::Wallet,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, calendar::first_of_month};
use rust_decimal::Decimal;

/// The age up to which usage is accepted: older months are invoiced.
pub const MOST_DAYS_OLD: i64 = 35;
/// How far the sender's clock may be ahead.
pub const MOST_MINUTES_AHEAD: i64 = 5;

/// One use of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Its id.
    pub id: Id<UsageRecord>,
    /// Its sequence number among the wallet's records.
    pub sequence: i64,
    /// What was used.
    pub product: String,
    /// How much of it.
    pub quantity: Decimal,
    /// Price of one.
    pub unit_price: Money,
    /// The amount taken.
    pub amount: Money,
    /// The transfer; `None` if nothing had to be taken.
    pub transfer: Option<Id<Transfer>>,
    /// The metered service that bills it, if no credit paid.
    pub metered: Option<Metered>,
    /// When it was used.
    pub used_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Whether the month of the use was over already, so that a later month has it.
    pub late: bool,
    /// The tenant's own id of it.
    pub external_id: Option<String>,
}

/// Whether a use of that day belongs to a month that is over.
#[must_use]
pub fn is_late(used_on: NaiveDate, today: NaiveDate) -> bool {
    first_of_month(used_on) < first_of_month(today)
}

/// A use to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// What was used.
    pub product: String,
    /// How much of it.
    pub quantity: Decimal,
    /// Price of one.
    pub unit_price: Money,
    /// When it was used; `None` for now.
    pub used_at: Option<DateTime<Utc>>,
    /// The tenant's own id of it.
    pub external_id: Option<String>,
}

/// The days of a use in the tenant's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UseDays {
    /// The day of the use.
    pub used_on: NaiveDate,
    /// The day on which it is recorded.
    pub today: NaiveDate,
}

/// The instant of a use. Refuses one that is too old or in the future.
pub(crate) fn dated(used: &Use, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let used_at = used.used_at.unwrap_or(now);
    if used_at < now - TimeDelta::days(MOST_DAYS_OLD) {
        return Err(Refusal::precondition(
            Reason::USAGE_TOO_OLD,
            "Usage is taken for the last 35 days only.",
        ));
    }
    if used_at > now + TimeDelta::minutes(MOST_MINUTES_AHEAD) {
        return Err(Refusal::precondition(
            Reason::USAGE_IN_FUTURE,
            "The usage is dated more than 5 minutes ahead. Correct the sender's clock.",
        ));
    }
    Ok(used_at)
}

/// Records one use and debits its price.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `USAGE_TOO_OLD`, `USAGE_IN_FUTURE`, `INSUFFICIENT_FUNDS`.
pub fn record(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    used: Use,
    UseDays { used_on, today }: UseDays,
    now: DateTime<Utc>,
) -> Result<UsageRecord, Refusal> {
    wallet.takes(used.unit_price)?;
    let used_at = dated(&used, now)?;
    let amount = Money::from_product(wallet.currency, used.unit_price.amount(), used.quantity)?;
    let transfer = if amount.is_positive() {
        let debit = Debit {
            amount,
            kind: TransferKind::Usage,
            into_negative: false,
            description: used.product.clone(),
        };
        let posted = posting::debit(wallet, ids, debit, now)?.transfer;
        if let Some(transfer) =
            wallet.transfers.iter_mut().rev().find(|transfer| transfer.id == posted)
        {
            transfer.unit_price = Some(used.unit_price);
        }
        Some(posted)
    } else {
        None
    };
    wallet.usage_count = wallet.usage_count.saturating_add(1);
    Ok(UsageRecord {
        id: ids.make(),
        sequence: wallet.usage_count,
        product: used.product,
        quantity: used.quantity,
        unit_price: used.unit_price,
        amount,
        transfer,
        metered: None,
        used_at,
        recorded_at: now.max(wallet.updated_at),
        late: is_late(used_on, today),
        external_id: used.external_id,
    })
}
