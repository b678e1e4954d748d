//! Lines of bank statements: what has arrived, and which invoices it pays
//! (docs/domain/invoicing.md#bank-lines).

mod decide;
mod matching;
mod numbers;
mod pay;
mod returns;
mod state;

pub use matching::{Automation, Evaluation, Named, UNKNOWN_TO_PAYER, evaluate};
pub use numbers::{
    ANNOUNCED, announced_number, creditor_reference, numbers_in, refund_reference,
    refund_references_in,
};
pub use pay::Short;
pub use returns::{Compared, MOST_CANDIDATES, RETURNED_WITHIN, Taking, find_original};
pub use state::{Dismissal, LineState, SuggestReason};

use crate::{
    customer::Customer, invoice::Invoice, payment::Payment, top_up::Bought,
    transfer_refund::TransferRefund,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal};
use uuid::Uuid;

/// Parts that a line can be split into.
pub const MOST_PARTS: usize = 20;

/// What a statement says of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The tenant's account, an IBAN or the bank's number.
    pub account: String,
    /// The account as it is compared, however a file writes it.
    pub account_key: String,
    /// The bank's reference of the line; banks repeat them.
    pub reference: String,
    /// When it was booked.
    pub booked_on: NaiveDate,
    /// The day from which it bears interest.
    pub value_on: Option<NaiveDate>,
    /// What has arrived; below zero: the bank takes a credit back.
    pub amount: Money,
    /// Who paid, as the bank names them; may be empty.
    pub payer: String,
    /// The payer's account, as a hash under a key of the tenant; empty where the bank does not say.
    pub payer_key: String,
    /// What the payer wrote.
    pub text: String,
    /// The numbers of documents in all of its texts.
    pub numbers: Vec<String>,
    /// The amounts that the payer stated for documents, by number.
    pub stated: Vec<(String, Money)>,
    /// What the bank names as its charges for it.
    pub charges: Option<Money>,
    /// Whether it is a part of a batch whose parts do not come to what was booked, without charges
    /// that explain it.
    pub parts_differ: bool,
}

impl Shown {
    /// A line of which nothing else is known.
    #[must_use]
    pub fn plain(booked_on: NaiveDate, amount: Money) -> Self {
        Self {
            account: String::new(),
            account_key: String::new(),
            reference: String::new(),
            booked_on,
            value_on: None,
            amount,
            payer: String::new(),
            payer_key: String::new(),
            text: String::new(),
            numbers: Vec::new(),
            stated: Vec::new(),
            charges: None,
            parts_differ: false,
        }
    }
}

/// An invoice that a line pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// The amount that the payer stated for it; none: what it can take.
    pub stated: Option<Money>,
}

/// An invoice that a line names, for a person to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Whose it is.
    pub customer: Id<Customer>,
}

/// What is booked back after a match was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// What the flow is known by that books it back.
    pub id: Uuid,
    /// The payment that the line had made.
    pub payment: Id<Payment>,
    /// What had become credit beyond the invoices.
    pub surplus: Money,
    /// What had bought credit, with the tax that is given back.
    pub bought: Option<Bought>,
}

/// A transfer back of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundOfCustomer {
    /// The transfer back.
    pub refund: Id<TransferRefund>,
    /// Whose credit it gave back.
    pub customer: Id<Customer>,
}

/// A match that is being taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// What is booked back.
    pub taken: TakenBack,
    /// What a credit note takes off the invoice of a top-up.
    pub note: Short,
}

/// A line that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankLine {
    /// Its id.
    pub id: Id<BankLine>,
    /// What the statement says.
    pub shown: Shown,
    /// Where it is.
    pub state: LineState,
    /// What it pays, the oldest due first; empty for money on account.
    pub pays: Vec<Paid>,
    /// Whose payment it is.
    pub customer: Option<Id<Customer>>,
    /// The payment that it made.
    pub payment: Option<Id<Payment>>,
    /// The invoices that it names, while SUGGESTED.
    pub candidates: Vec<Candidate>,
    /// Why it is SUGGESTED.
    pub reasons: Vec<SuggestReason>,
    /// Why it is DISMISSED.
    pub dismissal: Option<Dismissal>,
    /// What a person said about it.
    pub explanation: String,
    /// The line that it may equal, while `SUSPECTED_DUPLICATE`.
    pub duplicate_of: Option<Id<BankLine>>,
    /// The line that it is a part of.
    pub part_of: Option<Id<BankLine>>,
    /// What is booked back, from UNMATCHING on.
    pub taken_back: Option<TakenBack>,
    /// The line that this return takes back.
    pub returned_line: Option<Id<BankLine>>,
    /// The return that takes this line back.
    pub returned_by: Option<Id<BankLine>>,
    /// The lines that this return may take back, while SUGGESTED.
    pub candidate_lines: Vec<Id<BankLine>>,
    /// The transfer back of ours that came back by it, or that it may be.
    pub refund: Option<RefundOfCustomer>,
    /// When it was taken in.
    pub created_at: DateTime<Utc>,
}

