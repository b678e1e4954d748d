//! Drafts: the worked examples of the law, and properties of random ones with discounts.

use super::reckon;
use crate::{
    Content, Discount, Invoice, InvoiceState, Line, Off, Series,
    number::INVOICES,
    payment::tests::{customer, tenant},
    tax::credit,
    tenant::{TaxRule, Tenant},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, Money, Reason, Refusal, calendar::PaymentTerm, rounding};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const RATES: [(&str, &str); 4] = [("", "20"), ("books", "5.5"), ("food", "10"), ("free", "0")];

fn eur(text: &str) -> Money {
    Money::parse(Currency::parse("EUR").unwrap(), text).unwrap()
}

fn seller() -> Tenant {
    let rule = |(category, percent): (&str, &str)| TaxRule {
        country: "GB".into(),
        rate_percent: percent.parse().unwrap(),
        sentence: String::new(),
        category: category.into(),
        with_tax_id: false,
    };
    Tenant { tax_rules: RATES.map(rule).to_vec(), ..tenant() }
}

fn line(price: &str, category: &str) -> Line {
    Line::plain("x".into(), Decimal::ONE, eur(price), category.into())
}

#[expect(clippy::unnecessary_wraps, reason = "a line and a draft may have none")]
fn off(off: Off) -> Option<Discount> {
    Some(Discount { off, description: String::new() })
}

fn percent(text: &str) -> Option<Discount> {
    off(Off::Percent(text.parse().unwrap()))
}

fn content(lines: Vec<Line>, discount: Option<Discount>, inclusive: bool) -> Content {
    Content {
        prices_include_tax: inclusive,
        term: PaymentTerm::NetDays(30),
        lines,
        discount,
        supply_date: None,
        memo: String::new(),
        collect_automatically: true,
    }
}

fn draft(content: Content) -> Result<Invoice, Refusal> {
    Invoice::draft(
        Id::from_uuid(Uuid::nil()),
        &seller(),
        &customer(),
        eur("0").currency(),
        content,
        NOW,
    )
}

fn issue(invoice: &mut Invoice) -> Result<(), Refusal> {
    let name = |_: &Discount, rate: Option<Decimal>| {
        rate.map_or("Discount".to_owned(), |rate| format!("Discount ({rate} %)"))
    };
    let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    invoice.finalize(&seller(), &customer(), &name, &mut Series::new(INVOICES), today, NOW)
}

#[test]
fn a_line_is_rounded_once_after_its_discount() {
    // 3 × 3.335 is 10.005; less 10 % it is 9.0045, which is 9.00. Rounded twice it would be 10.01 −
    // 1.00 = 9.01.
    let line = Line {
        discount: percent("10"),
        ..Line::plain(
            "x".into(),
            Decimal::from(3),
            Money::parse(eur("0").currency(), "3.335").unwrap(),
            String::new(),
        )
    };
    assert_eq!(
        (line.amount().unwrap(), line.before_discount().unwrap(), line.taken_off().unwrap()),
        (eur("9"), eur("10.01"), eur("1.01"))
    );
    let amount = Line { discount: off(Off::Amount(eur("4.50"))), ..line.clone() };
    assert_eq!(
        (amount.amount().unwrap(), amount.taken_off().unwrap(), amount.discount_fault()),
        (eur("5.51"), eur("4.50"), None)
    );
    let whole = Line { discount: percent("100"), ..line.clone() };
    assert_eq!((whole.amount().unwrap(), whole.discount_fault()), (eur("0"), None));
    let more = Line { discount: off(Off::Amount(eur("10.02"))), ..line.clone() };
    assert_eq!(more.discount_fault().unwrap(), "Take at most the line's 10.01 EUR off.");
    let below = Line { unit_price: eur("-1"), ..line };
    assert!(below.discount_fault().unwrap().starts_with("A line below zero"));
}

