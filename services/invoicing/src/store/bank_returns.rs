//! Lines that returns of a bank may take back: rows of table `bank_lines`.

use super::{
    bank_bookings::references_of,
    bank_lines::{Column, Entity, line},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    BankLine,
    bank::{LineState, RETURNED_WITHIN},
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};
use std::collections::{BTreeMap, BTreeSet};

/// Lines that are looked at for the returns of one file: with more of the same amounts, a person
/// chooses.
const MOST_ORIGINALS: usize = 2_000;

/// The references of a line: kind and value.
pub type References = BTreeSet<(String, String)>;

/// Lines that may have been returned.
#[derive(Debug)]
pub struct Originals {
    /// The lines with their references, the newest first.
    pub lines: Vec<(BankLine, References)>,
    /// Whether these are all.
    pub is_complete: bool,
}

/// The lines of the amounts, accounts and days that some returns may take back.
pub async fn originals<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    returns: &[&mut BankLine],
) -> Result<Originals, AppError> {
    let shown = || returns.iter().map(|line| &line.shown);
    let oldest = shown()
        .filter_map(|shown| shown.booked_on.checked_sub_days(RETURNED_WITHIN))
        .min()
        .unwrap_or_default();
    let newest = shown().map(|shown| shown.booked_on).max().unwrap_or_default();
    let open =
        [LineState::Unmatched, LineState::Suggested, LineState::Matched, LineState::Dismissed];
    let amounts: BTreeSet<i64> = shown().map(|shown| shown.amount.negated().micros()).collect();
    let accounts: BTreeSet<&str> = shown().map(|shown| shown.account_key.as_str()).collect();
    let currencies: BTreeSet<&str> = shown().map(|shown| shown.amount.currency().code()).collect();
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::BookedOn.between(oldest.to_string(), newest.to_string()))
        .filter(Column::Currency.is_in(currencies))
        .filter(Column::Amount.is_in(amounts))
        .filter(Column::AccountKey.is_in(accounts))
        .filter(Column::IsReturn.eq(false))
        .filter(Column::State.is_in(open.map(LineState::name)))
        .order_by_desc(Column::BookedOn)
        .order_by_desc(Column::Id)
        .limit(u64::try_from(MOST_ORIGINALS).unwrap_or(u64::MAX).saturating_add(1));
    let mut rows = query.all(conn).await?;
    let is_complete = rows.len() <= MOST_ORIGINALS;
    rows.truncate(MOST_ORIGINALS);
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let references = references_of(row.booking())?;
        lines.push((line(row)?, references));
    }
    Ok(Originals { lines, is_complete })
}

/// The references of lines.
pub async fn references<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<BankLine>],
) -> Result<BTreeMap<Id<BankLine>, References>, AppError> {
    let query = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Booking])
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    let rows: Vec<(Uuid, String)> = query.into_tuple().all(conn).await?;
    rows.into_iter()
        .map(|(id, booking)| Ok((Id::from_uuid(id), references_of(&booking)?)))
        .collect()
}
