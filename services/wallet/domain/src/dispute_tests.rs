//! Disputes at the wallet: who decides, and which dispute of a charge the provider tells of.

use super::{Decider, Dispute, DisputeState, Disputed, DisputesOfCharge, Outcome, ProviderDispute};
use crate::chargeback::{self, TakenBack};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn aud(text: &str) -> Money {
    Money::parse(Currency::parse("AUD").unwrap(), text).unwrap()
}

fn told(is_final: bool) -> ProviderDispute {
    let outcome = is_final.then_some(Outcome::Lost);
    ProviderDispute {
        id: String::new(),
        amount: aud("55"),
        reason: "fraudulent".into(),
        evidence_due: None,
        is_final,
        outcome,
    }
}

fn opened(is_final: bool) -> Dispute {
    let taken = TakenBack {
        amount: aud("55"),
        credit: aud("50"),
        tax: aud("5"),
        from_invoices: aud("0"),
        from_surplus: aud("0"),
    };
    let nobody = Id::from_uuid(Uuid::nil());
    let disputed = (Disputed::TopUp(Id::from_uuid(Uuid::nil())), None, "ch_1");
    Dispute::open(
        Id::from_uuid(Uuid::nil()),
        nobody,
        Id::from_uuid(Uuid::nil()),
        disputed,
        (&told(is_final), taken, Vec::new()),
        NOW,
    )
}

#[test]
fn whoever_decides_first_decides() {
    let person = || Decider::Person("We sent the proof.".into());
    for first in [Outcome::Won, Outcome::Lost] {
        let other = if first == Outcome::Won { Outcome::Lost } else { Outcome::Won };
        let mut dispute = opened(false);
        assert_eq!(dispute.decide(first, person(), NOW), Ok(true));
        assert_eq!(
            (dispute.state, dispute.explanation.as_str(), dispute.told),
            (first.state(), "We sent the proof.", None)
        );
        assert_eq!(dispute.decide(first, person(), NOW), Ok(false), "decided like this already");
        assert_eq!(dispute.decide(other, person(), NOW).unwrap_err().reason, Reason::DISPUTE_STATE);
        assert_eq!(dispute.decide(other, Decider::Provider, NOW), Ok(false));
        assert_eq!(
            (dispute.state, dispute.told),
            (first.state(), Some(other)),
            "what the provider says is noted"
        );
        let mut dispute = opened(false);
        assert_eq!(dispute.decide(first, Decider::Provider, NOW), Ok(true));
        assert_eq!(
            (dispute.state, dispute.told, dispute.ended_at),
            (first.state(), Some(first), Some(NOW))
        );
    }
}

#[test]
fn what_a_bank_returns_is_lost_from_the_start() {
    let mut dispute = opened(true);
    assert_eq!((dispute.state, dispute.ended_at), (DisputeState::Lost, Some(NOW)));
    assert_eq!(
        dispute.decide(Outcome::Won, Decider::Person(String::new()), NOW).unwrap_err().reason,
        Reason::DISPUTE_STATE
    );
}

/// A surplus that is settled after two chargebacks is split between their disputes, and what became
/// debt is nobody's lot.
#[test]
fn what_was_taken_from_lots_is_split_in_order() {
    let lot = |number| Id::from_uuid(Uuid::from_u128(number));
    let mut lots = vec![(lot(1), aud("10")), (lot(2), aud("5"))];
    assert_eq!(
        chargeback::split_off(&mut lots, aud("12")).unwrap(),
        [(lot(1), aud("10")), (lot(2), aud("2"))]
    );
    assert_eq!(chargeback::split_off(&mut lots, aud("8")).unwrap(), [(lot(2), aud("3"))]);
    let mut dispute = opened(false);
    dispute.also_from(vec![(lot(2), aud("2"))]).unwrap();
    dispute.also_from(vec![(lot(2), aud("3")), (lot(1), aud("1"))]).unwrap();
    assert_eq!(dispute.lots, [(lot(2), aud("5")), (lot(1), aud("1"))]);
}

