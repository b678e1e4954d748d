//! Approvals: what is given up or given back above the tenant's limit takes two people, and staff
//! may only propose it (docs/domain/README.md#tenant-roles).

use crate::invoice::{Invoice, InvoiceState};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Kind, Money, Reason, Refusal, money::MoneyError};

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
    /// It cannot be done any more: nobody decides it.
    Superseded,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ApprovalState { Proposed = "PROPOSED", Approved = "APPROVED", Refused = "REFUSED", Superseded = "SUPERSEDED" }
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
    /// Who decided; empty before, and where nobody does.
    pub decided_by: String,
    /// What was said with the answer, or why it cannot be done any more.
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
    pub fn decide(
        &mut self,
        by: &str,
        approve: bool,
        explanation: String,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.state == ApprovalState::Superseded {
            let message = format!(
                "The proposal is SUPERSEDED and cannot be decided any more. {}",
                self.decision_explanation
            );
            let refusal = Refusal::precondition(Reason::APPROVAL_STATE, message)
                .with("state", self.state.name());
            return Err(refusal.with("allowed", "nothing more"));
        }
        if self.state != ApprovalState::Proposed {
            return Err(Refusal::state(
                Reason::APPROVAL_STATE,
                "The proposal",
                self.state.name(),
                &[],
            ));
        }
        if self.proposed_by == by {
            let message = "Nobody decides what they have proposed themselves. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, Reason::SEPARATION_OF_DUTIES, message));
        }
        self.state = if approve { ApprovalState::Approved } else { ApprovalState::Refused };
        by.clone_into(&mut self.decided_by);
        self.decision_explanation = explanation;
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
        Ok(())
    }

    /// Ends a proposal that the invoice, as it stands now, can never take any more; true where it
    /// is ended.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn supersede(&mut self, invoice: &Invoice, now: DateTime<Utc>) -> Result<bool, MoneyError> {
        let Some(why) =
            self.proposal.is_over(invoice)?.filter(|_| self.state == ApprovalState::Proposed)
        else {
            return Ok(false);
        };
        self.state = ApprovalState::Superseded;
        self.decision_explanation = why;
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
        Ok(true)
    }
}

/// Refuses a proposal that equals one that waits (docs/domain/invoicing.md#proposals): two
/// write-offs of an invoice are equal whatever is open, two credit notes where they take the same
/// amount off. Answers the one that waits.
#[must_use]
pub fn waits_already(waiting: &[Approval], proposal: Proposal) -> Option<(&Approval, Refusal)> {
    let equal = |approval: &&Approval| match (approval.proposal, proposal) {
        (Proposal::WriteOff(_), Proposal::WriteOff(_)) => true,
        (one, other) => one == other,
    };
    let first = waiting.iter().find(equal)?;
    let what = match first.proposal {
        Proposal::WriteOff(_) => "A write-off of the invoice".to_owned(),
        Proposal::CreditNote(amount) => format!("A credit note of {amount}"),
    };
    let message = format!(
        "{what} is proposed already. Let a second person decide that, with DecideApproval."
    );
    Some((first, Refusal::precondition(Reason::APPROVAL_WAITS, message)))
}

impl Proposal {
    /// Why an invoice that stands so can never take it any more; `None` where it may. What only
    /// waits for the end of a payment, and a write-off of less than is open now, may.
    pub(crate) fn is_over(self, invoice: &Invoice) -> Result<Option<String>, MoneyError> {
        let why = match (self, invoice.state) {
            (Self::CreditNote(amount), InvoiceState::Open | InvoiceState::Paid) => {
                let most = invoice.most_credit()?;
                let less = most.compare(amount)?.is_lt();
                return Ok(less.then(|| {
                    format!("Only {} can still be taken off the invoice.", most.grouped())
                }));
            }
            (_, InvoiceState::Draft | InvoiceState::Open) => return Ok(None),
            (_, InvoiceState::Paid) => "The invoice is paid: there is nothing to write off.",
            (_, InvoiceState::Uncollectible) => "What was open of the invoice is written off.",
            (_, InvoiceState::Void) => {
                "Nothing of the invoice is owed any more: all of it was taken off."
            }
        };
        Ok(Some(why.to_owned()))
    }

    /// What is done of it where so much is open: a write-off takes no more than that.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn of_what_is_open(self, open: Money) -> Result<Self, MoneyError> {
        Ok(match self {
            Self::WriteOff(seen) => Self::WriteOff(seen.min(open)?),
            Self::CreditNote(amount) => Self::CreditNote(amount),
        })
    }

    /// The amount that two people have seen.
    #[must_use]
    pub fn amount(self) -> Money {
        match self {
            Self::WriteOff(amount) | Self::CreditNote(amount) => amount,
        }
    }

    /// Refuses a write-off of more than was proposed: a chargeback may have opened the invoice
    /// again.
    ///
    /// # Errors
    /// `APPROVAL_EXCEEDED`.
    pub fn must_cover(self, open: Money) -> Result<(), Refusal> {
        match self {
            Self::WriteOff(seen) if open.compare(seen)?.is_gt() => {
                let message = format!(
                    "{open} are open now, more than the {seen} that were proposed. Propose it again."
                );
                Err(Refusal::precondition(Reason::APPROVAL_EXCEEDED, message)
                    .with("open", open.amount())
                    .with("proposed", seen.amount()))
            }
            _ => Ok(()),
        }
    }
}

/// An amount, with what counts together with it: what is done in parts is one deed
/// (docs/domain/invoicing.md#second-person).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together {
    /// What counts together, as the beginning of a sentence.
    pub what: &'static str,
    /// How much it is so far.
    pub so_far: Money,
    /// How much is asked for.
    pub amount: Money,
    /// The method that asks a second person, where there is one.
    pub proposal: Option<&'static str>,
}

impl Together {
    /// What is given up of an invoice: its credit notes, and what is written off or taken back
    /// whole.
    #[must_use]
    pub fn of_invoice(invoice: &Invoice, amount: Money, proposal: &'static str) -> Self {
        let what = "all that credit notes and a write-off take off one invoice";
        Self { what, so_far: invoice.credited, amount, proposal: Some(proposal) }
    }

    /// Refuses more than the tenant's limit to one person alone.
    ///
    /// # Errors
    /// `SECOND_PERSON_REQUIRED`.
    pub fn must_be_within(&self, limit: Option<Money>) -> Result<(), Refusal> {
        let Some(limit) = limit else { return Ok(()) };
        let Self { what, so_far, amount, proposal } = *self;
        let sum = so_far.plus(amount)?;
        if sum.compare(limit)?.is_le() {
            return Ok(());
        }
        let together = if so_far.is_positive() {
            format!(", and {what} counts together: {so_far} so far, {sum} with this")
        } else {
            String::new()
        };
        let way = match proposal {
            Some(proposal) => format!(
                "Propose it with {proposal}, and let another person decide, or let an owner of the tenant do it"
            ),
            None => "An owner of the tenant does it".to_owned(),
        };
        let message = format!("More than {limit} takes a second person{together}. {way}.");
        let refusal = Refusal::precondition(Reason::SECOND_PERSON_REQUIRED, message)
            .with("limit", limit.amount());
        Err(refusal.with("amount", sum.amount()).with("so_far", so_far.amount()))
    }
}

#[cfg(test)]
#[path = "approval_tests.rs"]
mod tests;
