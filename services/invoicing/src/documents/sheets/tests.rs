//! What stands on an invoice with discounts, in both languages: the last column sums to the lines;
//! and on receipts.

use super::{Sheet, invoice, receipts::receipt};
use crate::documents::{paper::print, wording::Language};
use chrono::DateTime;
use payterms_invoicing_domain::{
    Address, Business, Content, Customer, Discount, Dunning, Invoice, Line, Off, Rate, Receipt,
    Series, TaxRule, Tenant,
    bank::Automation,
    number::{INVOICES, RECEIPTS},
    receipt::{Bought, Replaced},
};
use payterms_kernel::{Currency, Id, Money, calendar::PaymentTerm};
use rust_decimal::Decimal;

fn eur(text: &str) -> Money {
    Money::parse(Currency::parse("EUR").unwrap(), text).unwrap()
}

fn seller() -> Tenant {
    let rule = |category: &str, percent: &str| TaxRule {
        country: "FR".into(),
        rate_percent: percent.parse().unwrap(),
        sentence: String::new(),
        category: category.into(),
        with_tax_id: false,
    };
    Tenant {
        id: "acme".parse().unwrap(),
        display_name: "Acme".into(),
        country: "FR".into(),
        time_zone: "Europe/Paris".into(),
        sandbox: false,
        invoices_hidden: false,
        overpayment_refused: false,
        payment_notice: payterms_invoicing_domain::PaymentNotice::Confirmation,
        call_limits: payterms_invoicing_domain::CallLimits::default(),
        bank_automation: Automation::Reference,
        business: Business::default(),
        dunning: Dunning::default(),
        transfer_tolerances: Vec::new(),
        approval_limits: Vec::new(),
        tax_rules: vec![rule("", "20"), rule("books", "5.5")],
        suspended: false,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn buyer() -> Customer {
    let place = |text: &str| text.to_owned();
    let address = Address {
        lines: vec![place("1 rue X")],
        city: place("Lyon"),
        region: place(""),
        postal_code: place("69001"),
        country: place("FR"),
    };
    Customer {
        id: Id::from_uuid(uuid::Uuid::nil()),
        legal_name: "Client SARL".into(),
        address: Some(address),
        billing_email: "a@b.example".into(),
        country: "FR".into(),
        tax_id: String::new(),
        tax_number: None,
        tier: String::new(),
        locale: "fr".into(),
        contacts: Vec::new(),
        tax: None,
        tax_version: 0,
        marks: payterms_kernel::Marks::default(),
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn sheet(language: Language) -> Sheet {
    sheet_less(language, 20)
}

/// The sheet of an invoice with a discount of so many percent of the whole.
fn sheet_less(language: Language, off: i64) -> Sheet {
    let line = |text: &str, price: &str, category: &str| {
        Line::plain(text.into(), Decimal::ONE, eur(price), category.into())
    };
    let percent = |percent: i64| {
        Some(Discount { off: Off::Percent(Decimal::from(percent)), description: String::new() })
    };
    let loyalty = Discount { off: Off::Amount(eur("1.50")), description: "Loyalty".into() };
    let content = Content {
        prices_include_tax: false,
        term: PaymentTerm::NetDays(30),
        lines: vec![
            Line { discount: percent(10), ..line("Licences", "20", "") },
            line("Rebate", "-5", ""),
            Line { discount: Some(loyalty), ..line("Books", "31.50", "books") },
        ],
        discount: percent(off),
        supply_date: None,
        memo: String::new(),
        collect_automatically: false,
    };
    let (seller, buyer, now) = (seller(), buyer(), DateTime::UNIX_EPOCH);
    let mut this_invoice = Invoice::draft(
        Id::from_uuid(uuid::Uuid::nil()),
        &seller,
        &buyer,
        eur("0").currency(),
        content,
        now,
    )
    .unwrap();
    let name = |discount: &Discount, rate: Option<Decimal>| language.discount_line(discount, rate);
    this_invoice
        .finalize(
            &seller,
            &buyer,
            &name,
            &mut Series::new(INVOICES),
            "2026-06-01".parse().unwrap(),
            now,
        )
        .unwrap();
    invoice(language, &this_invoice, this_invoice.issue.as_ref().unwrap()).unwrap()
}

fn shown(language: Language) -> Vec<(String, String)> {
    let plain = |text: &String| text.replace('\u{a0}', " ");
    sheet(language).rows.iter().map(|[first, .., last]| (plain(first), plain(last))).collect()
}

#[test]
fn discounts_stand_below_their_lines_and_the_last_column_sums_to_the_net() {
    let english = shown(Language::English);
    let expected = [
        ("Licences", "20.00 EUR"),
        ("Discount 10 %", "-2.00 EUR"),
        ("Rebate", "-5.00 EUR"),
        ("Books", "31.50 EUR"),
        ("Loyalty", "-1.50 EUR"),
        ("Discount 20 % (tax 20 %)", "-2.60 EUR"),
        ("Discount 20 % (tax 5.5 %)", "-6.00 EUR"),
    ];
    assert_eq!(english, expected.map(|(first, last)| (first.to_owned(), last.to_owned())));
    let sum = english
        .iter()
        .map(|(_, last)| last.trim_end_matches(" EUR").parse::<Decimal>().unwrap())
        .sum::<Decimal>();
    let sums: Vec<_> =
        sheet(Language::English).sums.iter().map(|(_, text)| text.replace('\u{a0}', " ")).collect();
    assert_eq!(
        (sum, sums),
        (
            Decimal::new(3_440, 2),
            ["34.40 EUR", "2.08 EUR", "1.32 EUR", "37.80 EUR"].map(str::to_owned).to_vec()
        )
    );
    let french = shown(Language::French);
    assert_eq!(french[1], ("Remise 10 %".to_owned(), "-2,00 EUR".to_owned()));
    assert_eq!(french[6], ("Remise 20 % (TVA 5,5 %)".to_owned(), "-6,00 EUR".to_owned()));
    assert!(print(&sheet(Language::French)).unwrap().starts_with(b"%PDF"));
}

#[test]
fn an_invoice_over_nothing_names_no_day_by_which_it_is_due() {
    let named = |off: i64| {
        let facts = sheet_less(Language::English, off).facts.into_iter();
        facts
            .filter(|(name, _)| !name.ends_with("date") || name == "Due date")
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(named(20), ["Due date", "Payment term", "Amount due", "Payment reference"]);
    assert_eq!(named(100), ["Amount due"]);
}

#[test]
fn a_receipt_says_until_when_its_credit_can_be_used() {
    let bought = |expires_on: Option<&str>, replaces: Option<Replaced>| Bought {
        top_up: uuid::Uuid::nil(),
        wallet: uuid::Uuid::nil(),
        replaces,
        expires_on: expires_on.map(|day| day.parse().unwrap()),
        taxed: false,
        amount: eur("20.00"),
        tax: eur("0"),
        rate: Rate { percent: Decimal::ZERO, sentence: String::new() },
    };
    let facts_of = |expires_on: Option<&str>, replaces: Option<Replaced>, language: Language| {
        let mut series = Series::new(RECEIPTS);
        let today = "2026-06-01".parse().unwrap();
        let made = Receipt::issue(
            Id::from_uuid(uuid::Uuid::nil()),
            &seller(),
            &buyer(),
            bought(expires_on, replaces),
            &mut series,
            today,
            DateTime::UNIX_EPOCH,
        );
        receipt(language, &made.unwrap()).unwrap().facts
    };
    let facts = |expires_on: Option<&str>, language: Language| facts_of(expires_on, None, language);
    let said = |label: &str, value: &str| (label.to_owned(), value.to_owned());
    let english =
        [said("Paid on", "1 June 2026"), said("Credit can be used until", "31 July 2026")];
    assert_eq!(facts(Some("2026-07-31"), Language::English), english);
    assert_eq!(
        facts(Some("2026-07-31"), Language::French)[1],
        said("Crédit utilisable jusqu’au", "31 juillet 2026")
    );
    assert_eq!(facts(None, Language::English).len(), 1);
    // That of a won dispute: paid on the day of the purchase, about the first.
    let paid_on = "2026-01-01".parse().ok();
    let replaced = Replaced {
        dispute: uuid::Uuid::nil(),
        numbers: vec!["RC-2026-000001".to_owned()],
        paid_on,
    };
    let again = [
        said("Issue date", "1 June 2026"),
        said("Paid on", "1 January 2026"),
        said("Dispute won, about receipt", "RC-2026-000001"),
    ];
    assert_eq!(facts_of(None, Some(replaced), Language::English), again);
}
