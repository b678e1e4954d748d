//! Charges of cards for payments of invoices, and what the provider answers to them
//! (docs/domain/invoicing.md#payment-steps).

use crate::{
    chargeback::ChargedBack,
    ledger::{Account, TransferKind},
    method::PaymentMethod,
    settlement::post,
    top_up::{Charged, ProviderCharge},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};
use uuid::Uuid;

/// Where a charge is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeState {
    /// The provider has not decided yet.
    Processing,
    /// The money is taken.
    Succeeded,
    /// No money is taken.
    Failed,
    /// The issuer has taken it back.
    ChargedBack,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ChargeState { Processing = "PROCESSING", Succeeded = "SUCCEEDED", Failed = "FAILED", ChargedBack = "CHARGED_BACK" }
}

/// A charge of a card for a payment. Amount and provider key are fixed before the provider is
/// called, so that a repeated call cannot charge another amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: Id<Charge>,
    /// The step of the payment that requested it. One step makes one charge, however often it is
    /// repeated.
    pub step: Uuid,
    /// The wallet in whose ledger it is booked.
    pub wallet: Id<Wallet>,
    /// The payment.
    pub payment: Uuid,
    /// The charged method; `None` if the customer has no collection method.
    pub method: Option<Id<PaymentMethod>>,
    /// Where it is.
    pub state: ChargeState,
    /// How much.
    pub amount: Money,
    /// Why it failed.
    pub decline_code: String,
    /// The provider's id.
    pub provider_charge_id: String,
    /// How it was taken back.
    pub charged_back: Option<ChargedBack>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Charge {
    /// Records the provider's answer. Money that was taken moves from provider clearing to the
    /// invoices. A charge that has ended does not change.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW`.
    pub fn charged(
        &mut self,
        wallet: &mut Wallet,
        ids: &mut IdSource,
        answer: ProviderCharge,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.state != ChargeState::Processing {
            return Ok(());
        }
        self.provider_charge_id = answer.id;
        self.updated_at = now;
        match answer.outcome {
            Charged::Processing(_) => {}
            Charged::RequiresAction => self.fail("authentication_required".to_owned()),
            Charged::Declined(code) => self.fail(code),
            Charged::Succeeded => {
                self.state = ChargeState::Succeeded;
                let sides = vec![
                    (Account::ProviderClearing, None, self.amount.negated()),
                    (Account::InvoiceSettlement, None, self.amount),
                ];
                post(wallet, ids, TransferKind::Charge, Some(self.payment), sides, now)?;
            }
        }
        Ok(())
    }

    /// Ends the charge without money.
    pub fn fail(&mut self, decline_code: String) {
        self.state = ChargeState::Failed;
        self.decline_code = decline_code;
    }
}
