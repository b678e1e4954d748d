//! Credit, as invoicing reaches it: the line of a payment, each step with a request id made from
//! the payment and the step.

use crate::{
    app::App,
    messages::{customers::customer_name, payments::payment_name},
};
use payterms_chassis::{
    AppError,
    call::Caller,
    peer_channel::PeerChannel,
    render::money,
    steps::{StepOutcome, Steps},
};
use payterms_invoicing_domain::{Customer, Invoice, Payment, deferral::line_of};
use payterms_kernel::{Id, Money, Reason, TenantId, id::step_id};
use payterms_proto::credit::peers::v1::{
    AuthorizeForPaymentRequest, CaptureForPaymentRequest, CaptureForPaymentResponse,
    GetLineMeansRequest, GetLineMeansResponse, InvoiceToDefer, VoidForPaymentRequest,
    payment_draw_service_client::PaymentDrawServiceClient,
};
use std::time::Duration;
use uuid::Uuid;

/// How long one try of a step may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why a line gives nothing: what stands against a draw, or the payment was given up before. What
/// was reserved is made owed or given back; no line can refuse that.
const NOT_DRAWN: [Reason; 5] = [
    Reason::CREDIT_LIMIT_EXCEEDED,
    Reason::CURRENCY_MISMATCH,
    Reason::DRAW_STATE,
    Reason::INVOICE_IN_PLAN,
    Reason::LINE_STATE,
];

fn steps<'a>(app: &'a App, tenant: &TenantId) -> Steps<'a, PaymentDrawServiceClient<PeerChannel>> {
    Steps::new(
        &app.peers,
        "credit",
        Caller::service("invoicing", tenant, None),
        BUDGET,
        PaymentDrawServiceClient::new,
    )
}

/// What can be drawn on a line of a customer.
///
/// # Errors
/// Credit's refusal, or `UNAVAILABLE`.
pub async fn line_means(
    app: &App,
    tenant: &TenantId,
    customer: Id<Customer>,
    line: Uuid,
) -> Result<GetLineMeansResponse, AppError> {
    let name = format!("{}/creditLines/{line}", customer_name(tenant, customer));
    steps(app, tenant)
        .once(GetLineMeansRequest { name }, |mut client, request| async move {
            client.get_line_means(request).await
        })
        .await
}

/// A line, as a payment draws on it.
#[derive(Debug)]
pub struct Line<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    intent: Uuid,
    customer: String,
    name: String,
    payment: String,
}

impl<'a> Line<'a> {
    /// The line that covers a part of a payment, if one does.
    #[must_use]
    pub fn of(app: &'a App, tenant: &'a TenantId, payment: &Payment) -> Option<Self> {
        let (line, _) = line_of(&payment.tenders)?;
        let customer = customer_name(tenant, payment.customer);
        let name = format!("{customer}/creditLines/{line}");
        Some(Self {
            app,
            tenant,
            intent: payment.id.uuid(),
            customer,
            name,
            payment: payment_name(tenant, payment),
        })
    }

    fn steps(&self) -> Steps<'a, PaymentDrawServiceClient<PeerChannel>> {
        steps(self.app, self.tenant)
    }

    fn step(&self, step: &str) -> String {
        step_id(self.intent, step).to_string()
    }

    /// Reserves what invoices are deferred of.
    ///
    /// # Errors
    /// `UNAVAILABLE` if credit does not answer in 60 attempts; the recovery of flows tries again.
    pub async fn authorize(
        &self,
        to_defer: Vec<(Id<Invoice>, Money)>,
    ) -> Result<StepOutcome<()>, AppError> {
        let invoice = |(id, amount)| InvoiceToDefer {
            invoice: format!("{}/invoices/{id}", self.customer),
            amount: Some(money(amount)),
        };
        let invoices = to_defer.into_iter().map(invoice).collect();
        let (request_id, name, payment) =
            (self.step("draw"), self.name.clone(), self.payment.clone());
        let message = AuthorizeForPaymentRequest { request_id, name, payment, invoices };
        let reserved = self
            .steps()
            .until_answered(&NOT_DRAWN, message, |mut client, request| async move {
                client.authorize_for_payment(request).await
            })
            .await?;
        Ok(reserved.map(|_| ()))
    }

    /// Makes what is reserved owed.
    ///
    /// # Errors
    /// `UNAVAILABLE` if credit does not answer in 60 attempts; the recovery of flows tries again.
    pub async fn capture(&self) -> Result<CaptureForPaymentResponse, AppError> {
        let (request_id, name, payment) =
            (self.step("capture"), self.name.clone(), self.payment.clone());
        let message = CaptureForPaymentRequest { request_id, name, payment };
        self.steps()
            .until_done(message, |mut client, request| async move {
                client.capture_for_payment(request).await
            })
            .await
    }

    /// Gives back what is reserved.
    ///
    /// # Errors
    /// `UNAVAILABLE` if credit does not answer in 60 attempts; the recovery of flows tries again.
    pub async fn void(&self) -> Result<(), AppError> {
        let (request_id, name, payment) =
            (self.step("void"), self.name.clone(), self.payment.clone());
        let message = VoidForPaymentRequest { request_id, name, payment };
        self.steps()
            .until_done(message, |mut client, request| async move {
                client.void_for_payment(request).await
            })
            .await
            .map(|_| ())
    }
}
