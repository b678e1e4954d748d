//! Loads what a transfer took, and what of it is not given back yet.

use crate::{
    store::{
        accruals::{self, ClosedSum, Key},
        holds,
        postpaid::{self, Standing},
        reversals, top_ups, transfers, usage,
        wallets::Locked,
    },
    use_cases::settings::limit::must_be_within_limit,
};
use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{day_in, first_of_month},
};
use payterms_wallet_domain::{
    Lot, Reversal, TaxKind, Transfer, TransferKind, Wallet,
    month::{self, Funding},
    not_reversible::{must_be_reversible, not_reversible, reversed_otherwise},
    original::{Original, Taken, UseOf},
    restore::DebtOf,
    settings::Together,
};
use std::collections::{BTreeMap, btree_map::Entry};
use uuid::Uuid;

/// The months to which an entry may belong that was recorded at an instant: that of the zone of
/// now, and the one whose end is nearest, to which it belongs if the zone was another then.
pub(super) fn months_of(tx: &WriteTx, recorded_at: DateTime<Utc>) -> [NaiveDate; 2] {
    let day = day_in(tx.time().zone, recorded_at);
    let month = first_of_month(day);
    let neighbour = if day.day() <= 15 {
        month.checked_sub_months(Months::new(1))
    } else {
        month.checked_add_months(Months::new(1))
    };
    [month, neighbour.unwrap_or(month)]
}

/// A closing that took a part of the transfer, and the sum in which it did.
pub(super) type BilledSum = (Uuid, Key);

/// Loads a transfer of a locked wallet, whose used-up lots become ready to take credit again; with
/// the first closing that took a part of it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `NOT_REVERSIBLE`.
pub(super) async fn load_original(
    tx: &WriteTx,
    locked: &mut Locked,
    id: Id<Transfer>,
) -> Result<(Original, Option<BilledSum>), AppError> {
    let (conn, tenant, wallet) = (tx.conn(), &tx.call().tenant, locked.wallet.id);
    let Some(head) = transfers::find(conn, tenant, wallet, id).await? else {
        return Err(not_a_transfer(tx, locked, id).await?);
    };
    must_be_reversible(head.kind)?;
    let used = if head.kind == TransferKind::Usage {
        use_of(tx, locked, &head.description, id).await?
    } else {
        None
    };
    let label =
        month::label(head.kind, &head.description, used.as_ref().map(|used| used.unit_price))
            .unwrap_or_default();
    let (mut taken, whole) = reversals::taken_by(conn, tenant, id, &label).await?;
    let amount = whole.unwrap_or_else(|| Money::zero(locked.wallet.currency));
    let debt = load_debt(tx, &locked.wallet, &taken).await?;
    let Debt { postpaid, unpaid, mut settled } = debt;
    let (by_agreement, by_lots): (Vec<_>, Vec<_>) =
        taken.iter_mut().partition(|taken| taken.lot.is_none());
    let mut billed = mark_billed(tx, wallet, Funding::Deposit, by_lots).await?;
    if postpaid {
        billed = billed.or(mark_billed(tx, wallet, Funding::Postpaid, by_agreement).await?);
    }
    billed =
        billed.or(mark_billed(tx, wallet, Funding::Deposit, settled.iter_mut().collect()).await?);
    let lots: Vec<Lot> =
        taken.iter().chain(&settled).filter_map(|taken| taken.lot.clone()).collect();
    locked.recall(lots);
    let original = Original {
        transfer: id,
        kind: head.kind,
        amount,
        taken,
        settled,
        unpaid,
        postpaid,
        used,
        effective_at: head.effective_at,
    };
    Ok((original, billed))
}

/// What became of what a transfer left owing.
struct Debt {
    postpaid: bool,
    unpaid: Money,
    settled: Vec<Taken>,
}

