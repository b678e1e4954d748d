//! The part of a payment that a credit line covers: what can be drawn is asked before anything is locked; then
//! reserve, make owed, give back, each with a request id made from the payment and the step.

use crate::{
    App,
    commands::payments::{Means, ToPay},
    messages::{customers::customer_name, payments::payment_name},
};
use payterms_chassis::{
    AppError,
    call::Caller,
    kill, names,
    peer_channel::PeerChannel,
    peers::{reason, until_answered, until_done},
    render::{date_of, money, money_of},
};
use payterms_invoicing_domain::{
    Payment, Tender, TenderState,
    deferral::{Deferral, Deferred, line_of},
    payment::Source,
};
use payterms_kernel::{Id, Kind as RefusalKind, Money, Refusal, TenantId, calendar::start_of_day, id::step_id};
use payterms_proto::{
    credit::v1::{
        AuthorizeForPaymentRequest, CaptureForPaymentRequest, CaptureForPaymentResponse, GetLineMeansRequest, InvoiceToDefer,
        VoidForPaymentRequest, draw_service_client::DrawServiceClient,
    },
    wallet::v1::{GetPaymentMeansResponse, PaymentMethod, payment_method::Kind},
};
use std::time::Duration;
use tonic::Request;
use uuid::Uuid;

/// How long one try of a step may take.
const BUDGET: Duration = Duration::from_secs(10);

/// Why a line gives nothing: what stands against a draw, or the payment was given up before. What was reserved is made owed
/// or given back; no line can refuse that.
const NOT_DRAWN: [&str; 5] = ["CREDIT_LIMIT_EXCEEDED", "CURRENCY_MISMATCH", "DRAW_STATE", "INVOICE_IN_PLAN", "LINE_STATE"];

/// What can be drawn on the line that a payment names.
#[derive(Debug, Clone)]
pub struct LineMeans {
    available: Money,
    barred: Option<Refusal>,
}

/// The UUID of a method.
pub(super) fn method_id(own: &PaymentMethod) -> Option<Uuid> {
    own.name.rsplit('/').next().and_then(names::uuid)
}

/// The line among what a payment is to use; none where no tender means one.
fn meant<'a>(to_pay: &ToPay, known: &'a GetPaymentMeansResponse) -> Option<&'a PaymentMethod> {
    let lines = known.payment_methods.iter().filter(|own| own.kind() == Kind::CreditLine);
    let named = |own: &PaymentMethod, means: &Means| match means {
        Means::Line | Means::Card(None) => own.purchase_default,
        Means::Card(asked) => method_id(own) == *asked,
        Means::Credit | Means::Transfer => false,
    };
    lines.into_iter().find(|own| to_pay.tenders.iter().any(|(means, _)| named(own, means)))
}

/// Asks credit what can be drawn, where a tender means a line.
///
/// # Errors
/// Those of credit.
pub async fn means(app: &App, to_pay: &ToPay, known: &GetPaymentMeansResponse) -> Result<Option<LineMeans>, AppError> {
    let Some(line) = meant(to_pay, known).and_then(method_id) else { return Ok(None) };
    let name = format!("{}/creditLines/{line}", customer_name(&to_pay.tenant, to_pay.customer));
    let caller = Caller::service("invoicing", &to_pay.tenant, None);
    let request = app.peers.request("credit", &caller, GetLineMeansRequest { name }, BUDGET)?;
    let told = DrawServiceClient::new(app.peers.channel("credit")?).get_line_means(request).await?.into_inner();
    let available = told.available.as_ref().and_then(money_of).ok_or_else(|| AppError::Fault("means without an amount".to_owned()))?;
    let state = told.state().as_str_name().trim_start_matches("STATE_").to_owned();
    let barred = match told.barred_reason.as_str() {
        "" => None,
        "CONCURRENT_UPDATE" => Some(Refusal::new(RefusalKind::Conflict, "CONCURRENT_UPDATE", told.barred_message)),
        "INVOICE_IN_PLAN" => Some(Refusal::precondition("INVOICE_IN_PLAN", told.barred_message)),
        _ => Some(Refusal::precondition("LINE_STATE", told.barred_message).with("state", state)),
    };
    Ok(Some(LineMeans { available, barred }))
}

/// Refuses what cannot be drawn, before anything moves.
///
/// # Errors
/// `LINE_STATE`, `INVOICE_IN_PLAN`, `CURRENCY_MISMATCH` with the line's currency, `CREDIT_LIMIT_EXCEEDED`.
pub fn must_have_line(payment: &Payment, means: Option<&LineMeans>) -> Result<(), AppError> {
    let (Some((_, asked)), Some(means)) = (line_of(&payment.tenders), means) else { return Ok(()) };
    let available = means.available;
    let short = asked.compare(available).map_err(Refusal::from)?.is_gt();
    if let Some(refusal) = &means.barred {
        return Err(refusal.clone().into());
    }
    if short {
        let message = format!("{available} can be drawn on the line; {asked} were asked.");
        return Err(Refusal::precondition("CREDIT_LIMIT_EXCEEDED", message)
            .with("available", available.amount())
            .with("asked", asked.amount())
            .into());
    }
    Ok(())
}

/// A line, as a payment draws on it.
struct Line<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    intent: Uuid,
    name: String,
    payment: String,
}

