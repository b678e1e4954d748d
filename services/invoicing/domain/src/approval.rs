//! Approvals: what is given up or given back above the tenant's limit takes two people, and staff may only
//! propose it (docs/domain/README.md#tenant-roles).

use crate::invoice::Invoice;
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Kind, Money, Refusal};

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// What is open of the invoice is written off, this much at most.
    WriteOff(Money),
    /// A credit note takes this much off it, and gives back what is paid of that.
    CreditNote(Money),
}

/// Where an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Somebody else decides.
    Proposed,
    /// It is done.
    Approved,
    /// It is not done.
    Refused,
}

impl ApprovalState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Proposed, Self::Approved, Self::Refused];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "PROPOSED",
            Self::Approved => "APPROVED",
            Self::Refused => "REFUSED",
        }
    }
}

/// A proposal and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: Id<Approval>,
    /// The invoice that it is about.
    pub invoice: Id<Invoice>,
    /// What is proposed.
    pub proposal: Proposal,
    /// Where it is.
    pub state: ApprovalState,
    /// Why it is proposed; a credit note's explanation.
    pub explanation: String,
    /// Who proposed it, as their token names them.
    pub proposed_by: String,
    /// Who decided; empty before.
    pub decided_by: String,
    /// What was said with the answer.
    pub decision_explanation: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was proposed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Approval {
    /// Takes an answer in: never the proposer's own, and one only.
    ///
    /// # Errors
    /// `APPROVAL_STATE`, `SEPARATION_OF_DUTIES`.
    pub fn decide(&mut self, by: &str, (approve, explanation): (bool, String), now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.state != ApprovalState::Proposed {
            return Err(Refusal::state("APPROVAL_STATE", "The proposal", self.state.name(), &[]));
        }
        if self.proposed_by == by {
            let message = "Nobody decides what they have proposed themselves. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, "SEPARATION_OF_DUTIES", message));
        }
        self.state = if approve { ApprovalState::Approved } else { ApprovalState::Refused };
        by.clone_into(&mut self.decided_by);
        self.decision_explanation = explanation;
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
        Ok(())
    }
}

impl Proposal {
    /// The amount that two people have seen.
    #[must_use]
    pub fn amount(self) -> Money {
        match self {
            Self::WriteOff(amount) | Self::CreditNote(amount) => amount,
        }
    }

    /// Refuses a write-off of more than was proposed: a chargeback may have opened the invoice again.
    ///
    /// # Errors
    /// `APPROVAL_EXCEEDED`.
    pub fn must_cover(self, open: Money) -> Result<(), Refusal> {
        match self {
            Self::WriteOff(seen) if open.compare(seen)?.is_gt() => {
                let message = format!("{open} are open now, more than the {seen} that were proposed. Propose it again.");
                Err(Refusal::precondition("APPROVAL_EXCEEDED", message).with("open", open.amount()).with("proposed", seen.amount()))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses an amount above the tenant's limit to one person alone. `proposal` is the method that asks a second person, where there is one.
///
/// # Errors
/// `SECOND_PERSON_REQUIRED`.
pub fn must_be_within(limit: Option<Money>, amount: Money, proposal: Option<&'static str>) -> Result<(), Refusal> {
    let Some(limit) = limit else { return Ok(()) };
    if amount.compare(limit)?.is_le() {
        return Ok(());
    }
    let way = match proposal {
        Some(proposal) => format!("propose it with {proposal}, and let another person decide, or let an owner of the tenant do it"),
        None => "an owner of the tenant does it".to_owned(),
    };
    let message = format!("More than {limit} takes a second person: {way}.");
    Err(Refusal::precondition("SECOND_PERSON_REQUIRED", message).with("limit", limit.amount()).with("amount", amount.amount()))
}

#[cfg(test)]
mod tests {
    use super::{Approval, ApprovalState, Proposal, must_be_within};
    use chrono::DateTime;
    use payterms_kernel::{Currency, Id, Money};
    use uuid::Uuid;

    #[test]
    fn one_proposes_another_decides_once() {
        let now = DateTime::UNIX_EPOCH;
        let mut own = Approval {
            id: Id::from_uuid(Uuid::nil()),
            invoice: Id::from_uuid(Uuid::nil()),
            proposal: Proposal::WriteOff(Money::zero(Currency::parse("USD").unwrap())),
            state: ApprovalState::Proposed,
            explanation: "Bankrupt".into(),
            proposed_by: "ann".into(),
            decided_by: String::new(),
            decision_explanation: String::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        assert_eq!(own.decide("ann", (true, String::new()), now).unwrap_err().reason, "SEPARATION_OF_DUTIES");
        own.decide("bob", (true, "Yes".into()), now).unwrap();
        assert_eq!((own.state, own.decided_by.as_str()), (ApprovalState::Approved, "bob"));
        assert_eq!(own.decide("eve", (false, String::new()), now).unwrap_err().reason, "APPROVAL_STATE");
    }

    #[test]
    fn what_is_written_off_may_have_become_less_not_more() {
        let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
        assert!(Proposal::WriteOff(usd(100)).must_cover(usd(100)).is_ok() && Proposal::WriteOff(usd(100)).must_cover(usd(99)).is_ok());
        assert_eq!(Proposal::WriteOff(usd(100)).must_cover(usd(101)).unwrap_err().reason, "APPROVAL_EXCEEDED");
        assert!(Proposal::CreditNote(usd(1)).must_cover(usd(101)).is_ok());
    }

    #[test]
    fn the_limit_itself_needs_one_person() {
        let usd = |cents: i64| Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
        assert!(must_be_within(None, usd(1_000_000), None).is_ok() && must_be_within(Some(usd(100)), usd(100), None).is_ok());
        let refused = |proposal| must_be_within(Some(usd(100)), usd(101), proposal).unwrap_err();
        assert_eq!(refused(None).reason, "SECOND_PERSON_REQUIRED");
        assert!(refused(Some("ProposeWriteOff")).message.contains("ProposeWriteOff") && !refused(None).message.contains("propose"));
    }
}
