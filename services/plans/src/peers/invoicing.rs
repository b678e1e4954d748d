//! The client of invoicing. Reads are made on behalf of the caller, so that it sees only its own
//! invoices; steps of flows are made by the service itself.

use crate::{
    app::App,
    messages::{
        invoicing::{facts, figures},
        names::customer_name,
    },
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    call::Caller,
    peer_channel::PeerChannel,
    render::{date, money, timestamp},
    steps::{StepOutcome, Steps},
};
use payterms_kernel::{Id, Money, Reason, TenantId};
use payterms_plans_domain::{Customer, Invoice, Plan, life::Figures, proposal::Facts};
use payterms_proto::invoicing::{
    peers::v1::{
        BlockForOwnerRequest, CollectForOwnerRequest, InvoiceToBlock, UnblockForOwnerRequest,
        owner_collection_service_client::OwnerCollectionServiceClient,
    },
    v1::{
        BatchGetInvoicesRequest, GetCustomerRequest, GetPaymentRequest, Payment, block,
        customer_service_client::CustomerServiceClient,
        invoice_service_client::InvoiceServiceClient, payment_service_client::PaymentServiceClient,
    },
};
use std::time::Duration;
use uuid::Uuid;

/// How long one call may take, so that a caller does not wait for a peer that hangs.
const BUDGET: Duration = Duration::from_secs(10);

/// The refusals that end an attempt to block: an invoice has changed since the plan was made. Other
/// errors are retried.
const NOT_BLOCKED: [Reason; 5] = [
    Reason::INVOICE_BLOCKED,
    Reason::INVOICE_STATE,
    Reason::PAYMENT_PENDING,
    Reason::PLAN_AMOUNT_CHANGED,
    Reason::RESOURCE_NOT_FOUND,
];

/// The refusals that end an attempt to collect. A missing customer is not one of them: invoicing
/// never deletes customers, and the wallet's copy can only be late, so that error is retried.
const NOT_COLLECTED: [Reason; 5] = [
    Reason::COLLECTION_WAITS,
    Reason::DEBIT_NOTICE_REQUIRED,
    Reason::INVOICE_BLOCKED,
    Reason::NOTHING_PAYABLE,
    Reason::TRANSFER_ONLY,
];

/// The breach of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Breach {
    /// The day of the breach.
    pub on: NaiveDate,
    /// Whether the whole rest is due at once.
    pub due_at_once: bool,
}

/// Calls invoicing about the invoices of one customer.
#[derive(Debug)]
pub struct Invoicing<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    customer: String,
}

impl<'a> Invoicing<'a> {
    /// A client for the invoices of a customer.
    #[must_use]
    pub fn new(app: &'a App, tenant: &'a TenantId, customer: Id<Customer>) -> Self {
        Self { app, tenant, customer: customer_name(tenant, customer) }
    }

    fn channel(&self) -> Result<PeerChannel, AppError> {
        self.app.peers.channel("invoicing")
    }

