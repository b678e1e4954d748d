//! What rules require, what the ceiling leaves of it, and when a stop ends.

use super::{AutoRecharge, Change, Instants, NotCharged, Rules, Then, Wanted};
use crate::wallet::Wallet;
use chrono::DateTime;
use payterms_kernel::{Currency, Id, Money, Reason};

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn wallet(balance: &str) -> Wallet {
    let id = Id::from_uuid(uuid::Uuid::from_u128(1));
    let mut wallet =
        Wallet::open(id, Id::from_uuid(id.uuid()), aud("0").currency(), DateTime::UNIX_EPOCH);
    wallet.posted = aud(balance);
    wallet.owed = aud(balance).negated();
    wallet
}

fn wanted(rules: Rules, balance: &str) -> Option<Money> {
    asked(rules, balance).map(|wanted| wanted.credit)
}

fn asked(rules: Rules, balance: &str) -> Option<Wanted> {
    let recharge = AutoRecharge {
        rules,
        month_end_marked: rules.month_end.is_some(),
        ..AutoRecharge::default()
    };
    recharge.wanted(&wallet(balance), DateTime::UNIX_EPOCH).unwrap()
}

#[test]
fn each_rule_asks_for_its_figure_or_the_deficit() {
    let threshold = |then| Rules { threshold: Some((aud("10"), then)), ..Rules::default() };
    assert_eq!(wanted(threshold(Then::Amount(aud("50"))), "-5.001"), Some(aud("50")));
    assert_eq!(
        wanted(threshold(Then::Amount(aud("50"))), "-70.001"),
        Some(aud("100")),
        "as often as it takes, at once"
    );
    let repairs = Rules { repair_negative: true, ..threshold(Then::Amount(aud("50"))) };
    assert_eq!(wanted(repairs, "-5"), Some(aud("50")), "one charge, which reaches the threshold");
    assert_eq!(
        wanted(threshold(Then::UpTo(aud("50"))), "-5.001"),
        Some(aud("55.01")),
        "rounded up to the minor unit"
    );
    assert_eq!(
        wanted(Rules { repair_negative: true, ..Rules::default() }, "-3.2"),
        Some(aud("3.20"))
    );
    assert_eq!(
        wanted(Rules { month_end: Some(aud("20")), ..Rules::default() }, "0"),
        Some(aud("20"))
    );
    assert_eq!(wanted(Rules::default(), "-3"), None);
}

#[test]
fn one_trigger_makes_one_charge_and_the_ceiling_leaves_a_smaller_multiple() {
    let rules = |ceiling: Option<&str>| Rules {
        threshold: Some((aud("100"), Then::Amount(aud("20")))),
        ceiling: ceiling.map(aud),
        ..Rules::default()
    };
    let whole = asked(rules(None), "5").unwrap();
    assert_eq!(whole, Wanted { credit: aud("100"), step: Some(aud("20")) });
    let untaxed = |credit: Money| Ok(credit);
    // The ceiling, what is charged already, and what is charged now.
    for (ceiling, charged, expected) in [
        (Some("150"), "0", Some("100")),
        (Some("60"), "0", Some("60")),
        (Some("60"), "60", None),
        (Some("99.99"), "0", Some("80")),
        (Some("19.99"), "0", None),
        (Some("150"), "75", Some("60")),
        // Three times the charge from a balance of zero, which is five times 20.
        (None, "200", Some("100")),
        (None, "201", Some("80")),
        (None, "281", None),
    ] {
        let fit = rules(ceiling).fit(aud(charged), whole, untaxed);
        assert_eq!(fit.as_ref().ok().copied(), expected.map(aud), "{ceiling:?} {charged}");
        assert!(fit.is_ok() || fit == Err(NotCharged::Ceiling));
    }
    // What is charged counts, tax and minimum included: 20.00 of credit are 22.00, 40.00 are 44.00.
    let taxed = |credit: Money| {
        Ok(Money::from_micros(credit.currency(), credit.micros() / 10 * 11).max(aud("30"))?)
    };
    assert_eq!(rules(Some("45")).fit(aud("0"), whole, taxed), Ok(aud("44")));
    assert_eq!(rules(Some("31")).fit(aud("0"), whole, taxed), Ok(aud("30")), "the minimum");
    assert_eq!(rules(None).ceiling_in_force(taxed), Ok(Some(aud("330"))));
    let plain = Wanted { credit: aud("100"), step: None };
    assert_eq!(
        rules(Some("60")).fit(aud("0"), plain, untaxed),
        Err(NotCharged::Ceiling),
        "a target is not cut"
    );
    let repairs = Rules { repair_negative: true, ..Rules::default() };
    assert_eq!(
        repairs.fit(aud("9999"), plain, untaxed),
        Ok(aud("100")),
        "it has no figure, and so no ceiling"
    );
}

