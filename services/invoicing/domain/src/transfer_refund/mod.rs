//! Credit that had come by bank transfer goes back to the account that it came from: a transfer
//! that a person makes at the bank (docs/domain/invoicing.md#transfer-refund).

mod correct;
pub mod edges;
pub mod went_out;

use crate::{
    bank::{BankLine, refund_reference},
    credit_note::CreditNote,
    customer::Customer,
    invoice::Invoice,
    payment::{Payment, PaymentState, Source},
};
use chrono::{DateTime, NaiveDate, Utc};
pub use edges::{RefundState, RefundVerb};
use payterms_kernel::{Id, IdSource, Kind, Money, Refusal, money::MoneyError, rounding};
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

/// What is to go back.
#[derive(Debug)]
pub struct ToGoBack<'a> {
    /// The payment that the payer's transfer had made.
    pub payment: &'a Payment,
    /// The line of that transfer.
    pub line: &'a BankLine,
    /// Which credit of it.
    pub from: Credit,
    /// How much.
    pub credit: Money,
    /// The account that was entered.
    pub account: PayeeAccount,
    /// How it is known that this is the payer's; empty where the bank named it.
    pub account_evidence: String,
    /// Who asks.
    pub asked_by: String,
    /// Why.
    pub explanation: String,
    /// All transfers back of the payment before this one.
    pub earlier: &'a [TransferRefund],
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
    Refusal::precondition("TRANSFER_CREDIT_REQUIRED", message)
}

/// Refuses a payment whose transfer does not stand for it any more.
#[must_use]
pub fn taken_back() -> Refusal {
    let message = "The transfer of the payment was taken back, and its credit with it. Name the payment that its bank line makes now.";
    Refusal::precondition("BANK_LINE_STATE", message)
}

/// Refuses an account other than the one that the money came from. Where the bank named none, a
/// person must say how it is known, and a second one confirms that.
fn must_be_the_payers(
    line: &BankLine,
    account: &PayeeAccount,
    evidence: &str,
) -> Result<(), Refusal> {
    if line.shown.payer_key.is_empty() && !evidence.is_empty() {
        return Ok(());
    }
    if line.shown.payer_key.is_empty() {
        let message = "The bank did not say from which account the money came, and it goes back only there. Say in account_evidence how \
                       you know the account, such as by a letter of the payer's bank: a second person confirms it. Or leave it as credit: \
                       ApplyCredit pays invoices with it.";
        return Err(Refusal::precondition("PAYER_ACCOUNT_UNKNOWN", message));
    }
    if line.shown.payer_key != account.key {
        let message = "The money came from another account, and goes back only there. Write the account that the bank statement shows.";
        return Err(Refusal::precondition("PAYER_ACCOUNT_DIFFERS", message));
    }
    Ok(())
}

/// What a payment's credit was when it came: price and tax in it; none where there was none.
fn came(
    payment: &Payment,
    from: Credit,
    earlier: &[TransferRefund],
) -> Result<Option<(Money, Money)>, MoneyError> {
    let zero = Money::zero(payment.currency);
    if from == Credit::Surplus {
        return Ok(payment.surplus.is_positive().then_some((payment.surplus, zero)));
    }
    // What was sent has left what the payment had bought.
    let mut came = payment.bought.map_or((zero, zero), |bought| (bought.amount, bought.tax));
    for transfer_refund in earlier.iter().filter(|transfer_refund| {
        transfer_refund.from == from
            && matches!(transfer_refund.state, RefundState::Sent | RefundState::Returned)
    }) {
        came = (came.0.plus(transfer_refund.amount()?)?, came.1.plus(transfer_refund.tax)?);
    }
    Ok(came.0.is_positive().then_some(came))
}

