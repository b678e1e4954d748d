//! Invoicing, as plans reach it: reads in the caller's own name, steps of flows as a peer.

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
    peers::{until_answered, until_done},
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_plans_domain::{Customer, Invoice, Plan, life::Figures, proposal::Facts};
use payterms_proto::invoicing::v1::{
    BatchGetInvoicesRequest, BlockForOwnerRequest, CollectForOwnerRequest, GetCustomerRequest, InvoiceToBlock, Payment,
    UnblockForOwnerRequest, block::Reason, collection_service_client::CollectionServiceClient,
    customer_service_client::CustomerServiceClient, invoice_service_client::InvoiceServiceClient,
};
use std::time::Duration;
use tonic::{Request, Status};
use uuid::Uuid;

/// How long one call may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why invoices are not blocked for a plan: one of them has changed since the plan was made.
const NOT_BLOCKED: [&str; 5] = ["INVOICE_BLOCKED", "INVOICE_STATE", "PAYMENT_PENDING", "PLAN_AMOUNT_CHANGED", "RESOURCE_NOT_FOUND"];

/// Why nothing is collected for a plan. That its invoices or its customer are not there is no such reason: invoicing has
/// them for ever, and the wallet's copy of a customer comes late at most.
const NOT_COLLECTED: [&str; 3] = ["DEBIT_NOTICE_REQUIRED", "INVOICE_BLOCKED", "NOTHING_PAYABLE"];

/// A customer's invoices.
#[derive(Debug)]
pub struct Invoicing<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    customer: String,
}

impl<'a> Invoicing<'a> {
    /// The invoices of a customer.
    #[must_use]
    pub fn new(app: &'a App, tenant: &'a TenantId, customer: Id<Customer>) -> Self {
        Self { app, tenant, customer: customer_name(tenant, customer) }
    }

    fn channel(&self) -> Result<PeerChannel, AppError> {
        self.app.peers.channel("invoicing")
    }

    fn step<M>(&self, message: M) -> Result<Request<M>, AppError> {
        self.app.peers.request("invoicing", &Caller::service("plans", self.tenant, None), message, BUDGET)
    }

    /// Refuses where the caller sees no such customer.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND`; invoicing's.
    pub async fn must_have_customer(&self, caller: &Caller) -> Result<(), AppError> {
        let message = GetCustomerRequest { name: self.customer.clone() };
        let request = self.app.peers.request_as("invoicing", caller, message, BUDGET)?;
        CustomerServiceClient::new(self.channel()?).get_customer(request).await?;
        Ok(())
    }

    /// What the caller may see of invoices; how often they were proposed is not known there.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND`; invoicing's.
    pub async fn facts(&self, caller: &Caller, invoices: &[Id<Invoice>]) -> Result<Vec<Facts>, AppError> {
        let message = BatchGetInvoicesRequest { parent: self.customer.clone(), names: self.names(invoices) };
        let request = self.app.peers.request_as("invoicing", caller, message, BUDGET)?;
        let found = InvoiceServiceClient::new(self.channel()?).batch_get_invoices(request).await?.into_inner().invoices;
        found.iter().map(facts).collect()
    }

    /// What is known of a plan's invoices now.
    ///
    /// # Errors
    /// No answer after many tries.
    pub async fn figures(&self, plan: &Plan) -> Result<Vec<(Id<Invoice>, Figures)>, AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|own| own.invoice).collect();
        let message = BatchGetInvoicesRequest { parent: self.customer.clone(), names: self.names(&ids) };
        let call = || async {
            let request = self.step(message.clone())?;
            InvoiceServiceClient::new(self.channel()?).batch_get_invoices(request).await.map_err(AppError::from)
        };
        until_done(call).await?.invoices.iter().map(figures).collect()
    }

    fn names(&self, invoices: &[Id<Invoice>]) -> Vec<String> {
        invoices.iter().map(|id| format!("{}/invoices/{id}", self.customer)).collect()
    }

    fn plan(&self, plan: &Plan) -> String {
        format!("{}/plans/{}", self.customer, plan.id)
    }

    /// Blocks a plan's invoices, all or none, or replaces its blocks; answers what was open under the locks.
    ///
    /// # Errors
    /// No answer after many tries. A refusal is a result.
    pub async fn block_for_owner(
        &self,
        step: Uuid,
        plan: &Plan,
        reason: Reason,
    ) -> Result<Result<Vec<(Id<Invoice>, Figures)>, Status>, AppError> {
        let invoices = plan.covered.iter().map(|own| InvoiceToBlock {
            invoice: format!("{}/invoices/{}", self.customer, own.invoice),
            expected_open: own.expected.is_positive().then(|| money(own.expected)),
            nothing_open: !own.expected.is_positive(),
        });
        let message = BlockForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            reason: reason.into(),
            invoices: invoices.collect(),
        };
        let call = || async {
            let request = self.step(message.clone())?;
            CollectionServiceClient::new(self.channel()?).block_for_owner(request).await.map_err(AppError::from)
        };
        match until_answered(&NOT_BLOCKED, call).await? {
            Ok(blocked) => Ok(Ok(blocked.invoices.iter().map(figures).collect::<Result<_, _>>()?)),
            Err(status) => Ok(Err(status)),
        }
    }

    /// Lifts a plan's blocks; after a breach reminders start again from its day.
    ///
    /// # Errors
    /// No answer after many tries.
    pub async fn unblock_for_owner(&self, step: Uuid, plan: &Plan, breach: Option<(NaiveDate, bool)>) -> Result<(), AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|own| own.invoice).collect();
        let message = UnblockForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            invoices: self.names(&ids),
            breach_date: breach.map(|(day, _)| date(day)),
            due_at_once: breach.is_some_and(|(_, at_once)| at_once),
        };
        let call = || async {
            let request = self.step(message.clone())?;
            CollectionServiceClient::new(self.channel()?).unblock_for_owner(request).await.map_err(AppError::from)
        };
        until_done(call).await.map(|_| ())
    }

    /// Collects what is due of a plan from the collection method.
    ///
    /// # Errors
    /// No answer after many tries. A refusal is a result.
    pub async fn collect_for_owner(&self, (step, attempt): (Uuid, Uuid), plan: &Plan) -> Result<Result<Payment, Status>, AppError> {
        let ids: Vec<_> = plan.covered.iter().map(|own| own.invoice).collect();
        let message = CollectForOwnerRequest {
            request_id: step.to_string(),
            parent: self.customer.clone(),
            owner: self.plan(plan),
            invoices: self.names(&ids),
            amount: Some(money(Money::from_micros(plan.currency, plan.attempt.amount))),
            reference: attempt.to_string(),
            notice_time: plan.attempt.told_at.map(timestamp),
            later: (plan.attempt.later > 0).then(|| money(Money::from_micros(plan.currency, plan.attempt.later))),
        };
        let call = || async {
            let request = self.step(message.clone())?;
            CollectionServiceClient::new(self.channel()?).collect_for_owner(request).await.map_err(AppError::from)
        };
        Ok(until_answered(&NOT_COLLECTED, call).await?.map(|answer| answer.payment.unwrap_or_default()))
    }
}
