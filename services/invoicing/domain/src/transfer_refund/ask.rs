//! How a transfer back is asked for: only credit that a transfer brought goes back, only to the
//! account that it came from, and with its share of the tax.

use super::{Credit, PayeeAccount, RefundState, TransferRefund, no_transfer_credit};
use crate::{
    bank::{BankLine, refund_reference},
    payment::{Payment, PaymentState},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, money::MoneyError, rounding};

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
        return Err(Refusal::precondition(Reason::PAYER_ACCOUNT_UNKNOWN, message));
    }
    if line.shown.payer_key != account.key {
        let message = "The money came from another account, and goes back only there. Write the account that the bank statement shows.";
        return Err(Refusal::precondition(Reason::PAYER_ACCOUNT_DIFFERS, message));
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
    payment: &Payment,
    line: &BankLine,
    from: Credit,
    account: &PayeeAccount,
    evidence: &str,
    earlier: &[TransferRefund],
) -> Result<(Money, Money), Refusal> {
    if payment.state == PaymentState::Processing {
        return Err(Refusal::precondition(
            Reason::PAYMENT_PENDING,
            "The payment is under way. Try again in a moment.",
        ));
    }
    line.must_stand()?;
    let came = came(payment, from, earlier)?.ok_or_else(no_transfer_credit)?;
    must_be_the_payers(line, account, evidence)?;
    Ok(came)
}

impl TransferRefund {
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
        let (price, tax) = may_go_back(payment, line, from, &account, &account_evidence, earlier)?;
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
            return Err(Refusal::precondition(Reason::REFUND_TOO_LARGE, message)
                .with("left", left.amount()));
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
}

/// The share of a tax that belongs to a part of the credit.
fn share(tax: Money, part: Money, whole: Money) -> Result<Money, MoneyError> {
    let product = tax.amount().checked_mul(part.amount()).ok_or(MoneyError::Overflow)?;
    let exact = product.checked_div(whole.amount()).ok_or(MoneyError::Overflow)?;
    Money::new(tax.currency(), rounding::half_away(exact, tax.currency().exponent()))
}
