//! Postpaid agreements: the commitment, its end, what must fit, and how far use goes down.

use super::{Agreement, AgreementState, MONTHS, MonthUsage, Parties, Terms};
use crate::{
    Customer, Wallet, WalletSettings,
    customer::Tax,
    ledger::TransferKind,
    posting::{self, Debit},
};
use chrono::{DateTime, Months, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn usage(month: NaiveDate, used: Money) -> MonthUsage {
    MonthUsage { month, used }
}

fn customer() -> Customer {
    Customer {
        id: Id::from_uuid(Uuid::nil()),
        country: "AU".into(),
        tier: String::new(),
        has_legal_name: true,
        has_billing_address: true,
        has_billing_email: true,
        tax: Some(Tax { rate_percent: Decimal::TEN, sentence: String::new(), version: 1 }),
    }
}

fn wallet() -> Wallet {
    Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), aud("0").currency(), NOW)
}

fn active(wallet: &mut Wallet, today: &str) -> Agreement {
    let terms = Terms { commitment: aud("1000"), limit: aud("3000") };
    let settings = WalletSettings::fresh();
    let mut agreement =
        Agreement::ask(Id::from_uuid(Uuid::nil()), wallet, &settings, terms, NOW).unwrap();
    agreement
        .approve(
            Parties { wallet, settings: &settings, customer: &customer() },
            terms,
            String::new(),
            day(today),
            NOW,
        )
        .unwrap();
    agreement
}

#[test]
fn a_committed_month_costs_its_commitment_at_least_and_twelve_end_it() {
    let mut customer_wallet = wallet();
    let mut agreement = active(&mut customer_wallet, "2026-06-15");
    assert_eq!(
        agreement.close_month(&mut customer_wallet, usage(day("2026-06-01"), aud("1")), NOW),
        Ok(aud("0")),
        "not a whole month"
    );
    let mut month = day("2026-07-01");
    for number in 1..=MONTHS {
        assert_eq!(agreement.state, AgreementState::Active);
        let (used, short) =
            if number == 2 { (aud("1200.50"), aud("0")) } else { (aud("300.25"), aud("699.75")) };
        assert_eq!(agreement.close_month(&mut customer_wallet, usage(month, used), NOW), Ok(short));
        month = month + Months::new(1);
    }
    assert_eq!((agreement.state, customer_wallet.overdraft), (AgreementState::Ended, None));
    assert_eq!(
        agreement.close_month(&mut customer_wallet, usage(month, aud("0")), NOW),
        Ok(aud("0"))
    );
    assert_eq!(
        active(&mut wallet(), "2026-06-01").first_month,
        Some(day("2026-06-01")),
        "the first is a whole month"
    );
}

#[test]
fn the_rest_of_the_commitment_is_due_when_it_is_terminated() {
    let mut customer_wallet = wallet();
    let mut agreement = active(&mut customer_wallet, "2026-06-01");
    agreement.close_month(&mut customer_wallet, usage(day("2026-06-01"), aud("0")), NOW).unwrap();
    let figures = agreement
        .terminate(
            &mut customer_wallet,
            usage(day("2026-07-01"), aud("400")),
            "Moved away".into(),
            NOW,
        )
        .unwrap();
    assert_eq!(figures, (aud("600"), aud("10000"), 10));
    let again = agreement
        .terminate(&mut customer_wallet, usage(day("2026-07-01"), aud("0")), String::new(), NOW)
        .unwrap_err();
    assert_eq!(again.reason, Reason::POSTPAID_STATE);
    let mut early = active(&mut customer_wallet, "2026-06-15");
    let figures = early
        .terminate(&mut customer_wallet, usage(day("2026-06-01"), aud("400")), String::new(), NOW)
        .unwrap();
    assert_eq!(figures, (aud("0"), aud("12000"), 12), "before the first committed month");
}

#[test]
fn figures_must_fit_and_nothing_may_be_owed() {
    let settings = WalletSettings::fresh();
    let why = |commitment: &str, limit: &str| {
        let terms = Terms { commitment: aud(commitment), limit: aud(limit) };
        Agreement::ask(Id::from_uuid(Uuid::nil()), &wallet(), &settings, terms, NOW)
            .unwrap_err()
            .reason
    };
    assert_eq!(why("999.99", "3000"), Reason::BELOW_MINIMUM);
    assert_eq!(why("1000", "999.99"), Reason::FIELD_OUT_OF_RANGE);
    let usd = Money::parse(Currency::parse("USD").unwrap(), "5000").unwrap();
    let other =
        Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), usd.currency(), NOW);
    let terms = Terms { commitment: usd, limit: usd };
    let refused =
        Agreement::ask(Id::from_uuid(Uuid::nil()), &other, &settings, terms, NOW).unwrap_err();
    assert_eq!(refused.reason, Reason::CURRENCY_NOT_OFFERED);
    let mut owing = wallet();
    let fee = Debit {
        amount: aud("1"),
        kind: TransferKind::Fee,
        into_negative: true,
        description: String::new(),
    };
    posting::debit(&mut owing, &mut IdSource::new(NOW, b"seed", "test"), fee, NOW).unwrap();
    let terms = Terms { commitment: aud("1000"), limit: aud("1000") };
    let mut agreement =
        Agreement::ask(Id::from_uuid(Uuid::nil()), &owing, &settings, terms, NOW).unwrap();
    let refused = agreement
        .approve(
            Parties { wallet: &mut owing, settings: &settings, customer: &customer() },
            terms,
            String::new(),
            day("2026-06-01"),
            NOW,
        )
        .unwrap_err();
    assert_eq!(
        (refused.reason, agreement.state),
        (Reason::BALANCE_NEGATIVE, AgreementState::Requested)
    );
}

#[test]
fn use_goes_down_to_the_limit_after_the_credit_that_is_there() {
    let mut customer_wallet = wallet();
    active(&mut customer_wallet, "2026-06-01");
    let mut ids = IdSource::new(NOW, b"seed", "test");
    let mut take = |amount: &str| {
        let debit = Debit {
            amount: aud(amount),
            kind: TransferKind::Usage,
            into_negative: false,
            description: String::new(),
        };
        posting::debit(&mut customer_wallet, &mut ids, debit, NOW)
            .map(|posting| posting.balance_after)
    };
    assert_eq!(take("2999.5"), Ok(aud("2999.5").negated()));
    assert_eq!(take("0.6").unwrap_err().reason, Reason::INSUFFICIENT_FUNDS);
    assert_eq!(take("0.5"), Ok(aud("3000").negated()), "I3: not below the limit");
}
