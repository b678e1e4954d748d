//! Bank transfers in a customer's wallet: what arrived is booked and booked back, and credit is
//! transferred back to its payer.

use super::{NewCredit, Wallet, new_credit};
use payterms_chassis::{
    AppError,
    render::{money, money_of},
    steps::StepOutcome,
};
use payterms_invoicing_domain::{TransferRefund, top_up::Bought, transfer_refund::Credit};
use payterms_kernel::{Currency, Money, Reason};
use payterms_proto::wallet::{
    peers::v1::{
        BookTransferRefundRequest, QuoteTransferRefundRequest, RecordTransferRequest,
        ReleaseTransferRefundRequest, ReserveTransferRefundRequest, ReturnTransferRequest,
        TransferCredit,
    },
    v1::TaxKind,
};

/// Why the credit of a transfer back is not reserved: it is gone, or would be bought again.
const NOT_RESERVED: [Reason; 2] = [Reason::REFUND_TOO_LARGE, Reason::RECHARGE_WOULD_FOLLOW];

impl Wallet<'_> {
    /// Books what arrived by bank transfer: it pays invoices, but for what it buys. Answers what
    /// credit that is.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn record_transfer(
        &self,
        amount: Money,
        bought: Option<Bought>,
    ) -> Result<Option<NewCredit>, AppError> {
        let message = RecordTransferRequest {
            request_id: self.step("transfer"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            amount: Some(money(amount)),
            bought: bought.map(|bought| money(bought.amount)),
            tax: bought.map(|bought| money(bought.tax)),
            tax_kind: bought.map(tax_kind).unwrap_or_default().into(),
        };
        let recorded = self
            .steps()
            .until_done(message, |mut client, request| async move {
                client.record_transfer(request).await
            })
            .await?;
        Ok(recorded.bought.as_ref().and_then(new_credit))
    }

    /// Books back what had arrived by bank transfer, with what of it had become credit, or had
    /// bought it. Answers what the wallet owes then.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn return_transfer(
        &self,
        amount: Money,
        surplus: Money,
        bought: Option<Bought>,
    ) -> Result<Option<Money>, AppError> {
        let message = ReturnTransferRequest {
            request_id: self.step("transfer_return"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            amount: Some(money(amount)),
            surplus: Some(surplus).filter(|surplus| surplus.is_positive()).map(money),
            bought: bought.map(|bought| money(bought.amount)),
            tax: bought.map(|bought| money(bought.tax)),
            tax_kind: bought.map(tax_kind).unwrap_or_default().into(),
        };
        let answer = self
            .steps()
            .until_done(message, |mut client, request| async move {
                client.return_transfer(request).await
            })
            .await?;
        Ok(answer.owed.as_ref().and_then(money_of))
    }

    /// How much of a transfer's credit can go back now.
    ///
    /// # Errors
    /// The wallet's refusal, or `UNAVAILABLE`.
    pub async fn quote_transfer_refund(
        &self,
        from: Credit,
        currency: Currency,
        credit: Option<Money>,
    ) -> Result<Money, AppError> {
        let message = QuoteTransferRefundRequest {
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            transfer_credit: transfer_credit(from).into(),
            currency_code: currency.code().to_owned(),
            credit: credit.map(money),
        };
        let answer = self
            .steps()
            .once(message, |mut client, request| async move {
                client.quote_transfer_refund(request).await
            })
            .await?;
        answer
            .credit
            .as_ref()
            .and_then(money_of)
            .ok_or_else(|| AppError::Fault("a quote without an amount".to_owned()))
    }

    /// Reserves the credit of a transfer back.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn reserve_transfer_refund(
        &self,
        refund: &TransferRefund,
    ) -> Result<StepOutcome<()>, AppError> {
        let message = ReserveTransferRefundRequest {
            request_id: self.step("reserve"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            transfer_refund: self.refund_name(refund),
            transfer_credit: transfer_credit(refund.from).into(),
            credit: Some(money(refund.credit)),
        };
        let reserved = self
            .steps()
            .until_answered(&NOT_RESERVED, message, |mut client, request| async move {
                client.reserve_transfer_refund(request).await
            })
            .await?;
        Ok(reserved.map(|_| ()))
    }

    /// Frees the credit of a transfer back.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn release_transfer_refund(&self, refund: &TransferRefund) -> Result<(), AppError> {
        let message = ReleaseTransferRefundRequest {
            request_id: self.step("release"),
            parent: self.customer.clone(),
            transfer_refund: self.refund_name(refund),
            currency_code: refund.credit.currency().code().to_owned(),
        };
        self.steps()
            .until_done(message, |mut client, request| async move {
                client.release_transfer_refund(request).await
            })
            .await
            .map(|_| ())
    }

    /// Books that a transfer back was made.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn book_transfer_refund(&self, refund: &TransferRefund) -> Result<(), AppError> {
        let message = BookTransferRefundRequest {
            request_id: self.step("book"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            transfer_refund: self.refund_name(refund),
            tax: Some(money(refund.tax)),
            description: refund.explanation.clone(),
        };
        self.steps()
            .until_done(message, |mut client, request| async move {
                client.book_transfer_refund(request).await
            })
            .await
            .map(|_| ())
    }

    fn refund_name(&self, refund: &TransferRefund) -> String {
        format!("{}/transferRefunds/{}", self.customer, refund.id)
    }
}

fn transfer_credit(from: Credit) -> TransferCredit {
    match from {
        Credit::Surplus => TransferCredit::Surplus,
        Credit::TopUp => TransferCredit::TopUp,
    }
}

fn tax_kind(bought: Bought) -> TaxKind {
    if bought.taxed { TaxKind::TaxedSale } else { TaxKind::Deposit }
}