async fn load_debt(tx: &WriteTx, wallet: &Wallet, taken: &[Taken]) -> Result<Debt, AppError> {
    let (conn, tenant, zero) = (tx.conn(), &tx.call().tenant, Money::zero(wallet.currency));
    let none = Debt { postpaid: false, unpaid: zero, settled: Vec::new() };
    let Some(owed) = taken.iter().find(|taken| taken.lot.is_none() && taken.left.is_positive())
    else {
        return Ok(none);
    };
    let next = match postpaid::standing_of(conn, tenant, wallet.id, owed.sequence).await? {
        Standing::Within => return Ok(Debt { postpaid: true, unpaid: owed.left, ..none }),
        Standing::Before(next) => next,
    };
    // An agreement begins without a debt, so all that was owed before the next one is paid.
    let stands = if next.is_some() { zero } else { wallet.owed_for_use()? };
    let (after, until) = (owed.sequence, next.unwrap_or(wallet.sequence));
    let newer = reversals::owed_between(conn, tenant, wallet, after, until).await?;
    let debt = DebtOf::new(owed.left, newer, stands)?;
    Ok(Debt {
        postpaid: false,
        unpaid: debt.unpaid,
        settled: reversals::settled_of(conn, tenant, wallet.id, after, until, &debt).await?,
    })
}

/// Marks what an invoice bills, since a closing of its month went over it; returns the first of
/// these closings.
async fn mark_billed(
    tx: &WriteTx,
    wallet: Id<Wallet>,
    funding: Funding,
    taken: Vec<&mut Taken>,
) -> Result<Option<BilledSum>, AppError> {
    let accrues = |taken: &Taken| {
        funding == Funding::Postpaid
            || taken.lot.as_ref().is_some_and(|lot| lot.tax_kind == Some(TaxKind::Deposit))
    };
    let (mut found, mut first): (BTreeMap<Key, Vec<ClosedSum>>, _) = (BTreeMap::new(), None);
    for taken in taken.into_iter().filter(|taken| taken.left.is_positive() && accrues(taken)) {
        for month in months_of(tx, taken.recorded_at) {
            let key = Key { month, funding, label: taken.label.clone() };
            let closings = match found.entry(key.clone()) {
                Entry::Occupied(occupied_entry) => occupied_entry.into_mut(),
                Entry::Vacant(vacant_entry) => vacant_entry.insert(
                    accruals::closings_of(tx.conn(), &tx.call().tenant, wallet, &key).await?,
                ),
            };
            if let Some(closing) =
                accruals::closing_over(closings, taken.sequence, taken.recorded_at)
            {
                taken.billed = true;
                first = first.or(Some((closing, key)));
                break;
            }
        }
    }
    Ok(first)
}

/// The refusal of an id that is no transfer's: it may be a hold's, a top-up's or a use's.
async fn not_a_transfer(
    tx: &WriteTx,
    locked: &Locked,
    id: Id<Transfer>,
) -> Result<AppError, AppError> {
    let (conn, tenant, wallet) = (tx.conn(), &tx.call().tenant, locked.wallet.id);
    if holds::find(conn, tenant, wallet, Id::from_uuid(id.uuid())).await?.is_some() {
        return Ok(not_reversible("VoidHold").into());
    }
    if let Some(record) = usage::find(conn, tenant, wallet, Id::from_uuid(id.uuid())).await? {
        return Ok(reversed_otherwise(&record).into());
    }
    let top_up = top_ups::find(conn, tenant, Id::from_uuid(id.uuid())).await?;
    Ok(if top_up.is_some_and(|top_up| top_up.wallet == wallet) {
        not_reversible("RefundTopUp")
    } else {
        Refusal::not_found()
    }
    .into())
}

async fn use_of(
    tx: &WriteTx,
    locked: &Locked,
    product: &str,
    transfer: Id<Transfer>,
) -> Result<Option<UseOf>, AppError> {
    let (conn, tenant) = (tx.conn(), &tx.call().tenant);
    let Some(record) =
        usage::of_transfer(conn, tenant, locked.wallet.id, product, transfer).await?
    else {
        return Ok(None);
    };
    let sums = reversals::sums(conn, tenant, &[transfer.uuid()], &[]).await?;
    let reversed = sums.get(&transfer.uuid()).map(|sum| sum.quantity).unwrap_or_default();
    Ok(Some(UseOf { quantity: record.quantity, unit_price: record.unit_price, reversed }))
}

/// Refuses a reversal that comes to more than one person may give back, together with those before
/// it: many small ones are a large one.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub(super) async fn must_be_one_persons(
    tx: &WriteTx,
    before: Money,
    reversal: &Reversal,
) -> Result<(), AppError> {
    let what = "all that is given back of one debit, capture, use or fee";
    must_be_within_limit(tx, Together { what, so_far: before, amount: reversal.amount }).await
}