#[test]
fn a_discount_of_the_whole_becomes_a_line_for_each_rate_before_tax() {
    // 100.00 at 20 % and 50.00 at 5.5 %; 10.00 off lies 6.67 and 3.33 on them.
    let lines = vec![line("60", ""), line("50", "books"), line("40", "")];
    let mut invoice = draft(content(lines, off(Off::Amount(eur("10"))), false)).unwrap();
    let taxes = |invoice: &Invoice| {
        invoice
            .amounts
            .taxes
            .iter()
            .map(|tax_amount| (tax_amount.net, tax_amount.tax))
            .collect::<Vec<_>>()
    };
    assert_eq!(taxes(&invoice), [(eur("93.33"), eur("18.67")), (eur("46.67"), eur("2.57"))]);
    assert_eq!((invoice.content.lines.len(), invoice.amounts.total), (3, eur("161.24")));
    issue(&mut invoice).unwrap();
    let added: Vec<_> = invoice
        .content
        .lines
        .iter()
        .skip(3)
        .map(|line| (line.description.as_str(), line.unit_price))
        .collect();
    assert_eq!(added, [("Discount (20 %)", eur("-6.67")), ("Discount (5.5 %)", eur("-3.33"))]);
    assert!(
        invoice.content.lines[3].of_whole_discount
            && invoice.content.lines[4].tax_category == "books"
    );
    assert_eq!(
        (taxes(&invoice)[0], invoice.amounts.total),
        ((eur("93.33"), eur("18.67")), eur("161.24"))
    );
    // Prices with tax: 10 % of 120.00 are 12.00, tax included.
    let mut inclusive = draft(content(vec![line("120", "")], percent("10"), true)).unwrap();
    assert_eq!((inclusive.amounts.net, inclusive.amounts.total), (eur("90"), eur("108")));
    issue(&mut inclusive).unwrap();
    assert_eq!(inclusive.content.lines[1].description, "Discount", "one rate needs no name");
}

#[test]
fn neither_a_rate_nor_all_may_come_to_less_than_nothing() {
    let refused = |lines, discount| draft(content(lines, discount, false)).unwrap_err();
    let refusal = refused(
        vec![line("10", ""), line("-12", "books"), line("-0.01", "food")],
        off(Off::Amount(eur("5"))),
    );
    let subjects: Vec<_> =
        refusal.conditions.iter().map(|condition| condition.subject.as_str()).collect();
    assert_eq!(
        (refusal.reason, subjects),
        (Reason::INVOICE_BELOW_ZERO, vec!["rates/5.5", "rates/10", "lines", "discount"])
    );
    assert!(
        refusal.message.contains("The lines taxed at 5.5 % come to -12.00 EUR."),
        "{}",
        refusal.message
    );
    let rate = refused(vec![line("100", ""), line("-1", "books")], None);
    assert_eq!(rate.conditions.len(), 1, "a total above zero does not help");
    let discount = refused(vec![line("10", "")], off(Off::Amount(eur("10.01"))));
    assert_eq!(
        discount.conditions[0].description,
        "The discount of 10.01 EUR is more than the lines' 10.00 EUR. Take at most that off."
    );
    assert!(draft(content(vec![line("10", ""), line("-10", "")], None, false)).is_ok());
    let nothing = Line { quantity: Decimal::new(1, 6), ..line("1", "") };
    assert_eq!(refused(vec![nothing], None).reason, Reason::INVOICE_EMPTY);
    let unknown = refused(vec![line("1", "toys"), line("1", "tea"), line("1", "toys")], None);
    assert_eq!((unknown.reason, unknown.conditions.len()), (Reason::TAX_UNKNOWN, 2));
    let mixed = Line { unit_price: Money::zero(Currency::parse("USD").unwrap()), ..line("1", "") };
    assert_eq!(refused(vec![line("1", ""), mixed], None).reason, Reason::CURRENCY_MISMATCH);
    let dollars = Money::parse(Currency::parse("USD").unwrap(), "1").unwrap();
    assert_eq!(
        refused(vec![line("5", "")], off(Off::Amount(dollars))).reason,
        Reason::CURRENCY_MISMATCH
    );
}