impl<'a> Line<'a> {
    fn of(app: &'a App, tenant: &'a TenantId, payment: &Payment) -> Option<Self> {
        let (line, _) = line_of(&payment.tenders)?;
        let name = format!("{}/creditLines/{line}", customer_name(tenant, payment.customer));
        Some(Self { app, tenant, intent: payment.id.uuid(), name, payment: payment_name(tenant, payment) })
    }

    fn client(&self) -> Result<DrawServiceClient<PeerChannel>, AppError> {
        Ok(DrawServiceClient::new(self.app.peers.channel("credit")?))
    }

    fn request<M>(&self, message: M) -> Result<Request<M>, AppError> {
        self.app.peers.request("credit", &Caller::service("invoicing", self.tenant, None), message, BUDGET)
    }

    fn step(&self, step: &str) -> String {
        step_id(self.intent, step).to_string()
    }

    async fn authorize(&self, invoices: Vec<InvoiceToDefer>) -> Result<Result<(), String>, AppError> {
        let (request_id, name, payment) = (self.step("draw"), self.name.clone(), self.payment.clone());
        let message = AuthorizeForPaymentRequest { request_id, name, payment, invoices };
        let answer =
            until_answered(&NOT_DRAWN, || async { Ok(self.client()?.authorize_for_payment(self.request(message.clone())?).await?) });
        Ok(answer.await?.map(|_| ()).map_err(|status| reason(&status).unwrap_or_default()))
    }

    async fn capture(&self) -> Result<CaptureForPaymentResponse, AppError> {
        let (request_id, name, payment) = (self.step("capture"), self.name.clone(), self.payment.clone());
        let message = CaptureForPaymentRequest { request_id, name, payment };
        until_done(|| async { Ok(self.client()?.capture_for_payment(self.request(message.clone())?).await?) }).await
    }

    async fn void(&self) -> Result<(), AppError> {
        let (request_id, name, payment) = (self.step("void"), self.name.clone(), self.payment.clone());
        let message = VoidForPaymentRequest { request_id, name, payment };
        until_done(|| async { Ok(self.client()?.void_for_payment(self.request(message.clone())?).await?) }).await.map(|_| ())
    }
}

fn own_tender(payment: &mut Payment) -> Option<&mut Tender> {
    payment.tenders.iter_mut().find(|own| matches!(own.source, Source::Line(_)))
}

/// Reserves what the line is to cover; false where it is refused.
///
/// # Errors
/// No answer after many tries.
pub async fn reserve(app: &App, tenant: &TenantId, payment: &mut Payment) -> Result<bool, AppError> {
    let Some(line) = Line::of(app, tenant, payment) else { return Ok(true) };
    let customer = customer_name(tenant, payment.customer);
    let to_defer = payment.to_defer().into_iter();
    let invoices =
        to_defer.map(|(id, amount)| InvoiceToDefer { invoice: format!("{customer}/invoices/{id}"), amount: Some(money(amount)) });
    let answer = line.authorize(invoices.collect()).await?;
    kill::point("payment.after_draw");
    if let (Err(reason), Some(own)) = (&answer, own_tender(payment)) {
        own.state = TenderState::Failed(reason.clone());
    }
    Ok(answer.is_ok())
}

/// Gives back what is reserved, where another tender has failed.
///
/// # Errors
/// No answer after many tries.
pub async fn give_back(app: &App, tenant: &TenantId, payment: &mut Payment) -> Result<(), AppError> {
    let Some(line) = Line::of(app, tenant, payment) else { return Ok(()) };
    line.void().await?;
    kill::point("payment.after_void");
    if let Some(own) = own_tender(payment).filter(|own| own.state == TenderState::Processing) {
        own.state = TenderState::Released;
    }
    Ok(())
}

/// Makes what is reserved owed, and notes how the invoices are deferred.
///
/// # Errors
/// No answer after many tries.
pub async fn draw(app: &App, tenant: &TenantId, payment: &mut Payment) -> Result<(), AppError> {
    let Some((Some(line), (id, _))) = Some(Line::of(app, tenant, payment)).zip(line_of(&payment.tenders)) else { return Ok(()) };
    let captured = line.capture().await?;
    kill::point("payment.after_capture");
    let zone = app.db.tenant_zone(tenant).await?;
    let fault = || AppError::Fault(format!("draws of payment {} as credit told them", payment.id));
    let uuid = |name: &str| name.rsplit('/').next().and_then(names::uuid).ok_or_else(fault);
    let mut deferred = Vec::with_capacity(captured.draws.len());
    for own in &captured.draws {
        let due_on = own.due_date.as_ref().and_then(date_of).ok_or_else(fault)?;
        let deferral = Deferral {
            line: id,
            draw: uuid(&own.name)?,
            amount: own.captured.as_ref().and_then(money_of).ok_or_else(fault)?,
            purchased_on: own.purchase_date.as_ref().and_then(date_of).ok_or_else(fault)?,
            plans_allowed: captured.plans_allowed,
        };
        deferred.push(Deferred { invoice: Id::from_uuid(uuid(&own.invoice)?), deferral, due_on, collect_at: start_of_day(zone, due_on) });
    }
    payment.deferred = deferred;
    if let Some(own) = own_tender(payment) {
        own.state = TenderState::Succeeded;
    }
    Ok(())
}
