//! Tenders: what a payment pays with, and in which order (docs/domain/invoicing.md#payments).

use payterms_kernel::{Money, Reason, Refusal};
use uuid::Uuid;

/// What a tender pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Credit of the customer's wallet.
    Credit,
    /// A card, by the method's id.
    Card(Uuid),
    /// A bank account, by the method's id: it settles after days, and never takes the rest with it.
    BankDebit(Uuid),
    /// The customer's collection method, with nobody present; its id once a charge of it has
    /// failed.
    Collection(Option<Uuid>),
    /// A line of a bank statement, by its id: the money is there already.
    Transfer(Uuid),
    /// A bank transfer that the payer has announced.
    Announced,
    /// What was paid elsewhere.
    Outside,
    /// A credit line, by its id: it pays nothing, its part stays open, deferred.
    Line(Uuid),
}

/// What became of a tender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenderState {
    /// It has not paid yet.
    Processing,
    /// It paid.
    Succeeded,
    /// It did not pay, for this reason.
    Failed(String),
    /// It was given back.
    Released,
}

impl TenderState {
    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed(_) => "FAILED",
            Self::Released => "RELEASED",
        }
    }
}

/// A part of a payment from one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tender {
    /// What it pays with.
    pub source: Source,
    /// How much.
    pub amount: Money,
    /// What became of it.
    pub state: TenderState,
    /// What was given back of it.
    pub refunded: Money,
    /// What the issuer has taken back of it.
    pub charged_back: Money,
}

impl Tender {
    /// The method whose charge without a person present has failed.
    #[must_use]
    pub fn declined(&self) -> Option<Uuid> {
        match (&self.source, &self.state) {
            (Source::Collection(method), TenderState::Failed(_)) => *method,
            _ => None,
        }
    }

    /// Whether it has paid: what a credit line covers stays open.
    #[must_use]
    pub fn pays(&self) -> bool {
        self.state == TenderState::Succeeded && !matches!(self.source, Source::Line(_))
    }
}

/// The tenders with their amounts; the one without an amount pays the rest.
pub(crate) fn tenders(
    asked: &[(Source, Option<Money>)],
    wanted: Money,
) -> Result<Vec<Tender>, Refusal> {
    let given = asked
        .iter()
        .filter_map(|(_, amount)| *amount)
        .try_fold(Money::zero(wanted.currency()), Money::plus)?;
    let rest = wanted.minus(given)?;
    let mut tenders = Vec::with_capacity(asked.len());
    for (source, amount) in asked {
        let amount = amount.unwrap_or(rest);
        if !amount.is_positive() {
            let message = format!(
                "The other tenders pay all of {wanted}: nothing is left for the one without an amount. Leave it out."
            );
            return Err(Refusal::precondition(Reason::TENDERS_MISMATCH, message)
                .with("invoices", wanted.amount()));
        }
        let zero = Money::zero(amount.currency());
        tenders.push(Tender {
            source: *source,
            amount,
            state: TenderState::Processing,
            refunded: zero,
            charged_back: zero,
        });
    }
    // Credit is held before a card is charged: it can be given back. A bank account is debited
    // last.
    tenders.sort_by_key(|tender| match tender.source {
        Source::Credit => 0,
        Source::BankDebit(_) | Source::Line(_) => 2,
        _ => 1,
    });
    Ok(tenders)
}
