//! In what a payment provider and the ledger are apart (docs/domain/wallet.md#reconciliation).

use crate::dispute::DisputeState;
use chrono::{DateTime, Utc};
use payterms_kernel::{Money, Reason, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    /// Money that was taken.
    Charge,
    /// Money that was given back.
    Refund,
    /// Money that an issuer has taken back, or wants to.
    Dispute,
    /// Money that was paid out: as the provider has it, and as its transactions come to.
    Payout,
}

payterms_kernel::names! {
    /// The name of the kind in columns.
    RecordKind { Charge = "CHARGE", Refund = "REFUND", Dispute = "DISPUTE", Payout = "PAYOUT" }
}

/// Where something is at the provider, by the provider's ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// What it is of.
    pub kind: RecordKind,
    /// The id.
    pub id: String,
    /// The id of its charge.
    pub charge: String,
}

/// Something that has moved, as the provider or the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub place: Place,
    /// How much.
    pub amount: Money,
    /// How a dispute stands; nothing of others.
    pub outcome: Option<DisputeState>,
}

/// How the two are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// The ledger does not have it.
    OnlyAtProvider,
    /// The provider does not have it.
    OnlyInLedger,
    /// Amounts or currencies differ.
    Amount,
    /// A dispute stands otherwise.
    Outcome,
}

/// What one of the two has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// How much.
    pub amount: Money,
    /// How a dispute stands.
    pub outcome: Option<DisputeState>,
}

/// What was found of one place in which the two are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What the provider has.
    pub at_provider: Option<Side>,
    /// What the ledger has.
    pub in_ledger: Option<Side>,
}

impl Finding {
    /// How the two are apart.
    #[must_use]
    pub fn apart(&self) -> Apart {
        match (self.at_provider, self.in_ledger) {
            (_, None) => Apart::OnlyAtProvider,
            (None, Some(_)) => Apart::OnlyInLedger,
            (Some(there), Some(here)) if there.amount != here.amount => Apart::Amount,
            (Some(_), Some(_)) => Apart::Outcome,
        }
    }

    /// What a person is to do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match (self.place.kind, self.apart()) {
            (RecordKind::Charge, Apart::OnlyAtProvider) => {
                "The provider took money of which the ledger knows nothing, as after a restore of an older backup. Give it back in the \
                 provider's dashboard, or grant the customer credit for it."
            }
            (RecordKind::Charge, Apart::OnlyInLedger) => {
                "The customer has credit or a paid invoice for money that the provider does not have. See whether the account is the \
                 one of then, and ask the provider."
            }
            (RecordKind::Refund, Apart::OnlyAtProvider) => {
                "Somebody gave money back in the provider's dashboard. Take the credit that it bought away, or credit the invoice that it \
                 paid, where the customer is not to have both."
            }
            (RecordKind::Refund, Apart::OnlyInLedger) => {
                "The customer was told of a refund that the provider has not made, or that has failed since. Make it in the provider's \
                 dashboard, or grant the customer credit for it."
            }
            (RecordKind::Dispute, Apart::OnlyAtProvider | Apart::Outcome) => {
                "Read the dispute in the provider's dashboard. Where it was decided there otherwise than a person has recorded here, \
                 settle the amount with the customer."
            }
            (RecordKind::Dispute, Apart::OnlyInLedger) => {
                "The ledger has a dispute that the provider does not know. See whether the account is the one of then, and ask the provider."
            }
            (RecordKind::Payout, _) => {
                "The payout is another amount than its transactions come to. Compare both with the provider's dashboard, and ask the provider."
            }
            (_, Apart::Amount | Apart::Outcome) => {
                "Compare the amounts with the provider's dashboard, and settle what is between them with the customer or the provider."
            }
        }
    }
}

fn placed(records: &[Record]) -> BTreeMap<&Place, Side> {
    records
        .iter()
        .map(|record| (&record.place, Side { amount: record.amount, outcome: record.outcome }))
        .collect()
}

/// Every place in which the two are apart.
#[must_use]
pub fn findings(at_provider: &[Record], in_ledger: &[Record]) -> Vec<Finding> {
    let (there, here) = (placed(at_provider), placed(in_ledger));
    let places: BTreeSet<&Place> = there.keys().chain(here.keys()).copied().collect();
    let finding = |place: &Place| {
        let (at_provider, in_ledger) = (there.get(place).copied(), here.get(place).copied());
        (at_provider != in_ledger).then(|| Finding { place: place.clone(), at_provider, in_ledger })
    };
    places.into_iter().filter_map(finding).collect()
}

/// Where a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceState {
    /// It is there.
    Open,
    /// The two were found equal since.
    Gone,
    /// A person has settled it.
    Settled,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    DifferenceState { Open = "OPEN", Gone = "GONE", Settled = "SETTLED" }
}

