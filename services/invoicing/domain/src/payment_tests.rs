//! Tests of payments, some against a simple model.

use super::{PaymentRequest, PaymentState, Source, TenderState, ask};
use crate::{
    Content, Invoice, InvoiceState, Line, Series,
    customer::Customer,
    number::INVOICES,
    tenant::{TaxRule, Tenant},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Reason, calendar::PaymentTerm};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const CARD: Source = Source::Card(Uuid::nil());
const OTHER: Source = Source::Card(Uuid::max());

fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

pub(crate) fn tenant() -> Tenant {
    let rule = TaxRule {
        country: "GB".into(),
        rate_percent: Decimal::ZERO,
        sentence: String::new(),
        category: String::new(),
        with_tax_id: false,
    };
    Tenant {
        id: "acme".parse().unwrap(),
        display_name: "Acme".into(),
        country: "AU".into(),
        time_zone: "UTC".into(),
        sandbox: false,
        invoices_hidden: false,
        overpayment_refused: false,
        payment_notice: crate::PaymentNotice::Confirmation,
        call_limits: crate::CallLimits::default(),
        bank_automation: crate::bank::Automation::Reference,
        business: crate::tenant::Business::default(),
        dunning: crate::tenant::Dunning::default(),
        transfer_tolerances: Vec::new(),
        approval_limits: Vec::new(),
        tax_rules: vec![rule],
        suspended: false,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn customer() -> Customer {
    Customer {
        id: Id::from_uuid(Uuid::from_u128(1)),
        legal_name: "Brightside".into(),
        address: Some(crate::Address {
            lines: vec!["1".into()],
            city: "x".into(),
            region: String::new(),
            postal_code: String::new(),
            country: "GB".into(),
        }),
        billing_email: "a@b.example".into(),
        country: "GB".into(),
        tax_id: String::new(),
        tax_number: None,
        tier: String::new(),
        locale: "en".into(),
        contacts: Vec::new(),
        tax: None,
        tax_version: 0,
        marks: payterms_kernel::Marks::default(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Issued invoices of so many cents; the first is the last to fall due.
pub(crate) fn invoices(cents: &[i64]) -> Vec<Invoice> {
    let (tenant, customer, mut series) = (tenant(), customer(), Series::new(INVOICES));
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let count = cents.len();
    (0_u128..)
        .zip(cents)
        .map(|(place, cents)| {
            let line = Line::plain("x".into(), Decimal::ONE, usd(*cents), String::new());
            let days = u16::try_from(count).unwrap() - u16::try_from(place).unwrap();
            let content = Content {
                prices_include_tax: false,
                term: PaymentTerm::NetDays(days),
                lines: vec![line],
                discount: None,
                supply_date: None,
                memo: String::new(),
                collect_automatically: false,
            };
            let id = Id::from_uuid(Uuid::from_u128(place + 1));
            let mut invoice =
                Invoice::draft(id, &tenant, &customer, usd(0).currency(), content, NOW).unwrap();
            invoice
                .finalize(&tenant, &customer, &|_, _| String::new(), &mut series, today, NOW)
                .unwrap();
            invoice
        })
        .collect()
}

fn all(tenders: &[(Source, Option<i64>)]) -> PaymentRequest {
    let tenders = tenders.iter().map(|(source, cents)| (*source, cents.map(usd))).collect();
    PaymentRequest { invoices: Vec::new(), tenders, surplus_allowed: true, deferred_on: None }
}

fn plan(
    invoices: &mut [Invoice],
    asked: &PaymentRequest,
) -> Result<super::Payment, payterms_kernel::Refusal> {
    ask(&mut IdSource::new(NOW, b"seed", "test"), customer().id, invoices, asked, NOW)
}

#[test]
fn thirty_by_credit_and_seventy_by_card() {
    let mut these_invoices = invoices(&[10_000]);
    let mut payment =
        plan(&mut these_invoices, &all(&[(CARD, None), (Source::Credit, Some(3_000))])).unwrap();
    let amounts: Vec<_> =
        payment.tenders.iter().map(|tender| (tender.source, tender.amount)).collect();
    assert_eq!(
        amounts,
        [(Source::Credit, usd(3_000)), (CARD, usd(7_000))],
        "credit first: it can be given back"
    );
    assert_eq!(
        (these_invoices[0].pending, these_invoices[0].payable().unwrap()),
        (usd(10_000), usd(0))
    );
    assert_eq!(
        plan(&mut these_invoices, &all(&[(CARD, None)])).unwrap_err().reason,
        Reason::NOTHING_PAYABLE,
        "a second browser finds nothing"
    );
    assert_eq!(these_invoices[0].write_off(NOW).unwrap_err().reason, Reason::PAYMENT_PENDING);
    for tender in &mut payment.tenders {
        tender.state = TenderState::Succeeded;
    }
    payment.close(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (payment.state, these_invoices[0].state, these_invoices[0].paid, these_invoices[0].pending),
        (PaymentState::Succeeded, InvoiceState::Paid, usd(10_000), usd(0))
    );
}

#[test]
fn a_decline_releases_everything() {
    let mut these_invoices = invoices(&[10_000]);
    let mut payment =
        plan(&mut these_invoices, &all(&[(Source::Credit, Some(3_000)), (CARD, None)])).unwrap();
    payment.tenders[0].state = TenderState::Released;
    payment.tenders[1].state = TenderState::Failed("card_declined".into());
    payment.close(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (payment.state, these_invoices[0].state, these_invoices[0].payable().unwrap()),
        (PaymentState::Failed, InvoiceState::Open, usd(10_000))
    );
}

#[test]
fn two_cards_may_end_partial() {
    let mut these_invoices = invoices(&[10_000]);
    let mut payment =
        plan(&mut these_invoices, &all(&[(CARD, Some(4_000)), (OTHER, None)])).unwrap();
    payment.tenders[0].state = TenderState::Succeeded;
    payment.tenders[1].state = TenderState::Failed("card_declined".into());
    payment.close(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (payment.state, these_invoices[0].paid, these_invoices[0].open().unwrap()),
        (PaymentState::Partial, usd(4_000), usd(6_000))
    );
}

#[test]
fn money_goes_to_the_oldest_due_first_and_the_rest_becomes_credit() {
    let mut these_invoices = invoices(&[1_000, 2_000, 3_000]);
    let mut payment = plan(&mut these_invoices, &all(&[(CARD, Some(3_500))])).unwrap();
    let parts: Vec<_> = payment
        .allocations
        .iter()
        .map(|allocation| (allocation.invoice.uuid().as_u128(), allocation.amount))
        .collect();
    assert_eq!(parts, [(3, usd(3_000)), (2, usd(500))]);
    payment.tenders[0].state = TenderState::Succeeded;
    payment.close(&mut these_invoices, NOW).unwrap();
    let more = plan(&mut these_invoices, &all(&[(CARD, Some(9_999))])).unwrap();
    assert_eq!(more.surplus, usd(9_999 - 2_500));
    let refused = PaymentRequest { surplus_allowed: false, ..all(&[(CARD, Some(1))]) };
    assert_eq!(plan(&mut these_invoices, &refused).unwrap_err().reason, Reason::NOTHING_PAYABLE);
}

#[test]
fn what_does_not_add_up_is_refused() {
    let mut these_invoices = invoices(&[1_000]);
    let only = |asked: PaymentRequest, invoices: &mut [Invoice]| {
        plan(invoices, &asked).unwrap_err().reason
    };
    assert_eq!(
        only(all(&[(Source::Credit, Some(1_001))]), &mut these_invoices),
        Reason::OVERPAYMENT_NOT_ALLOWED,
        "credit is not paid into credit"
    );
    assert_eq!(
        only(all(&[(Source::Credit, Some(1_000)), (CARD, None)]), &mut these_invoices),
        Reason::TENDERS_MISMATCH
    );
    let instructed = |cents| PaymentRequest {
        invoices: vec![(own_id(1), Some(usd(cents)))],
        ..all(&[(CARD, Some(400))])
    };
    assert_eq!(only(instructed(500), &mut these_invoices), Reason::TENDERS_MISMATCH);
    assert_eq!(only(instructed(1_001), &mut these_invoices), Reason::ALLOCATION_TOO_LARGE);
    assert_eq!(
        only(
            PaymentRequest { surplus_allowed: false, ..all(&[(CARD, Some(1_001))]) },
            &mut these_invoices
        ),
        Reason::OVERPAYMENT_NOT_ALLOWED
    );
}

fn own_id(id: u128) -> Id<Invoice> {
    Id::from_uuid(Uuid::from_u128(id))
}

#[test]
fn a_payment_first_reverses_a_write_off() {
    let mut these_invoices = invoices(&[1_000]);
    these_invoices[0].write_off(NOW).unwrap();
    let one = |cents| PaymentRequest { invoices: vec![(own_id(1), None)], ..all(&[(CARD, cents)]) };
    let mut failed = plan(&mut these_invoices, &one(Some(600))).unwrap();
    assert_eq!((these_invoices[0].written_off, these_invoices[0].pending), (usd(400), usd(600)));
    failed.tenders[0].state = TenderState::Failed("no".into());
    failed.close(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (these_invoices[0].state, these_invoices[0].written_off),
        (InvoiceState::Uncollectible, usd(1_000)),
        "as if it had never been tried"
    );
    let mut paid = plan(&mut these_invoices, &one(None)).unwrap();
    paid.tenders[0].state = TenderState::Succeeded;
    paid.close(&mut these_invoices, NOW).unwrap();
    assert_eq!(
        (these_invoices[0].state, these_invoices[0].written_off, these_invoices[0].paid),
        (InvoiceState::Paid, usd(0), usd(1_000))
    );
}

proptest! {
    /// Random payments that end in random ways leave paid + credited + written off + open = total.
    #[test]
    fn invoices_add_up_after_random_payments(
        totals in prop::collection::vec(1_i64..10_000, 1..4),
        steps in prop::collection::vec((1_i64..6_000, 0_i64..6_000, 0_u8..4), 1..12),
    ) {
        let mut these_invoices = invoices(&totals);
        let mut model: i64 = totals.iter().sum();
        for (first, second, end) in steps {
            if end == 3 {
                // A credit note in between, on the first invoice, as far as it goes.
                let amount = usd(first).min(these_invoices[0].payable().unwrap()).unwrap();
                if amount.is_positive() && these_invoices[0].credit(amount, NOW).is_ok() {
                    model -= amount.micros() / 10_000;
                }
                continue;
            }
            let tenders: Vec<_> = [(CARD, Some(first)), (OTHER, Some(second))].into_iter().filter(|(_, cents)| *cents > Some(0)).collect();
            let Ok(mut payment) = plan(&mut these_invoices, &all(&tenders)) else { continue };
            for (place, tender) in payment.tenders.iter_mut().enumerate() {
                let paid = end == 0 || (end == 1 && place == 0);
                tender.state = if paid { TenderState::Succeeded } else { TenderState::Failed("no".into()) };
            }
            payment.close(&mut these_invoices, NOW).unwrap();
            let allocated: i64 = payment.allocations.iter().map(|allocation| allocation.paid.micros() / 10_000).sum();
            let received: i64 = payment.tenders.iter().filter(|tender| tender.state == TenderState::Succeeded).map(|tender| tender.amount.micros() / 10_000).sum();
            prop_assert_eq!(allocated + payment.surplus.micros() / 10_000, received, "I10");
            model -= allocated;
            for invoice in &these_invoices {
                let sum = invoice.paid.plus(invoice.credited).unwrap().plus(invoice.written_off).unwrap().plus(invoice.open().unwrap()).unwrap();
                prop_assert_eq!(sum, invoice.amounts.total, "I8");
                prop_assert!(!invoice.open().unwrap().is_negative() && !invoice.payable().unwrap().is_negative(), "I8");
                prop_assert_eq!(invoice.pending, usd(0));
            }
            let open: i64 = these_invoices.iter().map(|invoice| invoice.open().unwrap().micros() / 10_000).sum();
            prop_assert_eq!(open, model);
        }
    }
}
