//! What stands on an invoice with discounts, in both languages: the last column sums to the lines.

use super::{Sheet, invoice};
use crate::documents::{paper::print, wording::Language};
use chrono::DateTime;
use payterms_invoicing_domain::{
    Address, Business, Content, Customer, Discount, Dunning, Invoice, Line, Off, Series, TaxRule, Tenant, bank::Automation,
    number::INVOICES,
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
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn sheet(language: Language) -> Sheet {
    let line = |text: &str, price: &str, category: &str| Line::plain(text.into(), Decimal::ONE, eur(price), category.into());
    let percent = |percent: i64| Some(Discount { off: Off::Percent(Decimal::from(percent)), description: String::new() });
    let loyalty = Discount { off: Off::Amount(eur("1.50")), description: "Loyalty".into() };
    let content = Content {
        prices_include_tax: false,
        term: PaymentTerm::NetDays(30),
        lines: vec![
            Line { discount: percent(10), ..line("Licences", "20", "") },
            line("Rebate", "-5", ""),
            Line { discount: Some(loyalty), ..line("Books", "31.50", "books") },
        ],
        discount: percent(20),
        supply_date: None,
        memo: String::new(),
        collect_automatically: false,
    };
    let (seller, buyer, now) = (seller(), buyer(), DateTime::UNIX_EPOCH);
    let mut own = Invoice::draft(Id::from_uuid(uuid::Uuid::nil()), (&seller, &buyer), eur("0").currency(), content, now).unwrap();
    let name = |discount: &Discount, rate: Option<Decimal>| language.discount_line(discount, rate);
    own.finalize((&seller, &buyer), &name, (&mut Series::new(INVOICES), "2026-06-01".parse().unwrap()), now).unwrap();
    invoice(language, &own, own.issue.as_ref().unwrap()).unwrap()
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
    let sum = english.iter().map(|(_, last)| last.trim_end_matches(" EUR").parse::<Decimal>().unwrap()).sum::<Decimal>();
    let sums: Vec<_> = sheet(Language::English).sums.iter().map(|(_, own)| own.replace('\u{a0}', " ")).collect();
    assert_eq!((sum, sums), (Decimal::new(3_440, 2), ["34.40 EUR", "2.08 EUR", "1.32 EUR", "37.80 EUR"].map(str::to_owned).to_vec()));
    let french = shown(Language::French);
    assert_eq!(french[1], ("Remise 10 %".to_owned(), "-2,00 EUR".to_owned()));
    assert_eq!(french[6], ("Remise 20 % (TVA 5,5 %)".to_owned(), "-6,00 EUR".to_owned()));
    assert!(print(&sheet(Language::French)).unwrap().starts_with(b"%PDF"));
}