/// A difference that is stored, so that a person can look into it. One place has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderDifference {
    /// Its id.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// What was found last.
    pub finding: Finding,
    /// The step of the suite that made it, where the provider has its mark.
    pub step: Option<Uuid>,
    /// Whether the suite is about to settle it by itself.
    pub settles_itself: bool,
    /// Where it is.
    pub state: DifferenceState,
    /// What the person said who has settled it.
    pub explanation: String,
    /// Who that was.
    pub settled_by: String,
    /// When it was first found.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl ProviderDifference {
    /// Takes in what was found again. Returns whether that changes anything: what a person has
    /// settled stays settled while it is the same, and what was to settle itself and has not is a
    /// person's matter.
    pub fn found_again(
        &mut self,
        finding: &Finding,
        settles_itself: bool,
        now: DateTime<Utc>,
    ) -> bool {
        let is_same = self.finding == *finding;
        let (state, settles_itself) = match self.state {
            DifferenceState::Settled if is_same => return false,
            DifferenceState::Open if is_same => (DifferenceState::Open, false),
            _ => (DifferenceState::Open, settles_itself),
        };
        if is_same && state == self.state && settles_itself == self.settles_itself {
            return false;
        }
        self.finding = finding.clone();
        (self.state, self.settles_itself, self.updated_at) = (state, settles_itself, now);
        (self.explanation, self.settled_by) = (String::new(), String::new());
        true
    }

    /// Takes in that the two are equal.
    pub fn gone(&mut self, now: DateTime<Utc>) {
        (self.state, self.settles_itself, self.updated_at) = (DifferenceState::Gone, false, now);
    }

    /// Records that a person has settled it.
    ///
    /// # Errors
    /// `DIFFERENCE_STATE` unless it is open.
    pub fn settle(
        &mut self,
        by: &str,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.state != DifferenceState::Open {
            let message =
                "The difference is not open: it is gone by itself, or somebody has settled it.";
            return Err(Refusal::precondition(Reason::DIFFERENCE_STATE, message)
                .with("state", self.state.name()));
        }
        (self.state, self.settles_itself, self.updated_at) = (DifferenceState::Settled, false, now);
        (self.explanation, self.settled_by) = (explanation.to_owned(), by.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Apart, DifferenceState, Finding, Place, ProviderDifference, Record, RecordKind, findings,
    };
    use crate::dispute::DisputeState::{self, Lost, Open, Won};
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Money};
    use uuid::Uuid;

    fn record(kind: RecordKind, id: &str, cents: i64, outcome: Option<DisputeState>) -> Record {
        let amount = Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
        Record { place: Place { kind, id: id.into(), charge: "pi_1".into() }, amount, outcome }
    }

    #[test]
    fn every_planted_difference_is_named_and_nothing_else() {
        use RecordKind::{Charge, Dispute, Refund};
        let same = [
            record(Charge, "pi_1", 2_000, None),
            record(Refund, "re_1", 500, None),
            record(Dispute, "dp_1", 1_500, Some(Won)),
        ];
        let euros = Record {
            amount: Money::parse(Currency::parse("EUR").unwrap(), "5").unwrap(),
            ..record(Charge, "pi_5", 500, None)
        };
        let there = [
            record(Charge, "pi_2", 100, None),
            record(Refund, "re_2", 7, None),
            record(Dispute, "dp_2", 9, Some(Lost)),
            record(Charge, "pi_5", 500, None),
        ];
        let here = [
            record(Refund, "re_2", 8, None),
            record(Dispute, "dp_2", 9, Some(Open)),
            record(Charge, "pi_4", 5, None),
            euros,
        ];
        let all = |records: &[Record]| same.iter().chain(records).cloned().collect::<Vec<_>>();
        assert!(findings(&all(&[]), &all(&[])).is_empty());
        let named: Vec<_> = findings(&all(&there), &all(&here))
            .into_iter()
            .map(|finding| (finding.apart(), finding.place.id))
            .collect();
        let expected = [
            (Apart::OnlyAtProvider, "pi_2"),
            (Apart::OnlyInLedger, "pi_4"),
            (Apart::Amount, "pi_5"),
            (Apart::Amount, "re_2"),
            (Apart::Outcome, "dp_2"),
        ];
        assert_eq!(named, expected.map(|(apart, id)| (apart, id.to_owned())));
    }

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn difference(finding: &Finding, settles_itself: bool) -> ProviderDifference {
        ProviderDifference {
            id: Uuid::nil(),
            provider: "stripe".into(),
            finding: finding.clone(),
            step: None,
            settles_itself,
            state: DifferenceState::Open,
            explanation: String::new(),
            settled_by: String::new(),
            created_at: at(0),
            updated_at: at(0),
        }
    }

    #[test]
    fn what_a_person_has_settled_comes_back_only_where_it_changes() {
        let one = findings(&[record(RecordKind::Refund, "re_1", 500, None)], &[]).remove(0);
        let other = findings(&[record(RecordKind::Refund, "re_1", 700, None)], &[]).remove(0);
        let mut difference = difference(&one, true);
        assert!(
            difference.found_again(&one, true, at(1)) && !difference.settles_itself,
            "it has not settled itself"
        );
        assert!(!difference.found_again(&one, true, at(2)), "the third time nothing is new");
        difference.settle("ann", "It was meant so.", at(3)).unwrap();
        assert_eq!(
            difference.settle("bob", "Again.", at(4)).unwrap_err().reason,
            Reason::DIFFERENCE_STATE
        );
        assert!(!difference.found_again(&one, false, at(5)));
        assert_eq!(
            (difference.state, difference.settled_by.as_str()),
            (DifferenceState::Settled, "ann")
        );
        assert!(difference.found_again(&other, false, at(6)));
        assert_eq!((difference.state, difference.settled_by.as_str()), (DifferenceState::Open, ""));
        difference.gone(at(7));
        assert_eq!(
            difference.settle("bob", "It is gone.", at(8)).unwrap_err().reason,
            Reason::DIFFERENCE_STATE
        );
        assert!(
            difference.found_again(&other, true, at(9)) && difference.settles_itself,
            "it is there again"
        );
    }
}
