//! Forms of tax numbers from published examples, and how a number is judged.

use super::{Evidence, TaxNumber, TaxNumberState};
use crate::{
    payment::tests::{customer, tenant},
    tax_number_form::{form_fault, spelled},
    tenant::{TaxRule, Tenant},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::Reason;
use proptest::prelude::*;
use rust_decimal::Decimal;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// Numbers that registers, companies and the documentation of python-stdnum publish.
const RIGHT: [(&str, &str); 47] = [
    ("AT", "AT U13585627"),
    ("AU", "51 824 753 556"),
    ("AU", "ABN 53 004 085 616"),
    ("BE", "BE 0403.019.261"),
    ("BE", "0428759497"),
    ("BG", "BG 175 074 752"),
    ("CH", "CHE-107.787.577 IVA"),
    ("CH", "CHE-100.155.212 TVA"),
    ("CY", "CY-10259033P"),
    ("CY", "CY60001744K"),
    ("CZ", "CZ 25123891"),
    ("CZ", "640903926"),
    ("DE", "136695976"),
    ("DK", "DK 13585628"),
    ("EE", "EE 100 931 558"),
    ("GR", "EL 094259216"),
    ("GR", "023456780"),
    ("ES", "ES B-58378431"),
    ("ES", "ES 54362315-K"),
    ("ES", "X-2482300W"),
    ("ES", "ES J99216582"),
    ("FI", "FI 20774740"),
    ("FR", "FR 40 303 265 045"),
    ("FR", "FR 23334175221"),
    ("FR", "FR K7 399 859 412"),
    ("MC", "FR 83 404 833 048"),
    ("GB", "GB 980 7806 84"),
    ("GB", "XI 980 7806 84"),
    ("GB", "980780684"),
    ("HR", "HR 33392005961"),
    ("HU", "HU-12892312"),
    ("IE", "IE 6433435F"),
    ("IE", "IE 6433435OA"),
    ("IE", "IE 8D79739I"),
    ("IT", "IT 00743110157"),
    ("LT", "LT 119511515"),
    ("LT", "LT 100001919017"),
    ("LU", "LU 150 274 42"),
    ("LV", "LV 4000 3521 600"),
    ("MT", "MT 1167-9112"),
    ("NL", "NL 004495445B01"),
    ("NO", "NO 988 077 917 MVA"),
    ("NO", "988077917"),
    ("PL", "PL 8567346215"),
    ("PT", "PT 501 964 843"),
    ("RO", "RO 185 472 90"),
    ("SE", "SE 123456789701"),
];

#[test]
fn numbers_as_they_are_published_have_the_right_form() {
    for (country, number) in RIGHT {
        assert_eq!(form_fault(country, number), None, "{country} {number}");
    }
    // Of countries whose forms are not known here every text is taken.
    for (country, number) in
        [("SI", "SI 5022 3054"), ("SK", "SK 202 274 96 19"), ("US", "12-3456789"), ("LI", "x")]
    {
        assert_eq!(form_fault(country, number), None, "{country} {number}");
    }
    // Belgium begins numbers with a 1 since those with a 0 run out: 10000234 modulo 97 is 19, so
    // 78.
    assert_eq!(form_fault("BE", "BE 1000.023.478"), None);
}

#[test]
fn a_digit_that_is_mistyped_is_told_from_a_form_that_is_wrong() {
    let digits = |country: &str, number: &str| form_fault(country, number).unwrap();
    for (country, number) in [
        ("DE", "DE136695967"),
        ("AU", "51824753557"),
        ("BE", "0403019262"),
        ("NO", "988077918"),
        ("CH", "CHE107787578"),
    ] {
        assert!(
            digits(country, number).starts_with("Its check digits do not fit"),
            "{country} {number}: {}",
            digits(country, number)
        );
    }
    for (country, number) in [
        ("DE", "DE12345"),
        ("AU", "5182475355"),
        ("BE", "2403019261"),
        ("FR", "DE136695976"),
        ("NO", "98807791"),
        ("CH", "107787577X"),
        ("CH", "CHE107787577MVA"),
    ] {
        assert!(
            digits(country, number).starts_with(&format!("It is no tax number of {country}")),
            "{}",
            digits(country, number)
        );
    }
    assert!(digits("GB", "GB12").contains("begin with GB or XI"));
}

#[test]
fn a_number_is_spelled_in_one_way() {
    let parts = |country: &str, number: &str| {
        spelled(country, number).map(|spelled| (spelled.prefix, spelled.rest))
    };
    assert_eq!(parts("GR", "094259216"), Some(("EL", "094259216".into())));
    assert_eq!(parts("GB", "xi 980-7806-84"), Some(("XI", "980780684".into())));
    assert_eq!(parts("US", "12-3456789"), None);
}

fn seller() -> Tenant {
    let rule = |rate: i64, with_tax_id| TaxRule {
        country: "DE".into(),
        rate_percent: Decimal::from(rate),
        sentence: String::new(),
        category: String::new(),
        with_tax_id,
    };
    Tenant { tax_rules: vec![rule(19, false), rule(0, true)], ..tenant() }
}

#[test]
fn only_a_verified_number_changes_the_treatment_and_another_one_begins_anew() {
    let (seller, mut buyer) = (seller(), customer());
    (buyer.country, buyer.tax_id) = ("DE".into(), "DE 136695976".into());
    buyer.number_set("DE", "");
    let rate = |buyer: &crate::Customer| seller.tax_rule(buyer, "").unwrap().rate_percent;
    assert_eq!(
        (buyer.tax_number.clone(), rate(&buyer)),
        (Some(TaxNumber::unverified()), Decimal::from(19))
    );
    let other =
        buyer.clone().number_judged("DE123456788", TaxNumberState::Verified, "kim", "Seen", NOW);
    assert_eq!(other.unwrap_err().reason, Reason::TAX_NUMBER_CHANGED);
    buyer
        .number_judged(
            "DE 136695976",
            TaxNumberState::Verified,
            "kim",
            "Certificate of 2 June",
            NOW,
        )
        .unwrap();
    assert_eq!(
        (rate(&buyer), buyer.number_due_at()),
        (Decimal::ZERO, Some(NOW + TimeDelta::days(90)))
    );
    // Another spelling is the same number.
    buyer.tax_id = "136695976".into();
    buyer.number_set("DE", "DE 136695976");
    assert_eq!(rate(&buyer), Decimal::ZERO);
    buyer.tax_id = "DE123456788".into();
    buyer.number_set("DE", "136695976");
    assert_eq!(
        (rate(&buyer), buyer.tax_number.as_ref().map(|tax_number| tax_number.state)),
        (Decimal::from(19), Some(TaxNumberState::Unverified))
    );
    buyer.tax_id.clear();
    buyer.number_set("DE", "DE123456788");
    assert_eq!(buyer.tax_number, None);
    assert_eq!(
        buyer.number_judged("", TaxNumberState::Verified, "kim", "x", NOW).unwrap_err().reason,
        Reason::TAX_NUMBER_REQUIRED
    );
}

#[test]
fn a_register_that_is_silent_leaves_what_was_known() {
    let (seller, mut buyer) = (seller(), customer());
    (buyer.country, buyer.tax_id) = ("DE".into(), "DE136695976".into());
    assert!(buyer.note_number_from_before() && !buyer.note_number_from_before());
    let asked = buyer.number_to_ask_for(&seller).unwrap();
    assert_eq!((asked.prefix, asked.rest.as_str()), ("DE", "136695976"));
    buyer.number_answered(TaxNumberState::Verified, "WAPIAAAAW1".into(), NOW);
    let pauses: Vec<_> = (0..7)
        .map(|_| (buyer.number_unanswered("MS_UNAVAILABLE", NOW) - NOW).num_hours())
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 24, 24]);
    let tax_number = buyer.tax_number.clone().unwrap();
    assert!(buyer.has_verified_tax_number() && tax_number.failure == "MS_UNAVAILABLE");
    assert_eq!(tax_number.evidence, Some(Evidence::Register("WAPIAAAAW1".into())));
    buyer.number_answered(TaxNumberState::Invalid, String::new(), NOW);
    assert!(!buyer.has_verified_tax_number() && buyer.tax_number.unwrap().failure.is_empty());
    // Where no rule asks for a number, nobody does; nor for one that the register does not have.
    let unasked = Tenant { tax_rules: vec![seller.tax_rules[0].clone()], ..seller.clone() };
    let german =
        crate::Customer { country: "DE".into(), tax_id: "DE136695976".into(), ..customer() };
    assert_eq!(
        (german.number_to_ask_for(&unasked), german.number_to_ask_for(&seller).is_some()),
        (None, true)
    );
    assert_eq!(Tenant { country: "AU".into(), ..seller }.number_to_ask_with(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_strange(country in prop::sample::select(RIGHT.map(|(country, _)| country).to_vec()), number in "\\PC{0,40}", plain in "[A-Z]{0,3}[0-9A-Z]{0,14}") {
        let _ = (form_fault(country, &number), form_fault(country, &plain), form_fault("US", &number));
    }
}
