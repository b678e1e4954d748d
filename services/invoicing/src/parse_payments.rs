//! Requests about payments → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse_invoices::{INVOICE, InvoiceRef, invoice_ref};
use payterms_chassis::{AppError, Call, Fields, access::Grant, fields::Digits, names::Name, page::Page};
use payterms_invoicing_domain::{Customer, Invoice, Payment, Refund};
use payterms_kernel::{Currency, Id, Money, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;
use uuid::Uuid;

/// Invoices of one payment.
const MOST_INVOICES: usize = 100;
/// Tenders of one payment.
const MOST_TENDERS: usize = 5;

/// What a tender is to pay with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The customer's credit.
    Credit,
    /// A card; none: the purchase default.
    Card(Option<Uuid>),
    /// A bank transfer that the payer will make.
    Transfer,
    /// The purchase default, which must be a credit line.
    Line,
}

/// What is to be paid with what.
#[derive(Debug, Clone)]
pub struct ToPay {
    /// The tenant.
    pub tenant: TenantId,
    /// Who pays.
    pub customer: Id<Customer>,
    /// The invoices; none: all that are open.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
    /// The tenders.
    pub tenders: Vec<(Means, Option<Money>)>,
    /// The currency, where no invoice is named.
    pub currency: Option<Currency>,
    /// Whether a member of the customer asks: drafts and hidden invoices are not for them.
    pub as_customer: bool,
}

/// Invoices with their amounts, and whether one is another customer's.
pub type Invoices = (Vec<(Id<Invoice>, Option<Money>)>, bool);

fn invoices(fields: &mut Fields, parent: &Name, asked: &[pb::InvoiceToPay], currency: &str) -> Invoices {
    if asked.len() > MOST_INVOICES {
        fields.wrong("invoices", "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
    if !asked.is_empty() && !currency.is_empty() {
        fields.wrong("currency_code", "FIELD_OUT_OF_RANGE", "Leave it empty: the invoices have a currency.");
    }
    let (mut parsed, mut foreign): Invoices = (Vec::new(), false);
    for (place, own) in asked.iter().take(MOST_INVOICES).enumerate() {
        let name = fields.name(&format!("invoices[{place}].invoice"), &own.invoice, INVOICE);
        foreign |= name.tenant != parent.tenant || name.id(0) != parent.id(0);
        let amount = own.amount.as_ref().map(|amount| fields.money(&format!("invoices[{place}].amount"), Some(amount), Digits::MinorUnit));
        let id = Id::from_uuid(name.id(1));
        if parsed.iter().any(|(other, _)| *other == id) {
            fields.wrong(&format!("invoices[{place}].invoice"), "DUPLICATE_ITEM", "Name each invoice once.");
        }
        parsed.push((id, amount));
    }
    (parsed, foreign)
}

fn tenders(fields: &mut Fields, parent: &Name, asked: &[pb::TenderToUse]) -> (Vec<(Means, Option<Money>)>, bool) {
    use pb::tender_to_use::Source;
    if asked.is_empty() {
        fields.wrong("tenders", "FIELD_REQUIRED", "Name 1 to 5 tenders.");
    }
    if asked.len() > MOST_TENDERS {
        fields.wrong("tenders", "TOO_MANY_ITEMS", "Name at most 5 tenders.");
    }
    let (mut parsed, mut foreign): (Vec<(Means, Option<Money>)>, bool) = (Vec::new(), false);
    for (place, own) in asked.iter().take(MOST_TENDERS).enumerate() {
        let at = format!("tenders[{place}]");
        let means = match &own.source {
            Some(Source::Credit(true)) => Means::Credit,
            Some(Source::PaymentMethod(method)) if method.is_empty() => Means::Card(None),
            Some(Source::PaymentMethod(method)) => {
                let name = fields.name(&format!("{at}.payment_method"), method, &["customers", "paymentMethods"]);
                foreign |= name.tenant != parent.tenant || name.id(0) != parent.id(0);
                Means::Card(Some(name.id(1)))
            }
            Some(Source::BankTransfer(true)) => {
                if asked.len() > 1 {
                    fields.wrong(&at, "TENDERS_MISMATCH", "Announce a transfer alone; pay the rest by a payment of its own.");
                }
                Means::Transfer
            }
            Some(Source::Credit(false) | Source::BankTransfer(false)) | None => {
                fields.wrong(&format!("{at}.source"), "FIELD_REQUIRED", "Set credit or bank_transfer to true, or name a payment method.");
                Means::Credit
            }
        };
        if parsed.iter().any(|(other, _)| *other == means) {
            fields.wrong(&at, "DUPLICATE_ITEM", "Name each source once.");
        }
        let amount = own.amount.as_ref().map(|amount| fields.money(&format!("{at}.amount"), Some(amount), Digits::MinorUnit));
        parsed.push((means, amount));
    }
    if parsed.iter().filter(|(_, amount)| amount.is_none()).count() > 1 {
        fields.wrong("tenders", "FIELD_REQUIRED", "Set the amounts of all tenders but one.");
    }
    (parsed, foreign)
}

fn to_pay(fields: &mut Fields, (parent, currency): (&str, &str), asked: &[pb::InvoiceToPay], with: &[pb::TenderToUse]) -> (ToPay, bool) {
    let parent = fields.name("parent", parent, &["customers"]);
    let (invoices, foreign) = invoices(fields, &parent, asked, currency);
    let (tenders, alien) = tenders(fields, &parent, with);
    let currency = if asked.is_empty() { Some(fields.currency("currency_code", currency)) } else { None };
    let customer = if parent.ids.is_empty() { Id::from_uuid(Uuid::nil()) } else { Id::from_uuid(parent.id(0)) };
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    (ToPay { tenant: parent.tenant.clone(), customer, invoices, tenders, currency, as_customer }, foreign || alien)
}

fn own((to_pay, foreign): (ToPay, bool)) -> Result<ToPay, AppError> {
    if foreign { Err(Refusal::not_found().into()) } else { Ok(to_pay) }
}

/// Pays invoices.
pub fn create_payment(request: Request<pb::CreatePaymentRequest>) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let asked = to_pay(&mut fields, (&message.parent, &message.currency_code), &message.invoices, &message.tenders);
    let call = fields.write(&message.request_id, asked.0.tenant.clone())?;
    Ok((call, own(asked)?))
}

/// Defers invoices on the credit line that is the purchase default.
pub fn pay_later(request: Request<pb::PayLaterRequest>) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    if message.invoices.is_empty() {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    let named: Vec<_> = message.invoices.iter().map(|name| pb::InvoiceToPay { invoice: name.clone(), amount: None }).collect();
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let (invoices, foreign) = invoices(&mut fields, &parent, &named, "");
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    let customer = Id::from_uuid(parent.id(0));
    let tenders = vec![(Means::Line, None)];
    Ok((call, own((ToPay { tenant: parent.tenant, customer, invoices, tenders, currency: None, as_customer }, foreign))?))
}

/// Pays invoices with credit.
pub fn apply_credit(request: Request<pb::ApplyCreditRequest>) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let amount = message.amount.as_ref().map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let credit = pb::TenderToUse { source: Some(pb::tender_to_use::Source::Credit(true)), amount: None };
    let mut asked = to_pay(&mut fields, (&message.parent, &message.currency_code), &message.invoices, &[credit]);
    asked.0.tenders = vec![(Means::Credit, amount)];
    let call = fields.write(&message.request_id, asked.0.tenant.clone())?;
    Ok((call, own(asked)?))
}