#[test]
fn another_dispute_of_a_charge_comes_after_one_that_was_won() {
    let says = |id: &str| ProviderDispute { id: id.into(), ..told(false) };
    for (text, other, by_person, by_provider) in
        [("a", "b", true, true), ("a", "a", false, false), ("", "", false, true)]
    {
        let mut open = Dispute { provider_dispute_id: text.into(), ..opened(false) };
        let may_open = |last: &Dispute| DisputesOfCharge(vec![last.clone()]).may_open(&says(other));
        assert!(!may_open(&open), "it is not decided");
        let mut lost = open.clone();
        lost.decide(Outcome::Lost, Decider::Provider, NOW).unwrap();
        assert!(!may_open(&lost), "nothing of the charge is left");
        open.decide(Outcome::Won, Decider::Person("Proof".into()), NOW).unwrap();
        assert_eq!(may_open(&open), by_person, "{text} {other}");
        open.decide(Outcome::Won, Decider::Provider, NOW).unwrap();
        assert_eq!(may_open(&open), by_provider, "{text} {other}");
    }
    assert!(DisputesOfCharge(Vec::new()).may_open(&says("")), "the first");
}

/// What the provider tells is of the dispute with its id, whichever is the last: an answer may be
/// old, or be of one that is not known.
#[test]
fn what_the_provider_tells_is_of_the_dispute_that_it_names() {
    let says = |id: &str, outcome| ProviderDispute { id: id.into(), outcome, ..told(false) };
    let named = |id: &str| Dispute { provider_dispute_id: id.into(), ..opened(false) };
    let mut first = named("a");
    let known = DisputesOfCharge(vec![first.clone()]);
    let unnoticed = |known: &DisputesOfCharge, id: &str| {
        known.won_unnoticed(&says(id, None)).map(|dispute| dispute.provider_dispute_id.clone())
    };
    assert_eq!(
        (known.find(&says("b", Some(Outcome::Lost))), unnoticed(&known, "b")),
        (None, Some("a".to_owned())),
        "the first was won"
    );
    assert_eq!((unnoticed(&known, "a"), unnoticed(&known, "")), (None, None));
    first.decide(Outcome::Won, Decider::Provider, NOW).unwrap();
    let known = DisputesOfCharge(vec![first.clone(), named("b")]);
    assert_eq!(
        known.find(&says("a", Some(Outcome::Won))),
        Some(&first),
        "an old answer decides nothing of the second"
    );
    assert_eq!(known.find(&says("b", None)).map(|dispute| dispute.state), Some(DisputeState::Open));
    let ended =
        DisputesOfCharge(vec![first.clone(), Dispute { state: DisputeState::Won, ..named("b") }]);
    assert!(
        !ended.may_open(&says("a", None)) && ended.may_open(&says("c", None)),
        "an old answer opens nothing again"
    );
    assert_eq!(
        known.find(&says("", None)).map(|dispute| dispute.provider_dispute_id.as_str()),
        Some("b"),
        "without an id it is the last"
    );
    // What was refunded cannot be disputed: the provider's word of another dispute is none of the
    // first.
    assert_eq!(DisputesOfCharge(vec![first.clone()]).find(&says("b", Some(Outcome::Lost))), None);
    assert_eq!(
        unnoticed(&DisputesOfCharge(vec![first]), "b"),
        None,
        "the provider has told that it is won"
    );
    // A person had lost it: by opening another one the provider says that it is won.
    let mut lost = named("a");
    lost.decide(Outcome::Lost, Decider::Person("No proof".into()), NOW).unwrap();
    assert_eq!(
        (
            unnoticed(&DisputesOfCharge(vec![lost]), "b"),
            unnoticed(&DisputesOfCharge(vec![opened(true)]), "b")
        ),
        (Some("a".to_owned()), None)
    );
}