#[test]
fn what_comes_to_nothing_is_paid_when_it_is_issued_and_takes_no_credit_note() {
    let mut invoice =
        draft(content(vec![line("25", ""), line("5", "books")], percent("100"), false)).unwrap();
    issue(&mut invoice).unwrap();
    invoice.schedule_collection(NOW);
    assert_eq!(
        (invoice.state, invoice.amounts.total, invoice.collection.next_at),
        (InvoiceState::Paid, eur("0"), None)
    );
    assert_eq!(invoice.issue.as_ref().unwrap().seller.bank_details, "");
    assert_eq!(invoice.credit(eur("0.01"), NOW).unwrap_err().reason, Reason::CREDIT_NOTE_TOO_LARGE);
    assert_eq!(invoice.void(NOW).unwrap_err().reason, Reason::INVOICE_STATE);
    invoice.settle_state().unwrap();
    assert_eq!(invoice.state, InvoiceState::Paid, "not VOID: nothing was credited");
}

#[test]
fn a_draft_is_brought_up_to_date_and_says_why_it_cannot_be_issued() {
    let mut invoice = draft(content(vec![line("100", "")], None, false)).unwrap();
    let mut seller = seller();
    seller.tax_rules[0].rate_percent = Decimal::from(21);
    invoice.bring_up_to_date(&seller, &customer());
    assert_eq!((invoice.amounts.total, invoice.problem.clone()), (eur("121"), None));
    seller.tax_rules.clear();
    invoice.bring_up_to_date(&seller, &customer());
    assert_eq!(
        (invoice.amounts.total, invoice.problem.as_ref().map(|problem| problem.reason)),
        (eur("0"), Some(Reason::TAX_UNKNOWN))
    );
    invoice.bring_up_to_date(&self::seller(), &customer());
    issue(&mut invoice).unwrap();
    invoice.bring_up_to_date(&seller, &customer());
    assert_eq!(
        (invoice.amounts.total, invoice.problem),
        (eur("120"), None),
        "what is issued stays"
    );
}

/// Random lines: cents, rate, discount in hundredths of a percent.
fn random_lines() -> impl Strategy<Value = Vec<(i64, usize, Option<u32>)>> {
    prop::collection::vec(
        (-30_000_i64..100_000, 0..RATES.len(), prop::option::of(1_u32..=10_000)),
        1..12,
    )
}

fn drafted(
    lines: &[(i64, usize, Option<u32>)],
    discount: Option<Discount>,
    inclusive: bool,
) -> Content {
    let line = |(cents, rate, less): &(i64, usize, Option<u32>)| {
        let price = Money::from_micros(eur("0").currency(), cents * 10_000);
        let discount = less.filter(|_| *cents > 0).map(|less| Discount {
            off: Off::Percent(Decimal::new(less.into(), 2)),
            description: String::new(),
        });
        Line { discount, ..Line::plain("x".into(), Decimal::ONE, price, RATES[*rate].0.into()) }
    };
    content(lines.iter().map(line).collect(), discount, inclusive)
}

