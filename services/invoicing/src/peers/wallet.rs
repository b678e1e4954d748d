//! A customer's wallet, as invoicing reaches it. Each step of a payment has a request id made from
//! the payment and the step; an answer that does not come is requested again with the same id.

pub mod charges;
mod transfers;

use crate::{
    app::App,
    messages::{customers::customer_name, payments::payment_name},
};
use charges::charge_step;
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError,
    call::Caller,
    names,
    peer_channel::PeerChannel,
    render::{instant_of, money, money_of},
    steps::{StepOutcome, Steps},
};
use payterms_invoicing_domain::{
    Customer, Destination, Payment, RefundPart, TransferRefund, top_up::Offer,
};
use payterms_kernel::{Currency, Id, Money, Reason, TenantId, id::step_id};
use payterms_proto::wallet::{
    peers::v1::{
        GetPaymentMeansRequest, GetPaymentMeansResponse, HoldForPaymentRequest,
        RefundPaymentRequest, ReleasePaymentRequest, SettlePaymentRequest,
        settlement_service_client::SettlementServiceClient,
    },
    v1::{
        GetWalletSettingsRequest, Lot, PaymentMethod, TaxKind, payment_method::Kind,
        settings_service_client::SettingsServiceClient,
    },
};
use std::time::Duration;
use uuid::Uuid;

/// How long one try of a step may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why credit is not held: there is less than is asked for, or the payment was released before. No
/// other step can be refused: a charge that is declined is a result, and what was begun is settled,
/// released or given back.
const NOT_HELD: [Reason; 2] = [Reason::INSUFFICIENT_FUNDS, Reason::HOLD_STATE];

/// Credit that a payment has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewCredit {
    /// How much.
    pub amount: Money,
    /// From when on it cannot be used any more.
    pub expires_at: Option<DateTime<Utc>>,
}

fn new_credit(lot: &Lot) -> Option<NewCredit> {
    let amount = lot.amount.as_ref().and_then(money_of)?;
    Some(NewCredit { amount, expires_at: lot.expire_time.as_ref().and_then(instant_of) })
}

/// A customer's wallet, as invoicing reaches it.
#[derive(Debug)]
pub struct Wallet<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    customer: String,
    /// What the ids of the steps come from.
    intent: Uuid,
    payment_name: String,
}

impl<'a> Wallet<'a> {
    /// The wallet of a customer.
    #[must_use]
    pub fn new(app: &'a App, tenant: &'a TenantId, customer: Id<Customer>) -> Self {
        Self {
            app,
            tenant,
            customer: customer_name(tenant, customer),
            intent: Uuid::nil(),
            payment_name: String::new(),
        }
    }

    /// The same, for the steps of one payment.
    #[must_use]
    pub fn of(self, payment: &Payment) -> Self {
        Self { intent: payment.id.uuid(), payment_name: payment_name(self.tenant, payment), ..self }
    }

    /// The same, for the step that books a payment of a bank line back.
    #[must_use]
    pub fn returning(self, payment: Id<Payment>) -> Self {
        let payment_name = format!("{}/payments/{payment}", self.customer);
        Self { intent: payment.uuid(), payment_name, ..self }
    }

    /// The same, for the steps of a refund of one payment.
    #[must_use]
    pub fn refunding(self, refund: Uuid, payment: Id<Payment>) -> Self {
        let payment_name = format!("{}/payments/{payment}", self.customer);
        Self { intent: refund, payment_name, ..self }
    }

    /// The same, for the steps of a transfer back to the payer of one payment.
    #[must_use]
    pub fn sending_back(self, refund: &TransferRefund) -> Self {
        let payment_name = format!("{}/payments/{}", self.customer, refund.payment);
        Self { intent: refund.id.uuid(), payment_name, ..self }
    }

    fn step(&self, step: &str) -> String {
        step_id(self.intent, step).to_string()
    }

