//! What is told before bought credit expires (docs/domain/wallet.md#expiry-notices).

use crate::lot::{Lot, LotKind};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{
    Id,
    calendar::{day_in, last_whole_day_before},
};
use std::collections::HashMap;

/// One of the notices about a lot, the earlier one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// 30 days before.
    First,
    /// 7 days before.
    Last,
}

impl Notice {
    /// All notices.
    pub const ALL: [Self; 2] = [Self::First, Self::Last];

    /// How many days before the last day on which the credit can be used.
    #[must_use]
    pub fn days_before(self) -> u16 {
        match self {
            Self::First => 30,
            Self::Last => 7,
        }
    }
}

/// The latest notice that each lot has had.
pub type LatestNotices = HashMap<Id<Lot>, Notice>;

/// The day on which a notice about a lot is due. A lot that came later than that has no first
/// notice, and its last one on the next day: its receipt has just said it.
fn day_of(lot: &Lot, notice: Notice, zone: Tz) -> Option<NaiveDate> {
    let expiry =
        lot.expires_at.filter(|_| lot.kind == LotKind::Purchased && lot.remaining.is_positive())?;
    let (made, last_day) = (day_in(zone, lot.created_at), last_whole_day_before(zone, expiry));
    let day = last_day.checked_sub_days(Days::new(notice.days_before().into()))?;
    match notice {
        Notice::First => Some(day).filter(|day| *day > made),
        Notice::Last => Some(day.max(made.succ_opt()?)).filter(|day| *day <= last_day),
    }
}

fn is_pending(lot: &Lot, notice: Notice, this_notices: &LatestNotices) -> bool {
    this_notices.get(&lot.id).is_none_or(|before| *before < notice)
}

/// The lots that are to be told of by `today`, each with its latest notice.
#[must_use]
pub fn due<'a>(
    lots: &'a [Lot],
    this_notices: &LatestNotices,
    zone: Tz,
    today: NaiveDate,
    now: DateTime<Utc>,
) -> Vec<(&'a Lot, Notice)> {
    let latest = |lot: &Lot| {
        let is_due = |notice: &Notice| {
            is_pending(lot, *notice, this_notices)
                && day_of(lot, *notice, zone).is_some_and(|day| day <= today)
        };
        Notice::ALL.into_iter().rev().find(is_due)
    };
    lots.iter()
        .filter(|lot| lot.in_force(now))
        .filter_map(|lot| Some((lot, latest(lot)?)))
        .collect()
}

/// The first day on which one of these lots is to be told of.
#[must_use]
pub fn next_day<'a>(
    lots: impl IntoIterator<Item = &'a Lot>,
    this_notices: &LatestNotices,
    zone: Tz,
    now: DateTime<Utc>,
) -> Option<NaiveDate> {
    let days = |lot: &Lot| {
        Notice::ALL
            .into_iter()
            .filter(|notice| is_pending(lot, *notice, this_notices))
            .filter_map(|notice| day_of(lot, notice, zone))
            .min()
    };
    lots.into_iter().filter(|lot| lot.in_force(now)).filter_map(days).min()
}