fn sum(amounts: impl Iterator<Item = Money>) -> Money {
    amounts.fold(eur("0"), |sum, amount| sum.plus(amount).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn lines_and_taxes_sum_to_the_total(lines in random_lines(), hundredths in prop::option::of(1_u32..=10_000), cents in 1_i64..50_000, inclusive: bool) {
        let whole = hundredths.map_or(Off::Amount(Money::from_micros(eur("0").currency(), cents * 10_000)), |number| Off::Percent(Decimal::new(number.into(), 2)));
        let content = drafted(&lines, off(whole), inclusive);
        let before = sum(content.lines.iter().map(|line| line.amount().unwrap()));
        let Ok(mut invoice) = draft(content.clone()) else {
            // Refused only where a rate, all, or what the discount leaves is below zero, or there
            // is nothing.
            let of_rate = |rate: usize| sum(lines.iter().zip(&content.lines).filter(|((_, number, _), _)| *number == rate).map(|(_, line)| line.amount().unwrap()));
            let too_much = matches!(whole, Off::Amount(amount) if amount.amount() > before.amount());
            let nothing = lines.iter().all(|(cents, ..)| *cents == 0);
            prop_assert!(too_much || nothing || (0..RATES.len()).any(|rate| of_rate(rate).is_negative()));
            return Ok(());
        };
        let shown = invoice.amounts.clone();
        issue(&mut invoice).unwrap();
        prop_assert_eq!(&invoice.amounts, &shown, "issued as the draft showed it");
        let all = sum(invoice.content.lines.iter().map(|line| line.amount().unwrap()));
        let tax = sum(shown.taxes.iter().map(|tax_amount| tax_amount.tax));
        prop_assert_eq!(if inclusive { shown.total } else { shown.net }, all);
        prop_assert_eq!(shown.net.plus(tax).unwrap(), shown.total);
        prop_assert!(shown.taxes.iter().all(|tax_amount| !tax_amount.net.is_negative() && !tax_amount.tax.is_negative()) && !shown.total.is_negative());
        // The discount is exact, each share within a minor unit of its proportion, one line a rate.
        let shares: Vec<_> = invoice.content.lines.iter().filter(|line| line.of_whole_discount).collect();
        let taken = match whole {
            Off::Amount(amount) => amount,
            Off::Percent(percent) => Money::new(before.currency(), rounding::half_away(before.amount() * percent / Decimal::ONE_HUNDRED, 2)).unwrap(),
        };
        prop_assert_eq!(sum(shares.iter().map(|line| line.unit_price.negated())), taken);
        for share in &shares {
            let amount = sum(content.lines.iter().filter(|line| line.tax_category == share.tax_category).map(|line| line.amount().unwrap()));
            let exact = taken.amount() * amount.amount() / before.amount();
            prop_assert!((share.unit_price.amount() + exact).abs() < Decimal::new(1, 2), "{} of {exact}", share.unit_price);
            prop_assert!(amount.plus(share.unit_price).is_ok_and(|left| !left.is_negative()));
        }
        let mut categories: Vec<_> = shares.iter().map(|line| &line.tax_category).collect();
        categories.dedup();
        prop_assert_eq!(categories.len(), shares.len());
    }

    #[test]
    fn credit_notes_in_parts_sum_to_the_whole_of_each_rate(lines in random_lines(), hundredths in 1_u32..=9_900, inclusive: bool, cuts in prop::collection::vec(1_i64..40_000, 0..6)) {
        let content = drafted(&lines, off(Off::Percent(Decimal::new(hundredths.into(), 2))), inclusive);
        let Ok(reckoned) = reckon(&seller(), &customer(), eur("0").currency(), &content) else { return Ok(()) };
        let mut amounts = reckoned.amounts;
        let mut left = amounts.total;
        for cut in cuts {
            let part = Money::from_micros(left.currency(), cut * 10_000).min(left).unwrap();
            if part.is_zero() { break; }
            let note = credit(&mut amounts.taxes, part).unwrap();
            prop_assert_eq!(sum(note.iter().map(|tax_amount| tax_amount.gross().unwrap())), part);
            for tax_amount in &amounts.taxes {
                // round(tax × credited so far ÷ total), per rate.
                let credited = tax_amount.credited_net.plus(tax_amount.credited_tax).unwrap();
                if tax_amount.gross().unwrap().is_zero() { continue; }
                let exact = tax_amount.tax.amount() * credited.amount() / tax_amount.gross().unwrap().amount();
                prop_assert_eq!(tax_amount.credited_tax.amount(), rounding::half_away(exact, 2));
            }
            left = left.minus(part).unwrap();
        }
        if left.is_positive() {
            credit(&mut amounts.taxes, left).unwrap();
        }
        for tax_amount in &amounts.taxes {
            prop_assert_eq!((tax_amount.credited_net, tax_amount.credited_tax), (tax_amount.net, tax_amount.tax));
        }
    }
}
