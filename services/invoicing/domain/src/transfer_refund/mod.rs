//! Credit that had come by bank transfer goes back to the account that it came from: a transfer
//! that a person makes at the bank (docs/domain/invoicing.md#transfer-refund).

pub mod ask;
mod correct;
pub mod edges;
pub mod went_out;

use crate::{
    bank::BankLine,
    credit_note::CreditNote,
    customer::Customer,
    invoice::Invoice,
    payment::{Payment, Source},
};
use chrono::{DateTime, NaiveDate, Utc};
pub use edges::{RefundState, RefundVerb};
use payterms_kernel::{Id, Kind, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// Why a credit note takes off what was transferred back.
pub const TRANSFERRED_BACK: &str = "TRANSFERRED_BACK";

/// What a transfer had become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// What it had brought beyond its invoices, or money on account.
    Surplus,
    /// What it had bought.
    TopUp,
}

payterms_kernel::names! {
    /// The name, as in the contract.
    Credit { Surplus = "SURPLUS", TopUp = "TOP_UP" }
}

/// An account as it was entered: its HMAC under the tenant's secret, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayeeAccount {
    /// The HMAC.
    pub key: String,
    /// Its last characters, for people.
    pub end: String,
}

/// A transfer back to its payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRefund {
    /// Its id, which is also that of the hold's payment in the wallet.
    pub id: Id<TransferRefund>,
    /// Whose credit it is.
    pub customer: Id<Customer>,
    /// The payment that the payer's transfer had made.
    pub payment: Id<Payment>,
    /// The bank line of the payer's transfer.
    pub line: Id<BankLine>,
    /// Which credit of the payment goes back.
    pub from: Credit,
    /// Where it is.
    pub state: RefundState,
    /// The credit.
    pub credit: Money,
    /// The tax that goes back with it.
    pub tax: Money,
    /// The account that it goes to.
    pub account: PayeeAccount,
    /// How it is known that the account is the payer's, where the bank had named none.
    pub account_evidence: String,
    /// Who asked for it.
    pub asked_by: String,
    /// What the transfer is marked with.
    pub reference: String,
    /// Why, in the words of who asked for it.
    pub explanation: String,
    /// Why nothing was reserved, once it is REFUSED.
    pub refusal: String,
    /// When the bank made it.
    pub sent_on: Option<NaiveDate>,
    /// The bank's reference.
    pub bank_reference: String,
    /// The day on which it was recorded as sent, in the tenant's zone of then.
    pub recorded_on: Option<NaiveDate>,
    /// The line by which the bank sent it back, and the day on which that was recorded.
    pub returned: Option<(Id<BankLine>, NaiveDate)>,
    /// What the flow is known by that ends it.
    pub ending: Option<Uuid>,
    /// The credit note that corrects the invoice of a top-up, and that invoice.
    pub note: Option<(Id<CreditNote>, Id<Invoice>)>,
    /// When it was made or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Counts its changes.
    pub version: i64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The bank line that made a payment, where one did.
#[must_use]
pub fn line_of(payment: &Payment) -> Option<Id<BankLine>> {
    payment.tenders.iter().find_map(|tender| match tender.source {
        Source::Transfer(line) => Some(Id::from_uuid(line)),
        _ => None,
    })
}

/// Refuses a payment that did not come by transfer.
#[must_use]
pub fn no_transfer_credit() -> Refusal {
    let message = "No credit of the payment came by bank transfer in this way. Name a payment of a bank line, and whether it bought the \
                   credit (TOP_UP) or brought it beyond its invoices (SURPLUS, as money on account does).";
    Refusal::precondition(Reason::TRANSFER_CREDIT_REQUIRED, message)
}

/// Refuses a payment whose transfer does not stand for it any more.
#[must_use]
pub fn taken_back() -> Refusal {
    let message = "The transfer of the payment was taken back, and its credit with it. Name the payment that its bank line makes now.";
    Refusal::precondition(Reason::BANK_LINE_STATE, message)
}