    fn steps<C>(&self, client: fn(PeerChannel) -> C) -> Steps<'a, C> {
        Steps::new(
            &self.app.peers,
            "invoicing",
            Caller::service("plans", self.tenant, None),
            BUDGET,
            client,
        )
    }

    fn owner_steps(&self) -> Steps<'a, OwnerCollectionServiceClient<PeerChannel>> {
        self.steps(OwnerCollectionServiceClient::new)
    }

    /// Checks that the customer exists and the caller may see it.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` if not; invoicing's refusal, or no answer.
    pub async fn must_have_customer(&self, caller: &Caller) -> Result<(), AppError> {
        let message = GetCustomerRequest { name: self.customer.clone() };
        let request = self.app.peers.request_as("invoicing", caller, message, BUDGET)?;
        CustomerServiceClient::new(self.channel()?).get_customer(request).await?;
        Ok(())
    }

    /// The facts of invoices, as far as the caller may see them. The number of proposals is zero,
    /// because invoicing does not count them.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` if the caller does not see one of them; invoicing's refusal, or no
    /// answer.
    pub async fn facts(
        &self,
        caller: &Caller,
        invoices: &[Id<Invoice>],
    ) -> Result<Vec<Facts>, AppError> {
        let message =
            BatchGetInvoicesRequest { parent: self.customer.clone(), names: self.names(invoices) };
        let request = self.app.peers.request_as("invoicing", caller, message, BUDGET)?;
        let invoices = InvoiceServiceClient::new(self.channel()?)
            .batch_get_invoices(request)
            .await?
            .into_inner()
            .invoices;
        invoices.iter().map(facts).collect()
    }

    /// The present amounts of a plan's invoices.
    ///
    /// # Errors
    /// `UNAVAILABLE` if invoicing does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn figures(&self, plan: &Plan) -> Result<Vec<(Id<Invoice>, Figures)>, AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|covered| covered.invoice).collect();
        let message =
            BatchGetInvoicesRequest { parent: self.customer.clone(), names: self.names(&ids) };
        let steps = self.steps(InvoiceServiceClient::new);
        let answer = steps
            .until_done(message, |mut client, request| async move {
                client.batch_get_invoices(request).await
            })
            .await?;
        answer.invoices.iter().map(figures).collect()
    }

    fn names(&self, invoices: &[Id<Invoice>]) -> Vec<String> {
        invoices.iter().map(|id| format!("{}/invoices/{id}", self.customer)).collect()
    }

    fn plan(&self, plan: &Plan) -> String {
        format!("{}/plans/{}", self.customer, plan.id)
    }

    /// Blocks a plan's invoices, all or none, or replaces its blocks. Answers the amounts that
    /// invoicing read while it held the locks.
    ///
    /// # Errors
    /// `UNAVAILABLE` if invoicing does not answer in 60 attempts; the recovery of flows tries
    /// again. A refusal is a result, not an error.
    pub async fn block_for_owner(
        &self,
        step: Uuid,
        plan: &Plan,
        reason: block::Reason,
    ) -> Result<StepOutcome<Vec<(Id<Invoice>, Figures)>>, AppError> {
        let invoices = plan.covered.iter().map(|covered| InvoiceToBlock {
            invoice: format!("{}/invoices/{}", self.customer, covered.invoice),
            expected_open: covered.expected.is_positive().then(|| money(covered.expected)),
            nothing_open: !covered.expected.is_positive(),
        });
        let message = BlockForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            reason: reason.into(),
            invoices: invoices.collect(),
        };
        let blocked = self
            .owner_steps()
            .until_answered(&NOT_BLOCKED, message, |mut client, request| async move {
                client.block_for_owner(request).await
            })
            .await?;
        Ok(match blocked {
            StepOutcome::Done(blocked) => {
                StepOutcome::Done(blocked.invoices.iter().map(figures).collect::<Result<_, _>>()?)
            }
            StepOutcome::Refused(status) => StepOutcome::Refused(status),
        })
    }

    /// Lifts a plan's blocks. After a breach, reminders start again from its day.
    ///
    /// # Errors
    /// `UNAVAILABLE` if invoicing does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn unblock_for_owner(
        &self,
        step: Uuid,
        plan: &Plan,
        breach: Option<Breach>,
    ) -> Result<(), AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|covered| covered.invoice).collect();
        let message = UnblockForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            invoices: self.names(&ids),
            breach_date: breach.map(|breach| date(breach.on)),
            due_at_once: breach.is_some_and(|breach| breach.due_at_once),
        };
        self.owner_steps()
            .until_done(message, |mut client, request| async move {
                client.unblock_for_owner(request).await
            })
            .await
            .map(|_| ())
    }

    /// Collects the due amount of a plan with the customer's collection method.
    ///
    /// # Errors
    /// `UNAVAILABLE` if invoicing does not answer in 60 attempts; the recovery of flows tries
    /// again. A refusal is a result, not an error.
    pub async fn collect_for_owner(
        &self,
        step: Uuid,
        attempt: Uuid,
        plan: &Plan,
    ) -> Result<StepOutcome<Payment>, AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|covered| covered.invoice).collect();
        let message = CollectForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            invoices: self.names(&ids),
            amount: Some(money(Money::from_micros(plan.currency, plan.attempt.amount))),
            reference: attempt.to_string(),
            notice_time: plan.attempt.announced_at.map(timestamp),
            later: (plan.attempt.later > 0)
                .then(|| money(Money::from_micros(plan.currency, plan.attempt.later))),
        };
        let collected = self
            .owner_steps()
            .until_answered(&NOT_COLLECTED, message, |mut client, request| async move {
                client.collect_for_owner(request).await
            })
            .await?;
        Ok(collected.map(|answer| answer.payment.unwrap_or_default()))
    }

    /// A payment as it is now. The answer to the step that began it stays what it was, while the
    /// payment goes on.
    ///
    /// # Errors
    /// `UNAVAILABLE` if invoicing does not answer in 60 attempts; the recovery of flows tries
    /// again.
    pub async fn payment(&self, name: &str) -> Result<Payment, AppError> {
        let message = GetPaymentRequest { name: name.to_owned() };
        let steps = self.steps(PaymentServiceClient::new);
        let answer = steps
            .until_done(
                message,
                |mut client, request| async move { client.get_payment(request).await },
            )
            .await?;
        Ok(answer.payment.unwrap_or_default())
    }
}