#[test]
fn a_ceiling_that_no_charge_fits_is_refused_with_every_reason() {
    let rules = |ceiling| Rules {
        threshold: Some((aud("10"), Then::UpTo(aud("50")))),
        month_end: Some(aud("30")),
        ceiling: Some(aud(ceiling)),
        repair_negative: false,
    };
    let taxed =
        |credit: Money| Ok(Money::from_micros(credit.currency(), credit.micros() / 10 * 11));
    for (ceiling, reasons) in [("55", 0), ("54.99", 1), ("33", 1), ("32.99", 2), ("4.99", 3)] {
        let found = rules(ceiling)
            .must_work(aud("5"), taxed)
            .map_or_else(|refusal| refusal.violations.len(), |()| 0);
        assert_eq!(found, reasons, "{ceiling}");
    }
    // A target below its threshold hides none of the others.
    let both = Rules { threshold: Some((aud("60"), Then::UpTo(aud("50")))), ..rules("32.99") };
    let refused = both.must_work(aud("5"), taxed).unwrap_err();
    let fields: Vec<_> =
        refused.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "auto_recharge.threshold_up_to",
            "auto_recharge.monthly_ceiling",
            "auto_recharge.monthly_ceiling"
        ]
    );
    assert_eq!(both.must_aim_above_threshold().unwrap_err().violations.len(), 1);
    assert_eq!(rules("55").must_aim_above_threshold(), Ok(()));
}

fn refused(recharge: &mut AutoRecharge, failure: &str, times: Instants) {
    if failure == NotCharged::Ceiling.failure() {
        let _ = recharge.not_charged(&NotCharged::Ceiling, times);
    } else {
        recharge.fail(failure, failure, times);
    }
}

/// A month of 31 days that began so many days after the epoch.
fn month(began: i64) -> Instants {
    let day = |days| DateTime::UNIX_EPOCH + chrono::TimeDelta::days(days);
    Instants { now: day(began), month_began: day(began), next_month: day(began + 31) }
}

#[test]
fn a_stop_ends_with_the_month_unless_only_a_person_can_end_it() {
    let (january, february) = (month(0), month(31));
    let mut recharge = AutoRecharge::default();
    refused(&mut recharge, "CEILING", january);
    assert_eq!((recharge.failure.as_str(), recharge.retry_at), ("CEILING", Some(february.now)));
    assert!(recharge.retry_due());
    assert_eq!((recharge.failure.as_str(), recharge.ladder.attempts), ("", 0));
    for attempt in 1..=5 {
        refused(&mut recharge, "card_declined", january);
        assert_eq!(
            (recharge.ladder.attempts, recharge.retry_at == Some(february.now)),
            (attempt, attempt == 5)
        );
        assert!(recharge.retry_due());
    }
    refused(&mut recharge, "card_declined", february);
    assert_eq!(recharge.ladder.attempts, 1, "a new month");
    assert!(recharge.retry_due());
    // A retry by hand does not go on where the last month ended either.
    recharge.rules.repair_negative = true;
    recharge.retry().unwrap();
    refused(&mut recharge, "card_declined", month(62));
    assert_eq!(recharge.ladder.attempts, 1, "a ladder does not reach into the next month");
    for reason in ["stolen_card", "authentication_required"] {
        refused(&mut recharge, reason, january);
        assert_eq!(recharge.retry_at, None, "{reason}");
    }
}

#[test]
fn a_retry_where_nothing_failed_changes_nothing() {
    let mut recharge = AutoRecharge::default();
    assert_eq!(recharge.retry().unwrap_err().reason, Reason::RECHARGE_STATE, "there are no rules");
    recharge.rules.repair_negative = true;
    let before = recharge.clone();
    assert_eq!((recharge.retry(), recharge.retry_due()), (Ok(()), false));
    assert_eq!(recharge, before);
}

#[test]
fn what_the_rules_would_buy_again_is_not_given_back() {
    let rules = Rules { threshold: Some((aud("50"), Then::Amount(aud("40")))), ..Rules::default() };
    let stopped = AutoRecharge {
        failure: "CEILING".to_owned(),
        ..AutoRecharge { rules, ..AutoRecharge::default() }
    };
    let open = AutoRecharge {
        open: Some(Id::from_uuid(uuid::Uuid::nil())),
        ..AutoRecharge { rules, ..AutoRecharge::default() }
    };
    for recharge in [AutoRecharge { rules, ..AutoRecharge::default() }, stopped, open] {
        let follows = |before, after| {
            recharge.must_not_follow(&wallet(before), &wallet(after), DateTime::UNIX_EPOCH).is_err()
        };
        // Debts stand for what is available: the wallets of these tests have no lots.
        assert!(!follows("-30", "-30") && !follows("-25", "-30"), "the same multiple");
        assert!(follows("-30", "-31"), "one more");
    }
}

