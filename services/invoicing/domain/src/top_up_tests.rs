//! Tests of top-ups by transfer, one against a simple model.

use super::{Offer, TopUp};
use crate::{
    Invoice, InvoiceState, TenderState,
    bank::{BankLine, Shown},
    number::{INVOICES, Series},
    payment::tests::{customer, tenant},
    tenant::TaxRule,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

fn raised(cents: i64, percent: i64, taxed: bool) -> Invoice {
    let (mut tenant, customer, mut series) = (tenant(), customer(), Series::new(INVOICES));
    tenant.tax_rules = vec![TaxRule {
        country: customer.country.clone(),
        rate_percent: Decimal::from(percent),
        sentence: String::new(),
        category: String::new(),
        with_tax_id: false,
    }];
    let top_up = TopUp {
        company_name: "Brightside Pty".into(),
        address: None,
        company_id: "51 824 753 556".into(),
        email: "accounts@brightside.example".into(),
        contact_name: "Ann".into(),
        phone: "+61 2 5550 1234".into(),
        taxed,
    };
    let today = NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
    let id = Id::from_uuid(Uuid::from_u128(1));
    Invoice::raise(
        id,
        (&tenant, &customer),
        (usd(cents), "Prepaid credit", top_up),
        (&mut series, today),
        NOW,
    )
    .unwrap()
}

/// A transfer comes: what it buys, the tax in that, what a note takes off and the tax in that.
fn comes(invoice: &mut Invoice, cents: i64, tolerance: i64) -> (i64, i64, i64, i64) {
    let shown = Shown::plain("2026-06-02".parse().unwrap(), usd(cents));
    let mut line = BankLine::new(Id::from_uuid(Uuid::nil()), shown, NOW);
    line.match_to(&[&*invoice]).unwrap();
    let order = std::slice::from_mut(invoice);
    let (mut payment, short) =
        line.pay(&mut IdSource::new(NOW, b"seed", "test"), order, usd(tolerance), NOW).unwrap();
    payment.tenders[0].state = TenderState::Succeeded;
    payment.close(std::slice::from_mut(invoice), NOW).unwrap();
    let micros = |money: Money| money.micros() / 10_000;
    let (bought, tax) =
        payment.bought.map_or((0, 0), |bought| (micros(bought.amount), micros(bought.tax)));
    let (note, of_note) = short.map_or((0, 0), |(amount, taxes)| {
        (micros(amount), taxes.iter().map(|tax_amount| micros(tax_amount.tax)).sum())
    });
    (bought, tax, note, of_note)
}

#[test]
fn a_bank_s_fees_are_taken_off_with_their_tax_and_what_came_keeps_the_remainder() {
    let mut invoice = raised(22_000, 10, true);
    assert_eq!((invoice.amounts.total, invoice.amounts.net), (usd(22_000), usd(20_000)));
    assert_eq!(comes(&mut invoice, 21_000, 5_000), (21_000, 1_909, 1_000, 91));
    assert_eq!((invoice.state, invoice.credited), (InvoiceState::Paid, usd(1_000)));
    let mut exact = raised(22_000, 10, true);
    assert_eq!(
        comes(&mut exact, 25_000, 5_000),
        (22_000, 2_000, 0, 0),
        "what is more becomes a surplus"
    );
    let mut deposit = raised(22_000, 10, false);
    assert_eq!(comes(&mut deposit, 17_000, 5_000), (17_000, 0, 5_000, 0), "a deposit has no tax");
}

#[test]
fn what_is_short_of_more_waits_and_lapses() {
    let mut invoice = raised(22_000, 10, true);
    assert_eq!(comes(&mut invoice, 10_000, 5_000), (10_000, 909, 0, 0));
    assert_eq!((invoice.state, invoice.open().unwrap()), (InvoiceState::Open, usd(12_000)));
    let late = NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();
    assert!(
        !invoice.past_due(late).unwrap() && invoice.next_reminder(&[1], late).is_none(),
        "it is never past due or reminded"
    );
    for refused in [invoice.write_off(NOW), invoice.reopen(usd(1), NOW, NOW)] {
        assert_eq!(refused.unwrap_err().reason, Reason::TOP_UP_INVOICE);
    }
    assert_eq!(
        invoice.credit(usd(12_001), NOW).unwrap_err().reason,
        Reason::CREDIT_NOTE_TOO_LARGE,
        "what came is credit already"
    );
    let (amount, taxes) = invoice.lapse(NOW).unwrap().unwrap();
    assert_eq!(
        (amount, taxes[0].tax, invoice.state),
        (usd(12_000), usd(1_091), InvoiceState::Paid)
    );
    assert_eq!(invoice.lapse(NOW).unwrap(), None);
    let mut nothing = raised(22_000, 10, true);
    nothing.lapse(NOW).unwrap();
    assert_eq!(nothing.state, InvoiceState::Void);
    assert_eq!(
        comes(&mut nothing, 22_000, 5_000),
        (0, 0, 0, 0),
        "what comes later is a surplus, never refused"
    );
}

#[test]
fn staff_sell_what_customers_are_not_offered() {
    let offer = Offer {
        prepayment: false,
        by_transfer: false,
        minimum: Some(usd(20_000)),
        taxed: true,
        valid_days: 0,
    };
    assert_eq!(offer.must_sell(usd(20_000), true).unwrap_err().reason, Reason::FEATURE_DISABLED);
    assert!(offer.must_sell(usd(20_000), false).is_ok());
    assert_eq!(offer.must_sell(usd(19_999), false).unwrap_err().reason, Reason::BELOW_MINIMUM);
    let on = Offer { prepayment: true, minimum: None, ..offer };
    assert_eq!(on.must_sell(usd(1), true).unwrap_err().reason, Reason::METHOD_NOT_OFFERED);
    assert_eq!(on.must_sell(usd(1), false).unwrap_err().reason, Reason::CURRENCY_NOT_OFFERED);
}

proptest! {
    #[test]
    fn whatever_comes_the_taxes_add_up(
        total in 2_i64..100_000, percent in 0_i64..30, tolerance in 0_i64..3_000, parts in prop::collection::vec(1_i64..40_000, 0..6),
    ) {
        let mut invoice = raised(total, percent, true);
        let whole: i64 = invoice.amounts.taxes.iter().map(|tax_amount| tax_amount.tax.micros() / 10_000).sum();
        let (mut bought, mut kept, mut off, mut given_up) = (0, 0, 0, 0);
        for part in parts {
            let (amount, tax, note, of_note) = comes(&mut invoice, part, tolerance);
            prop_assert!(tax >= 0 && tax <= amount && of_note >= 0);
            (bought, kept, off, given_up) = (bought + amount, kept + tax, off + note, given_up + of_note);
        }
        if let Some((amount, taxes)) = invoice.lapse(NOW).unwrap() {
            off += amount.micros() / 10_000;
            given_up += taxes.iter().map(|tax_amount| tax_amount.tax.micros() / 10_000).sum::<i64>();
        }
        prop_assert_eq!(bought + off, total);
        prop_assert_eq!(kept + given_up, whole, "the tax of what came and of what was taken off is that of the invoice");
        prop_assert!(!invoice.open().unwrap().is_positive());
    }
}