impl TransferRefund {
    /// What is transferred.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        self.credit.plus(self.tax)
    }

    /// Goes along an edge.
    fn go(&mut self, verb: RefundVerb, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.state = edges::target(self.state, verb).ok_or_else(|| {
            Refusal::state(
                Reason::TRANSFER_REFUND_STATE,
                "The transfer back",
                self.state.name(),
                &edges::allowed(self.state),
            )
        })?;
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
        Ok(())
    }

    /// The wallet has reserved its credit, or refused to.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn reserved(&mut self, refusal: Option<String>, now: DateTime<Utc>) -> Result<(), Refusal> {
        let reserve = if self.account_evidence.is_empty() {
            RefundVerb::Reserve
        } else {
            RefundVerb::ReserveUnnamed
        };
        self.go(if refusal.is_some() { RefundVerb::Refuse } else { reserve }, now)?;
        self.refusal = refusal.unwrap_or_default();
        Ok(())
    }

    /// A second person confirms that the account is the payer's.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`, `SEPARATION_OF_DUTIES`.
    pub fn confirm_account(&mut self, by: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let mut confirmed = self.clone();
        confirmed.go(RefundVerb::Confirm, now)?;
        if self.asked_by == by {
            let message = "Nobody confirms an account that they have entered themselves. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, Reason::SEPARATION_OF_DUTIES, message));
        }
        *self = confirmed;
        Ok(())
    }

    /// The bank sent it back by a line: its money is credit on account again.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn came_back(
        &mut self,
        line: Id<BankLine>,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.go(RefundVerb::Return, now)?;
        self.returned = Some((line, today));
        Ok(())
    }

    /// The line by which it seemed to come back is taken back.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn did_not_come_back(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.go(RefundVerb::Restore, now)?;
        self.returned = None;
        Ok(())
    }

    /// The transfer was made.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn send(
        &mut self,
        ending: Uuid,
        on: NaiveDate,
        reference: String,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.go(RefundVerb::Send, now)?;
        (self.ending, self.sent_on, self.bank_reference) = (Some(ending), Some(on), reference);
        Ok(())
    }

    /// It is given up.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn cancel(&mut self, ending: Uuid, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.go(RefundVerb::Cancel, now)?;
        self.ending = Some(ending);
        Ok(())
    }

    /// The wallet has booked it, or freed its credit.
    ///
    /// # Errors
    /// `TRANSFER_REFUND_STATE`.
    pub fn ended(&mut self, (today, now): (NaiveDate, DateTime<Utc>)) -> Result<(), Refusal> {
        self.go(
            if self.state == RefundState::Cancelling {
                RefundVerb::Release
            } else {
                RefundVerb::Book
            },
            now,
        )?;
        self.ended_at = Some(self.updated_at);
        self.recorded_on = (self.state == RefundState::Sent).then_some(today);
        Ok(())
    }
}

/// Refuses to take a payment back of which a part went back to its payer, or is to.
///
/// # Errors
/// `PAYMENT_REFUNDED`.
pub fn must_not_go_back(refunds: &[TransferRefund]) -> Result<(), Refusal> {
    let Some(transfer_refund) =
        refunds.iter().find(|transfer_refund| transfer_refund.state.counts())
    else {
        return Ok(());
    };
    let message = if matches!(
        transfer_refund.state,
        RefundState::Sent | RefundState::Sending | RefundState::Returned
    ) {
        "A part of the payment was transferred back to its payer. What the line paid cannot be taken back whole any more."
    } else {
        "A part of the payment is to be transferred back to its payer. Cancel that with CancelRefund first, or mark it as sent."
    };
    Err(Refusal::precondition(Reason::PAYMENT_REFUNDED, message)
        .with("transfer_refund", transfer_refund.id))
}

#[cfg(test)]
mod tests;
