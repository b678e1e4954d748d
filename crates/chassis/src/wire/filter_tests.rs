//! What the language of filters takes and refuses.

use super::{Comparison, Field, Filter, Kind, Operator, Value, parse};
use proptest::prelude::*;

const FIELDS: &[Field] = &[
    Field { name: "number", kind: Kind::Text },
    Field { name: "state", kind: Kind::Choice(&["OPEN", "PAID"]) },
    Field { name: "currency", kind: Kind::Currency },
    Field { name: "country", kind: Kind::Country },
    Field { name: "past_due", kind: Kind::Flag },
    Field { name: "due_date", kind: Kind::Date },
    Field { name: "create_time", kind: Kind::Instant },
    Field { name: "total", kind: Kind::Amount },
    Field { name: "customer", kind: Kind::Name(&["customers"]) },
    Field::LABELS,
];

fn one(text: &str) -> Comparison {
    let mut parsed = parse(text, FIELDS, "acme").unwrap().0;
    assert_eq!(parsed.len(), 1, "{text}");
    parsed.remove(0)
}

#[test]
fn comparisons_are_read_with_their_values() {
    assert_eq!(parse("  ", FIELDS, "acme"), Ok(Filter::default()));
    assert_eq!(one("number = \"INV 1 \\\"x\\\"\"").value, Value::Text("INV 1 \"x\"".into()));
    assert_eq!(one("number='a AND b'").value, Value::Text("a AND b".into()));
    assert_eq!(
        one("total>=100.5"),
        Comparison {
            field: "total",
            operator: Operator::AtLeast,
            value: Value::Amount(100_500_000)
        }
    );
    assert_eq!(one("state != PAID").operator, Operator::NotEqual);
    assert_eq!(one("due_date < 2026-02-01").value, Value::Date("2026-02-01".parse().unwrap()));
    assert_eq!(
        one("create_time > 2026-02-01T00:00:00+01:00").value,
        Value::Instant("2026-01-31T23:00:00Z".parse().unwrap())
    );
    let label = one("labels.cost-centre = \"a b\"").value;
    assert_eq!(label, Value::Label { key: "cost-centre".into(), value: "a b".into() });
    let id = uuid::Uuid::from_u128(7);
    assert_eq!(one(&format!("customer = tenants/acme/customers/{id}")).value, Value::Id(id));
    let both = parse("state = OPEN AND past_due = true AND total < 5", FIELDS, "acme").unwrap();
    assert_eq!(
        both.0.iter().map(|condition| condition.field).collect::<Vec<_>>(),
        ["state", "past_due", "total"]
    );
}

#[test]
fn a_refusal_names_the_field_the_operator_and_what_is_allowed() {
    for (text, sentence) in [
        (
            "colour = red",
            "\"colour\" is no field of this list. Compare one of number, state, currency, country, past_due, due_date, create_time, total, customer, labels.KEY.",
        ),
        (
            "labels = a",
            "Write a key of 1 to 63 lower-case letters, digits, - and _, with a letter first, after labels and a point: labels.region.",
        ),
        (
            "labels.Region = a",
            "Write a key of 1 to 63 lower-case letters, digits, - and _, with a letter first, after labels and a point: labels.region.",
        ),
        ("state > OPEN", "Compare state with one of the operators != =, not with \"> OPEN\"."),
        ("state = ODD", "\"ODD\" is no value for state. Write one of OPEN, PAID."),
        (
            "currency = usd",
            "\"usd\" is no value for currency. Write the code of a currency in capitals, such as USD.",
        ),
        (
            "currency = XYZ",
            "\"XYZ\" is no value for currency. Write the code of a currency in capitals, such as USD.",
        ),
        (
            "country = gb",
            "\"gb\" is no value for country. Write the code of a country in capitals, such as GB.",
        ),
        (
            "due_date = 2026-2-1",
            "\"2026-2-1\" is no value for due_date. Write a date such as 2026-01-31.",
        ),
        (
            "total = 1e9",
            "\"1e9\" is no value for total. Write a plain decimal such as 12.50, with at most six digits after the point.",
        ),
        ("number = \"x", "Write what number is compared with; close quotation marks."),
        ("number = ", "Write what number is compared with; close quotation marks."),
        (
            "state = OPEN OR state = PAID",
            "OR is not taken at \"OR state = PAID\": join comparisons with AND, and list once for each alternative.",
        ),
        (
            "NOT state = OPEN",
            "NOT is not taken at \"NOT state = OPEN\": compare with != or with the opposite operator.",
        ),
        (
            "state = OPEN AND -total = 5",
            "- is not taken at \"-total = 5\": compare with != or with the opposite operator.",
        ),
        ("state = OPEN and total = 5", "Write AND in capitals at \"and total = 5\"."),
        (
            "state = OPEN or total = 5",
            "Only AND joins comparisons, not \"or\" at \"or total = 5\"; != compares with everything else.",
        ),
        (
            "state = OPEN)",
            "Leave out the parentheses at \")\": comparisons are joined by AND alone.",
        ),
        (
            "customer = tenants/other/customers/00000000-0000-0000-0000-000000000007",
            "\"tenants/other/customers/00000000-0000-0000-0000-000000000007\" is not of this tenant. Write a name that begins with tenants/acme/.",
        ),
        ("state = OPEN state = PAID", "Join comparisons with AND before \"state = PAID\"."),
        (
            "(state = OPEN)",
            "Leave out the parentheses at \"(state = OPEN)\": comparisons are joined by AND alone.",
        ),
        ("state = OPEN AND", "Write another comparison after AND, or leave it out."),
        (
            "customer = tenants/acme",
            "\"tenants/acme\" is no value for customer. Write a name of the form tenants/{slug}/customers/{uuid}.",
        ),
    ] {
        assert_eq!(parse(text, FIELDS, "acme"), Err(sentence.to_owned()), "{text}");
    }
    let many = vec!["state = OPEN"; 21].join(" AND ");
    assert_eq!(parse(&many, FIELDS, "acme"), Err("Use at most 20 comparisons.".to_owned()));
}

proptest! {
    #[test]
    fn no_input_panics(text in "[ -~\\u{80}-\\u{2FF}]{0,80}", tail in "(state|number|due_date|total|=|<|>|AND| |\"|'|\\\\|é|1|-){0,30}") {
        let _ = parse(&text, FIELDS, "acme");
        let _ = parse(&tail, FIELDS, "acme");
    }

    #[test]
    fn any_text_can_be_quoted(text in "[ -~é]{1,40}") {
        let quoted = format!("number = \"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        prop_assert_eq!(one(&quoted).value, Value::Text(text));
    }
}