impl BankLine {
    /// A line of a file, not yet evaluated.
    #[must_use]
    pub fn new(id: Id<Self>, shown: Shown, now: DateTime<Utc>) -> Self {
        Self {
            id,
            shown,
            state: LineState::Unmatched,
            pays: Vec::new(),
            customer: None,
            payment: None,
            candidates: Vec::new(),
            reasons: Vec::new(),
            dismissal: None,
            explanation: String::new(),
            duplicate_of: None,
            part_of: None,
            taken_back: None,
            returned_line: None,
            returned_by: None,
            candidate_lines: Vec::new(),
            refund: None,
            created_at: now,
        }
    }

    fn must_be(&self, states: &[LineState]) -> Result<(), Refusal> {
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Refusal::state(
            Reason::BANK_LINE_STATE,
            "The bank line",
            self.state.name(),
            self.state.allowed(),
        ))
    }

    /// Refuses a line that does not stand for a payment.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`.
    pub fn must_stand(&self) -> Result<(), Refusal> {
        self.must_be(&[LineState::Matched])
    }

    fn must_be_undecided(&self) -> Result<(), Refusal> {
        self.must_be(&[LineState::Unmatched, LineState::Suggested, LineState::Dismissed])
    }

    fn decide(&mut self, state: LineState) {
        self.state = state;
        self.candidates.clear();
        self.candidate_lines.clear();
        self.reasons.clear();
        self.dismissal = None;
        self.duplicate_of = None;
        self.explanation.clear();
    }

    /// Marks a new line: it may be a booking that is known.
    pub fn suspect(&mut self, duplicate_of: Id<Self>) {
        self.decide(LineState::SuspectedDuplicate);
        self.duplicate_of = Some(duplicate_of);
    }

    /// Takes in what the rules say of a line that nobody has decided about.
    pub fn apply(&mut self, evaluation: Evaluation) {
        match evaluation {
            Evaluation::Nothing => self.decide(LineState::Unmatched),
            Evaluation::Pays { customer, pays } => {
                self.decide(LineState::Matched);
                (self.customer, self.pays) = (Some(customer), pays);
            }
            Evaluation::Suggests { candidates, reasons } => {
                self.decide(LineState::Suggested);
                (self.candidates, self.reasons) = (candidates, reasons);
            }
        }
    }

    /// A transfer back of ours came back by it, as its reference and amount show: its money is on
    /// account again. Where they do not show it for certain, a person decides.
    pub fn came_back(&mut self, refund: &TransferRefund, is_certain: bool) {
        self.refund = Some(RefundOfCustomer { refund: refund.id, customer: refund.customer });
        self.pays.clear();
        if is_certain {
            self.decide(LineState::Matched);
            self.customer = Some(refund.customer);
            self.can_go_back_to(refund);
        } else {
            self.decide(LineState::Suggested);
            self.customer = None;
            self.reasons = vec![SuggestReason::TransferRefundReturned];
        }
    }

    /// A transfer back of ours came back by it, from whatever account: its money can go to the
    /// account of that once more.
    pub fn can_go_back_to(&mut self, refund: &TransferRefund) {
        self.shown.payer_key.clone_from(&refund.account.key);
    }

    /// Begins to take its match back: the payment does not stand any more, and what it paid is open
    /// again.
    ///
    /// # Errors
    /// `BANK_LINE_STATE`, `PAYMENT_PENDING` while its payment is under way, `PAYMENT_REFUNDED`
    /// where a part of it was given back.
    pub fn unmatch(
        &mut self,
        ids: &mut IdSource,
        payment: Option<&mut Payment>,
        invoices: &mut [Invoice],
        collect_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Undo, Refusal> {
        self.must_be(&[LineState::Matched])?;
        let Some(payment) = payment else { return Err(pay::pending()) };
        let (surplus, bought, note) = payment.take_line_back(self, invoices, collect_at, now)?;
        self.decide(LineState::Unmatching);
        let taken =
            TakenBack { id: ids.make::<Self>().uuid(), payment: payment.id, surplus, bought };
        self.taken_back = Some(taken);
        Ok(Undo { taken, note })
    }

    /// Ends it: the wallet has booked back what the line had paid.
    pub fn unmatched(&mut self) {
        if self.state == LineState::Unmatching {
            self.decide(if self.returned_by.is_some() {
                LineState::Returned
            } else {
                LineState::Unmatched
            });
            (self.customer, self.payment) = (None, None);
            self.pays.clear();
        }
    }
}

#[cfg(test)]
mod return_tests;
#[cfg(test)]
mod tests;