#[cfg(test)]
mod tests {
    use super::{LatestNotices, Notice, due, next_day};
    use crate::lot::{Lot, LotKind, TaxKind};
    use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
    use chrono_tz::Tz;
    use payterms_kernel::{
        Currency, Id, Money,
        calendar::{start_of_day, today},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    const SYDNEY: Tz = Tz::Australia__Sydney;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn lot(made: &str, expires: &str) -> Lot {
        let usd = Money::parse(Currency::parse("USD").unwrap(), "20.00").unwrap();
        Lot {
            id: Id::from_uuid(Uuid::from_u128(1)),
            sequence: 1,
            kind: LotKind::Purchased,
            tax_kind: Some(TaxKind::Deposit),
            priority: 0,
            amount: usd,
            remaining: usd,
            pinned: Money::zero(usd.currency()),
            expires_at: Some(at(expires)),
            created_at: at(made),
            description: String::new(),
        }
    }

    /// The days on which a lot is told of, day after day.
    fn days(lot: &Lot, zone: Tz) -> Vec<NaiveDate> {
        let (lots, mut this_notices, mut days) = ([lot.clone()], LatestNotices::new(), Vec::new());
        while let Some(next) = next_day(&lots, &this_notices, zone, lot.created_at) {
            assert!(
                days.last().is_none_or(|last| *last < next) && days.len() < 2,
                "{days:?} and {next}"
            );
            let found = due(&lots, &this_notices, zone, next, start_of_day(zone, next));
            this_notices.extend(found.iter().map(|(lot, notice)| (lot.id, *notice)));
            days.push(next);
        }
        days
    }

    #[test]
    fn it_is_told_thirty_and_seven_days_before_in_the_tenants_zone() {
        // 31 March 22:00 UTC is 1 April in Sydney: all of 31 March is left there, and of 30 March
        // in UTC.
        let bought = lot("2026-01-01T00:00:00Z", "2026-03-31T22:00:00Z");
        assert_eq!(days(&bought, SYDNEY), [day("2026-03-01"), day("2026-03-24")]);
        assert_eq!(days(&bought, Tz::UTC), [day("2026-02-28"), day("2026-03-23")]);
        // Credit that ends when a day begins can be used until the day before.
        assert_eq!(
            days(&lot("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"), Tz::UTC),
            [day("2026-03-01"), day("2026-03-24")]
        );
    }

    #[test]
    fn what_came_later_is_told_of_once() {
        assert_eq!(
            days(&lot("2026-03-01T10:00:00Z", "2026-03-31T10:00:00Z"), Tz::UTC),
            [day("2026-03-23")]
        );
        assert_eq!(
            days(&lot("2026-03-29T10:00:00Z", "2026-03-31T10:00:00Z"), Tz::UTC),
            [day("2026-03-30")]
        );
        assert_eq!(
            days(&lot("2026-03-30T10:00:00Z", "2026-04-01T00:00:00Z"), Tz::UTC),
            [day("2026-03-31")]
        );
        assert_eq!(
            days(&lot("2026-03-31T10:00:00Z", "2026-03-31T20:00:00Z"), Tz::UTC),
            [] as [NaiveDate; 0]
        );
    }

    #[test]
    fn what_is_empty_granted_lasting_or_over_is_not_told_of() {
        let bought = lot("2026-01-01T00:00:00Z", "2026-03-31T10:00:00Z");
        let granted = Lot { kind: LotKind::Granted, tax_kind: None, ..bought.clone() };
        let empty = Lot { remaining: Money::zero(bought.amount.currency()), ..bought.clone() };
        let lasting = Lot { expires_at: None, ..bought.clone() };
        let lots = [granted, empty, lasting];
        assert_eq!(next_day(&lots, &LatestNotices::new(), Tz::UTC, bought.created_at), None);
        assert!(
            due(
                &lots,
                &LatestNotices::new(),
                Tz::UTC,
                day("2026-03-25"),
                at("2026-03-25T00:00:00Z")
            )
            .is_empty()
        );
        let over = at("2026-03-31T10:00:00Z");
        let lots = [bought.clone()];
        assert!(due(&lots, &LatestNotices::new(), Tz::UTC, day("2026-03-31"), over).is_empty());
        assert_eq!(next_day(&lots, &LatestNotices::new(), Tz::UTC, over), None);
        // Whoever was away for weeks tells the last notice alone.
        let found = due(
            &lots,
            &LatestNotices::new(),
            Tz::UTC,
            day("2026-03-26"),
            at("2026-03-26T00:00:00Z"),
        );
        assert_eq!(found, [(&bought, Notice::Last)]);
    }

    proptest! {
        /// Whatever zones the tenant moves through, and whenever the job comes, each notice is told
        /// at most once, and what lasts for more than a week is told of before it ends.
        #[test]
        fn a_notice_comes_once_whatever_zones_the_tenant_moves_through(
            lasts in 1_i64..100 * 86_400,
            zones in prop::collection::vec(prop::sample::select(&chrono_tz::TZ_VARIANTS[..]), 120),
        ) {
            let made = at("2026-01-01T12:00:00Z");
            let this_lot = Lot { expires_at: Some(made + TimeDelta::seconds(lasts)), created_at: made, ..lot("2026-01-01T12:00:00Z", "2026-01-02T00:00:00Z") };
            let (lots, mut this_notices, mut notices) = ([this_lot], LatestNotices::new(), Vec::new());
            for (hours, zone) in zones.iter().enumerate() {
                let now = made + TimeDelta::hours(i64::try_from(hours).unwrap() * 22);
                let found = due(&lots, &this_notices, *zone, today(*zone, now, None), now);
                notices.extend(found.iter().map(|(_, notice)| *notice));
                this_notices.extend(found.iter().map(|(lot, notice)| (lot.id, *notice)));
            }
            prop_assert!(notices.is_sorted() && notices.len() <= 2, "{:?}", notices);
            prop_assert!(notices.windows(2).all(|two| two[0] != two[1]));
            prop_assert!(lasts < 9 * 86_400 || notices.last() == Some(&Notice::Last), "{:?}", notices);
        }
    }
}
