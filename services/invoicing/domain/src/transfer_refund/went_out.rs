//! What money that went out is to the transfer back whose reference it has
//! (docs/domain/invoicing.md#transfer-refund-paired).

use super::{RefundState, TransferRefund};
use chrono::NaiveDate;
use payterms_kernel::{Money, money::MoneyError};

/// Money that went out, as a bank's file shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WentOut<'a> {
    /// How much.
    pub amount: Money,
    /// The account that it went to, as accounts are compared; empty where the bank does not say.
    pub account_key: &'a str,
    /// When it was booked.
    pub booked_on: NaiveDate,
    /// The bank's reference; may be empty.
    pub bank_reference: &'a str,
}

/// What it is to the transfer back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentAs {
    /// It confirms that the transfer was made.
    Confirms,
    /// It is the transfer, which is marked as sent like this.
    MarkedAsSent,
    /// It is the transfer, which was marked as sent otherwise, or went out twice.
    MarkedOtherwise,
    /// It is the transfer, which came back since.
    CameBack,
    /// It went out once more after it came back.
    SentAgain,
    /// It has another amount.
    OtherAmount,
    /// It went to another account, or the bank does not say to which.
    OtherAccount,
    /// It was booked before the money came that is to go back.
    BeforeItCame,
    /// The transfer is not confirmed, so nobody was to make it.
    Unconfirmed,
    /// The transfer was given up, and its credit is free again.
    GivenUp,
}

/// The first day on which money can have gone back: none before it came. A bank may book money
/// ahead of its day.
#[must_use]
pub fn goes_from(came_on: Option<NaiveDate>, today: NaiveDate) -> Option<NaiveDate> {
    came_on.map(|came_on| came_on.min(today))
}

impl TransferRefund {
    /// What money that went out with its reference is to it. It can have gone from `goes_from` on.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn sent_as(
        &self,
        shown: WentOut<'_>,
        goes_from: Option<NaiveDate>,
    ) -> Result<SentAs, MoneyError> {
        if shown.amount != self.amount()? {
            return Ok(SentAs::OtherAmount);
        }
        if shown.account_key != self.account.key {
            return Ok(SentAs::OtherAccount);
        }
        let on_its_day = self.sent_on == Some(shown.booked_on);
        let by_its_reference = [shown.bank_reference, &self.bank_reference].contains(&"")
            || shown.bank_reference == self.bank_reference;
        Ok(match self.state {
            RefundState::Pending if goes_from.is_some_and(|from| shown.booked_on < from) => {
                SentAs::BeforeItCame
            }
            RefundState::Pending => SentAs::Confirms,
            RefundState::Sending | RefundState::Sent if on_its_day && by_its_reference => {
                SentAs::MarkedAsSent
            }
            RefundState::Sending | RefundState::Sent => SentAs::MarkedOtherwise,
            RefundState::Returned if on_its_day => SentAs::CameBack,
            RefundState::Returned => SentAs::SentAgain,
            RefundState::Reserving | RefundState::Confirming => SentAs::Unconfirmed,
            RefundState::Cancelling | RefundState::Cancelled | RefundState::Refused => {
                SentAs::GivenUp
            }
        })
    }
}
