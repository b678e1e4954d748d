//! What the lists of entries and of usage records have in common: they follow the indexes that the
//! ledger has in any case.
//!
//! Of known wallets the order is wallet by wallet, by the wallet's own sequence. Over all wallets
//! of a tenant it is by the ids of transfers and records, which begin with the instant of their
//! recording, so that a period bounds the ids to read.

use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{
    AppError,
    columns::unknown,
    filter::{Comparison, Operator, Value},
    keyset::{Key, Position},
    listing::Listing,
};
use payterms_kernel::Id;
use payterms_wallet_domain::Wallet;
use sea_orm::{
    ExprTrait, Order,
    sea_query::{Alias, Asterisk, Expr, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

/// Whose history is listed.
#[derive(Debug, Clone)]
pub enum Span {
    /// That of these wallets of a customer.
    Wallets(Vec<Id<Wallet>>),
    /// That of the whole tenant.
    Tenant {
        /// Whether ids have the instant of their recording. Under a stopped test clock ids still
        /// grow, so they may lie after the clock's time.
        ids_have_the_time: bool,
    },
}

/// How far from its recording a compared time may be: before it at most, and after it at most.
pub(super) type Distance = (TimeDelta, TimeDelta);

/// The wallets from a position on, in the order of the list, each with the sequence after which its
/// page begins.
pub(super) fn wallets_after(
    wallets: &[Id<Wallet>],
    listing: &Listing,
    after: Option<&Position>,
) -> Result<Vec<(Uuid, Option<i64>)>, AppError> {
    let mut ordered: Vec<Uuid> = wallets.iter().map(|wallet| wallet.uuid()).collect();
    ordered.sort_unstable();
    if listing.order.descending {
        ordered.reverse();
    }
    let Some(position) = after else {
        return Ok(ordered.into_iter().map(|wallet| (wallet, None)).collect());
    };
    let Key::Number(sequence) = position.key else {
        return Err(unknown("position", &position.to_string()));
    };
    let rest = ordered.into_iter().skip_while(|wallet| *wallet != position.id);
    Ok(rest.map(|wallet| (wallet, (wallet == position.id).then_some(sequence))).collect())
}

/// The order of a listing.
pub(super) fn direction(listing: &Listing) -> Order {
    if listing.order.descending { Order::Desc } else { Order::Asc }
}

/// What comes after a value in the order of a listing.
pub(super) fn after(listing: &Listing, column: Expr, value: Expr) -> Expr {
    if listing.order.descending { column.lt(value) } else { column.gt(value) }
}

/// The first rows of several pages, one for each wallet, which each follow an index; `None` for no
/// wallet.
pub(super) fn first_of(pages: Vec<SelectStatement>, listing: &Listing) -> Option<SelectStatement> {
    let whole = |page: SelectStatement| {
        Query::select().column(Asterisk).from_subquery(page, "page").to_owned()
    };
    let mut pages = pages.into_iter().map(whole);
    let mut all = pages.next()?;
    for page in pages {
        all.union(UnionType::All, page);
    }
    let order = direction(listing);
    all.order_by(Alias::new("wallet_id"), order.clone())
        .order_by(Alias::new("sequence"), order)
        .limit(listing.page.reads());
    Some(all)
}

/// The ids that rows can have of which a time compares so; `None` where it bounds nothing.
pub(super) fn ids(id: &Expr, comparison: &Comparison, (before, after): Distance) -> Option<Expr> {
    let Value::Instant(at) = comparison.value else { return None };
    let from = || id.clone().gte(first_id(at.checked_sub_signed(before).unwrap_or(at)));
    let until = || {
        let end = at
            .checked_add_signed(after)
            .and_then(|end| end.checked_add_signed(TimeDelta::milliseconds(1)));
        id.clone().lt(first_id(end.unwrap_or(at)))
    };
    match comparison.operator {
        Operator::Equal => Some(from().and(until())),
        Operator::NotEqual => None,
        Operator::Less | Operator::AtMost => Some(until()),
        Operator::More | Operator::AtLeast => Some(from()),
    }
}

/// The smallest id of an instant.
fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