    fn steps(&self) -> Steps<'a, SettlementServiceClient<PeerChannel>> {
        let caller = Caller::service("invoicing", self.tenant, None);
        Steps::new(&self.app.peers, "wallet", caller, BUDGET, SettlementServiceClient::new)
    }

    /// What the customer can pay with.
    ///
    /// # Errors
    /// The wallet's refusal, or `UNAVAILABLE`.
    pub async fn means(&self, currency: Currency) -> Result<GetPaymentMeansResponse, AppError> {
        let message = GetPaymentMeansRequest {
            parent: self.customer.clone(),
            currency_code: currency.code().to_owned(),
        };
        self.steps()
            .once(
                message,
                |mut client, request| async move { client.get_payment_means(request).await },
            )
            .await
    }

    /// Reserves credit.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn hold(&self, amount: Money, taxed: bool) -> Result<StepOutcome<()>, AppError> {
        let message = HoldForPaymentRequest {
            request_id: self.step("hold"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            amount: Some(money(amount)),
            taxed,
        };
        let held = self
            .steps()
            .until_answered(&NOT_HELD, message, |mut client, request| async move {
                client.hold_for_payment(request).await
            })
            .await?;
        Ok(held.map(|_| ()))
    }

    /// Gives back what is reserved.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn release(&self, currency: Currency) -> Result<(), AppError> {
        let message = ReleasePaymentRequest {
            request_id: self.step("release"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            currency_code: currency.code().to_owned(),
        };
        self.steps()
            .until_done(message, |mut client, request| async move {
                client.release_payment(request).await
            })
            .await
            .map(|_| ())
    }

    /// Takes the reserved credit, and makes a surplus credit. Answers what credit that is.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn settle(
        &self,
        currency: Currency,
        credit: bool,
        surplus: Option<Money>,
    ) -> Result<Option<NewCredit>, AppError> {
        let message = SettlePaymentRequest {
            request_id: self.step("settle"),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            currency_code: currency.code().to_owned(),
            surplus: surplus.map(money),
            credit,
        };
        let settled = self
            .steps()
            .until_done(message, |mut client, request| async move {
                client.settle_payment(request).await
            })
            .await?;
        Ok(settled.surplus.as_ref().and_then(new_credit))
    }

    /// How credit is sold by transfer in a currency.
    ///
    /// # Errors
    /// The wallet's refusal, or `UNAVAILABLE`.
    pub async fn offer(&self, currency: Currency) -> Result<Offer, AppError> {
        let caller = Caller::service("invoicing", self.tenant, None);
        let steps =
            Steps::new(&self.app.peers, "wallet", caller, BUDGET, SettingsServiceClient::new);
        let message =
            GetWalletSettingsRequest { name: format!("tenants/{}/walletSettings", self.tenant) };
        let answer = steps
            .once(message, |mut client, request| async move {
                client.get_wallet_settings(request).await
            })
            .await?;
        let settings = answer.wallet_settings.unwrap_or_default();
        let minimums =
            settings.minimums.iter().filter(|minimum| minimum.kind() == Kind::BankTransfer);
        Ok(Offer {
            prepayment: settings.prepayment,
            by_transfer: settings.prepayment_methods().any(|kind| kind == Kind::BankTransfer),
            minimum: minimums
                .filter_map(|minimum| money_of(minimum.amount.as_ref()?))
                .find(|least| least.currency() == currency),
            taxed: settings.top_up_tax_kind() == TaxKind::TaxedSale,
            valid_days: u32::try_from(settings.purchased_expire_days).unwrap_or_default(),
        })
    }

    /// Gives back a part of a refund; all of it becomes credit where the payment is unapplied.
    /// Answers where it is, and how much of it the issuer had taken back before.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the wallet does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn refund(
        &self,
        step: usize,
        part: &RefundPart,
        unapplied: bool,
    ) -> Result<(Destination, Money), AppError> {
        let charged = step_id(part.payment.uuid(), &charge_step(part.place)).to_string();
        let message = RefundPaymentRequest {
            request_id: self.step(&format!("part/{step}")),
            parent: self.customer.clone(),
            payment: self.payment_name.clone(),
            amount: Some(money(part.amount)),
            charge_request_id: if part.from_credit { String::new() } else { charged },
            to_credit: unapplied || part.to_credit,
        };
        let answer = self
            .steps()
            .until_done(message, |mut client, request| async move {
                client.refund_payment(request).await
            })
            .await?;
        let taken_back = answer
            .taken_back
            .as_ref()
            .and_then(money_of)
            .unwrap_or_else(|| Money::zero(part.amount.currency()));
        Ok((if answer.credited { Destination::Credit } else { Destination::Card }, taken_back))
    }
}

/// The UUID of a method.
#[must_use]
pub fn method_id(payment_method: &PaymentMethod) -> Option<Uuid> {
    payment_method.name.rsplit('/').next().and_then(names::uuid)
}