#[test]
fn a_stop_ends_by_what_can_help() {
    // The reason, and whether credit that is bought, a method that is added, and another collection
    // method end the stop.
    for (reason, ends) in [
        ("CEILING", [true, true, true]),
        ("card_declined", [true, true, true]),
        ("stolen_card", [false, false, true]),
        ("authentication_required", [false, false, true]),
    ] {
        for (change, ends) in [Change::CreditBought, Change::MethodAdded, Change::MethodReplaced]
            .into_iter()
            .zip(ends)
        {
            let mut recharge = AutoRecharge::default();
            assert!(!recharge.end_stop(change), "there is none");
            refused(&mut recharge, reason, month(0));
            assert_eq!(
                (recharge.end_stop(change), recharge.failure.is_empty()),
                (ends, ends),
                "{reason} {change:?}"
            );
        }
    }
}

#[test]
fn the_largest_charge_is_what_a_rule_takes_from_zero_or_at_the_months_end() {
    let untaxed = |credit: Money| Ok(credit);
    let rules = Rules {
        threshold: Some((aud("100"), Then::Amount(aud("30")))),
        month_end: Some(aud("70")),
        ..Rules::default()
    };
    assert_eq!(rules.largest_charge(untaxed), Ok(Some(aud("120"))));
    assert_eq!(
        Rules { ceiling: Some(aud("110")), ..rules }.largest_charge(untaxed),
        Ok(Some(aud("90"))),
        "the multiple that fits"
    );
    let least = |credit: Money| Ok(credit.max(aud("20"))?);
    let month_end = Rules { month_end: Some(aud("5")), ..Rules::default() };
    assert_eq!(
        month_end.ceiling_in_force(least),
        Ok(Some(aud("60"))),
        "three times what is charged for it"
    );
    let repairs = Rules { repair_negative: true, ..Rules::default() };
    assert_eq!(repairs.largest_charge(untaxed), Ok(None));
}

#[test]
fn a_threshold_recharge_does_not_replace_the_month_end_one() {
    let rules = Rules {
        threshold: Some((aud("10"), Then::Amount(aud("50")))),
        month_end: Some(aud("20")),
        repair_negative: false,
        ceiling: None,
    };
    let mut recharge = AutoRecharge { rules, month_end_marked: true, ..AutoRecharge::default() };
    recharge
        .begin(Id::from_uuid(uuid::Uuid::from_u128(2)), &wallet("0"), DateTime::UNIX_EPOCH)
        .unwrap();
    assert!(recharge.month_end_marked);
    recharge.open = None;
    recharge
        .begin(Id::from_uuid(uuid::Uuid::from_u128(3)), &wallet("-0"), DateTime::UNIX_EPOCH)
        .unwrap();
    let full = AutoRecharge {
        rules: Rules { threshold: None, ..rules },
        month_end_marked: true,
        ..AutoRecharge::default()
    };
    let mut full = full;
    full.begin(Id::from_uuid(uuid::Uuid::from_u128(4)), &wallet("0"), DateTime::UNIX_EPOCH)
        .unwrap();
    assert!(!full.month_end_marked);
}

#[test]
fn revoked_credit_stops_the_rules_until_it_is_restored() {
    assert!(!AutoRecharge::default().stop_for_revocation(), "there are no rules to stop");
    let rules = Rules { threshold: Some((aud("10"), Then::Amount(aud("50")))), ..Rules::default() };
    let mut recharge = AutoRecharge { rules, ..AutoRecharge::default() };
    assert!(
        recharge.stop_for_revocation()
            && recharge.wanted(&wallet("0"), DateTime::UNIX_EPOCH).unwrap().is_none()
    );
    assert!(
        !recharge.end_stop(Change::CreditBought) && !recharge.end_stop(Change::MethodAdded),
        "the method may be the cause"
    );
    assert!(
        recharge.resume_after_revocation()
            && recharge.wanted(&wallet("0"), DateTime::UNIX_EPOCH).unwrap().is_some()
    );
    assert!(!recharge.resume_after_revocation(), "once");
}

#[test]
fn a_months_ceiling_is_told_once() {
    let day = |text: &str| {
        text.parse::<chrono::NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc()
    };
    let month = |now: &str, began: &str, next: &str| Instants {
        now: day(now),
        month_began: day(began),
        next_month: day(next),
    };
    let ceiling = NotCharged::Ceiling;
    let mut auto_recharge = AutoRecharge::default();
    let january = month("2026-01-10", "2026-01-01", "2026-02-01");
    assert!(!auto_recharge.not_charged(&ceiling, january));
    assert!(auto_recharge.end_stop(Change::CreditBought), "the rules are looked at again");
    assert!(auto_recharge.not_charged(&ceiling, january), "nothing else is true than before");
    assert!(
        auto_recharge.retry_due()
            && !auto_recharge
                .not_charged(&ceiling, month("2026-02-01", "2026-02-01", "2026-03-01")),
        "another month"
    );
    auto_recharge.set(Rules::default());
    assert!(
        !auto_recharge.not_charged(&ceiling, month("2026-02-02", "2026-02-01", "2026-03-01")),
        "other rules"
    );
    assert!(
        !auto_recharge.not_charged(
            &payterms_kernel::Refusal::precondition(Reason::COLLECTION_METHOD_REQUIRED, "x").into(),
            january
        ),
        "another reason"
    );
}