/// Refuses credit that a transfer did not bring, that does not stand, or that is to go elsewhere
/// than it came from. Returns what it was when it came: price and tax in it.
///
/// # Errors
/// `PAYMENT_PENDING`, `BANK_LINE_STATE`, `TRANSFER_CREDIT_REQUIRED`, `PAYER_ACCOUNT_UNKNOWN`,
/// `PAYER_ACCOUNT_DIFFERS`.
pub fn may_go_back(
    (payment, line): (&Payment, &BankLine),
    (from, account, evidence): (Credit, &PayeeAccount, &str),
    earlier: &[TransferRefund],
) -> Result<(Money, Money), Refusal> {
    if payment.state == PaymentState::Processing {
        return Err(Refusal::precondition(
            "PAYMENT_PENDING",
            "The payment is under way. Try again in a moment.",
        ));
    }
    line.must_stand()?;
    let came = came(payment, from, earlier)?.ok_or_else(no_transfer_credit)?;
    must_be_the_payers(line, account, evidence)?;
    Ok(came)
}

impl TransferRefund {
    /// What is transferred.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        self.credit.plus(self.tax)
    }

    /// Begins a transfer back. Of the tax goes back what belongs to all credit that went back by
    /// then, less what went back before; the last takes the rest.
    ///
    /// # Errors
    /// Those of [`may_go_back`], `CURRENCY_MISMATCH`, `REFUND_TOO_LARGE`.
    pub fn ask(
        ids: &mut IdSource,
        back: ToGoBack<'_>,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        let ToGoBack {
            payment,
            line,
            from,
            credit,
            account,
            account_evidence,
            asked_by,
            explanation,
            earlier,
        } = back;
        let (price, tax) =
            may_go_back((payment, line), (from, &account, &account_evidence), earlier)?;
        let zero = Money::zero(payment.currency);
        let (mut so_far, mut tax_so_far) = (zero, zero);
        for transfer_refund in earlier.iter().filter(|transfer_refund| {
            transfer_refund.from == from && transfer_refund.state.counts()
        }) {
            so_far = so_far.plus(transfer_refund.credit)?;
            tax_so_far = tax_so_far.plus(transfer_refund.tax)?;
        }
        let (all, whole) = (so_far.plus(credit)?, price.minus(tax)?);
        if all.compare(whole)?.is_gt() {
            let left = whole.minus(so_far)?;
            let message = format!(
                "{left} of the credit that the transfer had become is left to go back. Ask for at most that."
            );
            return Err(
                Refusal::precondition("REFUND_TOO_LARGE", message).with("left", left.amount())
            );
        }
        let tax = if all == whole { tax } else { share(tax, all, whole)? }
            .minus(tax_so_far)?
            .max(zero)?;
        let id: Id<Self> = ids.make();
        Ok(Self {
            id,
            customer: payment.customer,
            payment: payment.id,
            line: line.id,
            from,
            state: RefundState::Reserving,
            credit,
            tax,
            account,
            account_evidence: if line.shown.payer_key.is_empty() {
                account_evidence
            } else {
                String::new()
            },
            asked_by,
            reference: refund_reference(id.uuid()),
            explanation,
            refusal: String::new(),
            sent_on: None,
            bank_reference: String::new(),
            recorded_on: None,
            returned: None,
            ending: None,
            note: None,
            ended_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// Goes along an edge.
    fn go(&mut self, verb: RefundVerb, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.state = edges::target(self.state, verb).ok_or_else(|| {
            Refusal::state(
                "TRANSFER_REFUND_STATE",
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
            return Err(Refusal::new(Kind::Denied, "SEPARATION_OF_DUTIES", message));
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
        (today, now): (NaiveDate, DateTime<Utc>),
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
        (on, reference): (NaiveDate, String),
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
    Err(Refusal::precondition("PAYMENT_REFUNDED", message)
        .with("transfer_refund", transfer_refund.id))
}

/// The share of a tax that belongs to a part of the credit.
fn share(tax: Money, part: Money, whole: Money) -> Result<Money, MoneyError> {
    let product = tax.amount().checked_mul(part.amount()).ok_or(MoneyError::Overflow)?;
    let exact = product.checked_div(whole.amount()).ok_or(MoneyError::Overflow)?;
    Money::new(tax.currency(), rounding::half_away(exact, tax.currency().exponent()))
}

#[cfg(test)]
mod tests;
