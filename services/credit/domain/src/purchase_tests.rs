//! Purchases: what is refused when they are authorised, so that nothing is later.

use crate::{
    Draw, DrawState, Line, LineState,
    draw::{Figures, InPlan},
    line_tests::{active, usd},
    purchase::{Buyer, Item, Part, PurchaseRequest, TaxRule},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use payterms_kernel::{Currency, IdSource, Money, Reason, Refusal};
use rust_decimal::Decimal;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn today() -> NaiveDate {
    NOW.date_naive()
}

pub(crate) fn item(cents: i64, quantity: &str) -> Item {
    Item {
        description: "Tea".into(),
        quantity: quantity.parse().unwrap(),
        unit_price: usd(cents),
        tax_category: String::new(),
    }
}

pub(crate) fn request(items: Vec<Item>) -> PurchaseRequest {
    PurchaseRequest {
        items,
        description: "Order 7".into(),
        collect_automatically: false,
        expires_at: None,
    }
}

pub(crate) fn rules() -> Vec<TaxRule> {
    let rule = |country: &str, with_tax_id, rate: i64| TaxRule {
        country: country.into(),
        category: String::new(),
        with_tax_id,
        rate_percent: Decimal::from(rate),
        sentence: String::new(),
    };
    vec![rule("US", false, 20), rule("US", true, 0), rule("DE", true, 0)]
}

pub(crate) fn buyer() -> Buyer {
    Buyer { country: "US".into(), has_tax_id: false, lacking: Vec::new() }
}

fn buy(line: &mut Line, request: &PurchaseRequest, buyer: &Buyer) -> Result<Draw, Refusal> {
    let mut ids = IdSource::new(NOW, b"seed", "buy");
    line.purchase(&mut ids, request, (buyer, &rules()), (usd(5_000), None), NOW)
        .map(|(draw, _)| draw)
}

fn capture(
    line: &mut Line,
    draw: &mut Draw,
    parts: &[Part],
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let mut ids = IdSource::new(NOW, b"seed", "capture");
    line.capture_purchase(draw, &mut ids, parts, true, today(), now).map(|_| ())
}

#[test]
fn all_that_is_against_a_purchase_is_told_at_once() {
    let mut line = active(NOW);
    line.state = LineState::Inactive;
    let lacking = Buyer { lacking: vec!["billing_address".into()], ..buyer() };
    let unknown = Item { tax_category: "books".into(), ..item(600_000, "1") };
    let mut ids = IdSource::new(NOW, b"seed", "buy");
    let refused = line
        .purchase(
            &mut ids,
            &request(vec![unknown]),
            (&lacking, &rules()),
            (usd(5_000), Some(&in_plan())),
            NOW,
        )
        .unwrap_err();
    let texts: Vec<_> = refused.conditions.iter().map(|condition| condition.name).collect();
    assert_eq!(refused.reason, Reason::LINE_STATE);
    assert_eq!(
        texts,
        [
            Reason::LINE_STATE,
            Reason::INVOICE_IN_PLAN,
            Reason::PROFILE_INCOMPLETE,
            Reason::TAX_UNKNOWN,
            Reason::CREDIT_LIMIT_EXCEEDED
        ]
    );
    assert!(
        ["INACTIVE", "payment plan", "tax rule", "can be drawn"]
            .iter()
            .all(|part| refused.message.contains(part))
    );
    assert!(
        ["state", "category", "available"]
            .iter()
            .all(|name| refused.metadata.iter().any(|(text, _)| text == name))
    );
}

#[test]
fn what_could_keep_the_invoice_from_being_made_is_refused() {
    let euro = Money::from_micros(Currency::parse("EUR").unwrap(), 1_000_000);
    let unknown = Item { tax_category: "books".into(), ..item(1, "1") };
    let late = |days: u64| PurchaseRequest {
        expires_at: Some(NOW + Days::new(days)),
        ..request(vec![item(1, "1")])
    };
    let lacking = Buyer { lacking: vec!["billing_address".into()], ..buyer() };
    let cases: [(Reason, PurchaseRequest, Buyer); 9] = [
        (
            Reason::CURRENCY_MISMATCH,
            request(vec![item(1, "1"), Item { unit_price: euro, ..item(1, "1") }]),
            buyer(),
        ),
        (
            Reason::CURRENCY_MISMATCH,
            request(vec![Item { unit_price: euro, ..item(1, "1") }]),
            buyer(),
        ),
        (Reason::TAX_UNKNOWN, request(vec![item(1, "1"), unknown]), buyer()),
        (
            Reason::TAX_UNKNOWN,
            request(vec![item(1, "1")]),
            Buyer { country: "DE".into(), ..buyer() },
        ),
        (Reason::PROFILE_INCOMPLETE, request(vec![item(1, "1")]), lacking),
        (Reason::INVOICE_EMPTY, request(vec![item(1, "0.4")]), buyer()),
        (Reason::CREDIT_LIMIT_EXCEEDED, request(vec![item(500, "2"), item(1, "1")]), buyer()),
        (Reason::TIME_IN_PAST, late(0), buyer()),
        (Reason::TIME_OUT_OF_RANGE, late(91), buyer()),
    ];
    for (reason, request, buyer) in cases {
        let mut line = active(NOW);
        let before = line.clone();
        let refusal = buy(&mut line, &request, &buyer).unwrap_err();
        let text = refusal.violations.first().map_or(refusal.reason, |violation| violation.reason);
        assert_eq!((text, &line), (reason, &before), "a refusal changes nothing");
    }
}

#[test]
fn the_tax_is_that_of_the_authorisation() {
    let mut line = active(NOW);
    let draw =
        buy(&mut line, &request(vec![item(300, "1.5")]), &Buyer { has_tax_id: true, ..buyer() })
            .unwrap();
    assert_eq!(
        (draw.amount, draw.purchase.unwrap().lines[0].rate_percent),
        (usd(450), Decimal::ZERO)
    );
    let draw = buy(&mut line, &request(vec![item(300, "1")]), &buyer()).unwrap();
    assert_eq!(
        (draw.amount, draw.purchase.unwrap().lines[0].rate_percent),
        (usd(300), Decimal::from(20)),
        "prices include tax"
    );
}

#[test]
fn a_part_is_captured_once_and_the_rest_released() {
    let mut line = active(NOW);
    let mut draw = buy(&mut line, &request(vec![item(100, "3"), item(50, "2")]), &buyer()).unwrap();
    assert_eq!((draw.amount, draw.invoice, line.authorized), (usd(400), None, usd(400)));
    let before = draw.clone();
    for parts in [vec![(2, None)], vec![(0, Some(Decimal::from(4)))]] {
        let mut copy = draw.clone();
        let refusal = capture(&mut line.clone(), &mut copy, &parts, NOW).unwrap_err();
        assert_eq!(refusal.violations[0].reason, Reason::FIELD_OUT_OF_RANGE);
    }
    let nothing = Some(Decimal::new(1, 3));
    assert_eq!(
        capture(&mut line.clone(), &mut before.clone(), &[(0, nothing)], NOW).unwrap_err().reason,
        Reason::INVOICE_EMPTY
    );
    // Neither a cut of the limit nor a suspension keeps it from being captured.
    (line.limit, line.state) = (usd(1), LineState::Suspended);
    capture(&mut line, &mut draw, &[(0, Some(Decimal::from(2)))], NOW).unwrap();
    assert_eq!(
        (draw.state, draw.captured, draw.invoice.is_some()),
        (DrawState::Captured, usd(200), true)
    );
    assert_eq!((line.authorized, line.captured), (usd(0), usd(200)));
    for refusal in
        [capture(&mut line, &mut draw, &[], NOW), line.void_purchase(&mut draw, NOW).map(|_| ())]
    {
        assert_eq!(refusal.unwrap_err().reason, Reason::DRAW_STATE);
    }
    let known = Figures {
        open: usd(0),
        due_on: today(),
        blocked: false,
        written_off: false,
        no_consequence_before: None,
    };
    line.follow(&mut draw, known, NOW).unwrap();
    assert_eq!(line.exposure(), Ok(usd(0)), "paid, the limit is free");
}

#[test]
fn it_expires_and_a_payments_draw_does_not() {
    let mut line = active(NOW);
    let mut draw = buy(&mut line, &request(vec![item(100, "1")]), &buyer()).unwrap();
    let end = NOW + Days::new(7);
    assert_eq!(draw.expires_at(), Some(end), "seven days where none are named");
    assert_eq!(line.expire(&mut draw, end - Days::new(1)), Ok(None));
    assert_eq!(
        capture(&mut line, &mut draw, &[], end).unwrap_err().reason,
        Reason::DRAW_STATE,
        "over, whether or not the job has run"
    );
    assert!(line.expire(&mut draw, end).unwrap().is_some());
    assert_eq!((draw.state, line.exposure()), (DrawState::Expired, Ok(usd(0))));
    assert_eq!(line.expire(&mut draw, end), Ok(None), "once");
    let mut of_payment = Draw { purchase: None, ..draw.clone() };
    assert_eq!(draw.must_be_of_payment().unwrap_err().reason, Reason::HOLD_OWNER);
    assert_eq!(
        capture(&mut line, &mut of_payment, &[], NOW).unwrap_err().reason,
        Reason::HOLD_OWNER
    );
    assert_eq!(line.void_purchase(&mut of_payment, NOW).unwrap_err().reason, Reason::HOLD_OWNER);
}

/// An invoice in a plan.
pub(crate) fn in_plan() -> InPlan {
    InPlan { invoice: "an invoice".into(), plan: "a plan".into() }
}
