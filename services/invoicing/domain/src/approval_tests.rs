//! Proposals: one waits, a second person decides it once, and what cannot be done any more ends.

use super::{Approval, ApprovalState, Proposal, Together, waits_already};
use crate::{
    InvoiceState::{self, Open, Paid, Uncollectible, Void},
    payment::tests::invoices,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Id, Money, Reason};
use uuid::Uuid;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn proposed(proposal: Proposal) -> Approval {
    Approval {
        id: Id::from_uuid(Uuid::nil()),
        invoice: Id::from_uuid(Uuid::nil()),
        proposal,
        state: ApprovalState::Proposed,
        explanation: "Bankrupt".into(),
        proposed_by: "ann".into(),
        decided_by: String::new(),
        decision_explanation: String::new(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

#[test]
fn what_the_invoice_can_never_take_any_more_is_ended() {
    let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
    let ended = |proposal: Proposal, state: InvoiceState, (paid, credited): (i64, i64)| {
        let mut invoice = invoices(&[10_000]).remove(0);
        (invoice.state, invoice.paid, invoice.credited) = (state, usd(paid), usd(credited));
        let mut approval = proposed(proposal);
        let is_ended = approval.supersede(&invoice, NOW).unwrap();
        assert_eq!(
            (
                approval.state == ApprovalState::Superseded,
                !approval.decision_explanation.is_empty()
            ),
            (is_ended, is_ended)
        );
        is_ended.then(|| approval.decide("bob", true, String::new(), NOW).unwrap_err().message)
    };
    let (all, note) = (Proposal::WriteOff(usd(10_000)), Proposal::CreditNote(usd(3_000)));
    for (proposal, state, sums) in [
        (all, Open, (0, 0)),
        (all, Open, (4_000, 0)),
        (note, Open, (0, 7_000)),
        (note, Open, (9_000, 0)),
        (note, Paid, (10_000, 0)),
    ] {
        assert_eq!(ended(proposal, state, sums), None, "{proposal:?} {state:?} {sums:?}");
    }
    for (proposal, state, sums) in [
        (all, Paid, (10_000, 0)),
        (all, Uncollectible, (0, 0)),
        (all, Void, (0, 10_000)),
        (note, Open, (0, 7_001)),
        (note, Paid, (2_000, 8_000)),
        (note, Uncollectible, (0, 0)),
        (note, Void, (0, 10_000)),
    ] {
        let said = ended(proposal, state, sums)
            .unwrap_or_else(|| panic!("{proposal:?} {state:?} {sums:?}"));
        assert!(
            said.starts_with("The proposal is SUPERSEDED and cannot be decided any more. "),
            "{said}"
        );
    }
    let paid = ended(all, Paid, (10_000, 0)).unwrap();
    assert!(paid.ends_with("The invoice is paid: there is nothing to write off."), "{paid}");
}

#[test]
fn one_of_two_equal_proposals_waits() {
    let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
    let waiting = [proposed(Proposal::CreditNote(usd(30))), proposed(Proposal::WriteOff(usd(100)))];
    let equal = |proposal| {
        waits_already(&waiting, proposal).map(|(first, refusal)| (first.proposal, refusal.reason))
    };
    assert_eq!(
        equal(Proposal::WriteOff(usd(70))),
        Some((Proposal::WriteOff(usd(100)), Reason::APPROVAL_WAITS))
    );
    assert_eq!(
        equal(Proposal::CreditNote(usd(30))),
        Some((Proposal::CreditNote(usd(30)), Reason::APPROVAL_WAITS))
    );
    assert_eq!(equal(Proposal::CreditNote(usd(31))), None);
    assert_eq!(equal(Proposal::CreditNote(usd(100))), None, "a write-off gives nothing back");
}

#[test]
fn one_proposes_another_decides_once() {
    let now = NOW;
    let mut approval = proposed(Proposal::WriteOff(Money::zero(Currency::parse("USD").unwrap())));
    assert_eq!(
        approval.decide("ann", true, String::new(), now).unwrap_err().reason,
        Reason::SEPARATION_OF_DUTIES
    );
    approval.decide("bob", true, "Yes".into(), now).unwrap();
    assert_eq!((approval.state, approval.decided_by.as_str()), (ApprovalState::Approved, "bob"));
    assert_eq!(
        approval.decide("eve", false, String::new(), now).unwrap_err().reason,
        Reason::APPROVAL_STATE
    );
}

#[test]
fn what_is_written_off_may_have_become_less_not_more() {
    let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
    assert!(
        Proposal::WriteOff(usd(100)).must_cover(usd(100)).is_ok()
            && Proposal::WriteOff(usd(100)).must_cover(usd(99)).is_ok()
    );
    assert_eq!(
        Proposal::WriteOff(usd(100)).must_cover(usd(101)).unwrap_err().reason,
        Reason::APPROVAL_EXCEEDED
    );
    assert!(Proposal::CreditNote(usd(1)).must_cover(usd(101)).is_ok());
}

#[test]
fn the_limit_itself_needs_one_person() {
    let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
    let asked = |so_far, amount, proposal| Together {
        what: "all of one",
        so_far: usd(so_far),
        amount: usd(amount),
        proposal,
    };
    let within = |together: Together, limit: Option<i64>| together.must_be_within(limit.map(usd));
    assert!(
        within(asked(0, 1_000_000, None), None).is_ok()
            && within(asked(40, 60, None), Some(100)).is_ok()
    );
    let refused =
        |so_far, amount, proposal| within(asked(so_far, amount, proposal), Some(100)).unwrap_err();
    let alone = refused(0, 101, None);
    let sentence = "More than 1.00 USD takes a second person. An owner of the tenant does it.";
    assert_eq!((alone.reason, alone.message.as_str()), (Reason::SECOND_PERSON_REQUIRED, sentence));
    assert!(
        refused(0, 101, Some("ProposeWriteOff"))
            .message
            .contains("Propose it with ProposeWriteOff")
    );
    let parts = "takes a second person, and all of one counts together: 0.40 USD so far, 1.01 USD with this.";
    assert!(refused(40, 61, None).message.contains(parts), "{:?}", refused(40, 61, None));
}
