//! Charges for payments: a saved method is charged, and what became of it is read.

use super::Wallet;
use payterms_chassis::{AppError, names, render::money};
use payterms_invoicing_domain::Payment;
use payterms_kernel::{Money, id::step_id};
use payterms_proto::wallet::{
    peers::v1::{ChargeForPaymentRequest, GetChargeRequest},
    v1::{Charge, charge::State},
};
use uuid::Uuid;

/// What became of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// The money is taken.
    Succeeded,
    /// It is not, for this reason, from this method; none where there was none.
    Failed(String, Option<Uuid>),
    /// The provider takes its time.
    Waits,
}

impl Wallet<'_> {
    /// Charges a card, in the order of tenders; none: the collection method.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn charge(
        &self,
        place: usize,
        method: Option<Uuid>,
        amount: Money,
    ) -> Result<Charged, AppError> {
        let message = ChargeForPaymentRequest {
            request_id: self.step(&charge_step(place)),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            payment_method: method
                .map(|method| format!("{}/paymentMethods/{method}", self.customer))
                .unwrap_or_default(),
            amount: Some(money(amount)),
        };
        let answer = self
            .steps()
            .until_done(message, |mut client, request| async move {
                client.charge_for_payment(request).await
            })
            .await?;
        let charge = answer.charge.unwrap_or_default();
        match outcome(&charge) {
            // The stored answer is the first one, so the current state of the charge is read.
            Charged::Waits => self.charge_now(&charge.name).await,
            known => Ok(known),
        }
    }

    async fn charge_now(&self, name: &str) -> Result<Charged, AppError> {
        let message = GetChargeRequest { name: name.to_owned() };
        let answer =
            self.steps()
                .until_done(message, |mut client, request| async move {
                    client.get_charge(request).await
                })
                .await?;
        Ok(outcome(&answer.charge.unwrap_or_default()))
    }
}

/// The id of the step that charges the tender at a place.
#[must_use]
pub fn charge_id(payment: &Payment, place: usize) -> String {
    step_id(payment.id.uuid(), &charge_step(place)).to_string()
}

/// The step that charges the tender at a place.
pub(super) fn charge_step(place: usize) -> String {
    format!("charge/{place}")
}

fn outcome(charge: &Charge) -> Charged {
    match charge.state() {
        // Taken back already: its own event tells, once this is recorded.
        State::Succeeded | State::ChargedBack => Charged::Succeeded,
        State::Failed => Charged::Failed(
            charge.decline_code.clone(),
            charge.payment_method.rsplit('/').next().and_then(names::uuid),
        ),
        State::Processing | State::Unspecified => Charged::Waits,
    }
}