/// Asks what a payment would do.
pub fn quote_payment(request: Request<pb::QuotePaymentRequest>) -> Result<ToPay, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let asked = to_pay(&mut fields, (&message.parent, &message.currency_code), &message.invoices, &message.tenders);
    fields.finish()?;
    own(asked)
}

/// Names a payment.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Who pays.
    pub customer: Id<Customer>,
    /// The payment.
    pub payment: Id<Payment>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// Names a payment to read.
pub fn get_payment(request: Request<pb::GetPaymentRequest>) -> Result<PaymentRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "payments"]);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok(PaymentRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), payment: Id::from_uuid(name.id(1)), as_customer })
}

/// Asks for payments; true where a member of the customer asks.
pub fn list_payments(request: Request<pb::ListPaymentsRequest>) -> Result<(TenantId, Id<Customer>, Page, bool), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), page, as_customer))
}

/// Takes what a payment has paid of an invoice off it; none: all of it.
pub fn unapply(request: Request<pb::UnapplyPaymentRequest>) -> Result<(Call, InvoiceRef, Id<Payment>, Option<Money>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let invoice = fields.name("invoice", &message.invoice, INVOICE);
    let amount = message.amount.as_ref().map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let named = invoice_ref(&fields, &invoice);
    let call = fields.write(&message.request_id, payment.tenant.clone())?;
    if payment.tenant != invoice.tenant || payment.id(0) != invoice.id(0) {
        return Err(Refusal::not_found().into());
    }
    Ok((call, named, Id::from_uuid(payment.id(1)), amount))
}

/// Names a refund to read.
pub fn get_refund(request: Request<pb::GetRefundRequest>) -> Result<(InvoiceRef, Id<Refund>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "invoices", "refunds"]);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, Id::from_uuid(name.id(2))))
}

/// Asks for the refunds of an invoice.
pub fn list_refunds(request: Request<pb::ListRefundsRequest>) -> Result<(InvoiceRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, page))
}

/// Cancels a payment that waits for a transfer.
pub fn cancel_payment(request: Request<pb::CancelPaymentRequest>) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "payments"]);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    let (customer, payment) = (Id::from_uuid(name.id(0)), Id::from_uuid(name.id(1)));
    Ok((call, PaymentRef { tenant: name.tenant, customer, payment, as_customer }))
}

/// What was paid elsewhere.
#[derive(Debug, Clone)]
pub struct Outside {
    /// Who paid.
    pub customer: Id<Customer>,
    /// The invoices.
    pub invoices: Vec<(Id<Invoice>, Option<Money>)>,
    /// How much; none: all that is payable.
    pub amount: Option<Money>,
    /// What proves it.
    pub reference: String,
}

/// Records what was paid elsewhere.
pub fn record_outside(request: Request<pb::RecordOutsidePaymentRequest>) -> Result<(Call, Outside), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    if message.invoices.is_empty() {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    let (invoices, foreign) = invoices(&mut fields, &parent, &message.invoices, "");
    let amount = message.amount.as_ref().map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let reference = fields.text("reference", &message.reference, 1, 200);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((call, Outside { customer: Id::from_uuid(parent.id(0)), invoices, amount, reference }))
}
