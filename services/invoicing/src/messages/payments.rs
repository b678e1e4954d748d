//! Payments: requests → commands, and payments → messages.

use super::{customers::customer_name, refs::INVOICE};
use crate::commands::payments::{Means, OutsidePayment, PaymentRef, ToPay};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    fields::Digits,
    names::Name,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{
    Allocation, Customer, Invoice, Payment, PaymentState, Tender, TenderState, payment::Source,
};
use payterms_kernel::{Id, Marks, Money, Reason, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;
use uuid::Uuid;

/// Invoices of one payment.
const MOST_INVOICES: usize = 100;

/// Tenders of one payment.
const MOST_TENDERS: usize = 5;

/// Invoices with their amounts, and whether one is another customer's.
type InvoicesToPay = (Vec<(Id<Invoice>, Option<Money>)>, bool);

/// `named` is where an item names its invoice: `.invoice`, or nothing where the item is the name.
fn invoices(
    fields: &mut Fields,
    parent: &Name,
    requested: &[pb::InvoiceToPay],
    named: &str,
    currency: &str,
) -> InvoicesToPay {
    if requested.len() > MOST_INVOICES {
        fields.wrong("invoices", Reason::TOO_MANY_ITEMS, "Name at most 100 invoices.");
    }
    if !requested.is_empty() && !currency.is_empty() {
        fields.wrong(
            "currency_code",
            Reason::FIELD_OUT_OF_RANGE,
            "Leave it empty: the invoices have a currency.",
        );
    }
    let (mut parsed, mut foreign): InvoicesToPay = (Vec::new(), false);
    for (place, invoice_to_pay) in requested.iter().take(MOST_INVOICES).enumerate() {
        let name =
            fields.name(&format!("invoices[{place}]{named}"), &invoice_to_pay.invoice, INVOICE);
        foreign |= name.tenant != parent.tenant || name.id(0) != parent.id(0);
        let amount = invoice_to_pay.amount.as_ref().map(|amount| {
            fields.money(&format!("invoices[{place}].amount"), Some(amount), Digits::MinorUnit)
        });
        let id = Id::from_uuid(name.id(1));
        if parsed.iter().any(|(other, _)| *other == id) {
            fields.wrong(
                &format!("invoices[{place}]{named}"),
                Reason::DUPLICATE_ITEM,
                "Name each invoice once.",
            );
        }
        parsed.push((id, amount));
    }
    (parsed, foreign)
}

fn tenders(
    fields: &mut Fields,
    parent: &Name,
    requested: &[pb::TenderToUse],
) -> (Vec<(Means, Option<Money>)>, bool) {
    use pb::tender_to_use::Source;
    if requested.is_empty() {
        fields.wrong("tenders", Reason::FIELD_REQUIRED, "Name 1 to 5 tenders.");
    }
    if requested.len() > MOST_TENDERS {
        fields.wrong("tenders", Reason::TOO_MANY_ITEMS, "Name at most 5 tenders.");
    }
    let (mut parsed, mut foreign): (Vec<(Means, Option<Money>)>, bool) = (Vec::new(), false);
    for (place, tender_to_use) in requested.iter().take(MOST_TENDERS).enumerate() {
        let at = format!("tenders[{place}]");
        let means = match &tender_to_use.source {
            Some(Source::Credit(true)) => Means::Credit,
            Some(Source::PaymentMethod(method)) if method.is_empty() => Means::Card(None),
            Some(Source::PaymentMethod(method)) => {
                let name = fields.name(
                    &format!("{at}.payment_method"),
                    method,
                    &["customers", "paymentMethods"],
                );
                foreign |= name.tenant != parent.tenant || name.id(0) != parent.id(0);
                Means::Card(Some(name.id(1)))
            }
            Some(Source::BankTransfer(true)) => {
                if requested.len() > 1 {
                    fields.wrong(
                        &at,
                        Reason::TENDERS_MISMATCH,
                        "Announce a transfer alone; pay the rest by a payment of its own.",
                    );
                }
                Means::Transfer
            }
            Some(Source::Credit(false) | Source::BankTransfer(false)) | None => {
                fields.wrong(
                    &format!("{at}.source"),
                    Reason::FIELD_REQUIRED,
                    "Set credit or bank_transfer to true, or name a payment method.",
                );
                Means::Credit
            }
        };
        if parsed.iter().any(|(other, _)| *other == means) {
            fields.wrong(&at, Reason::DUPLICATE_ITEM, "Name each source once.");
        }
        let amount = tender_to_use
            .amount
            .as_ref()
            .map(|amount| fields.money(&format!("{at}.amount"), Some(amount), Digits::MinorUnit));
        parsed.push((means, amount));
    }
    if parsed.iter().filter(|(_, amount)| amount.is_none()).count() > 1 {
        fields.wrong("tenders", Reason::FIELD_REQUIRED, "Set the amounts of all tenders but one.");
    }
    (parsed, foreign)
}

fn to_pay(
    fields: &mut Fields,
    parent: &str,
    currency: &str,
    requested: &[pb::InvoiceToPay],
    sources: &[pb::TenderToUse],
) -> (ToPay, bool) {
    let parent = fields.name("parent", parent, &["customers"]);
    let (invoices, foreign) = invoices(fields, &parent, requested, ".invoice", currency);
    let (tenders, alien) = tenders(fields, &parent, sources);
    let currency =
        if requested.is_empty() { Some(fields.currency("currency_code", currency)) } else { None };
    let customer = if parent.ids.is_empty() {
        Id::from_uuid(Uuid::nil())
    } else {
        Id::from_uuid(parent.id(0))
    };
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let to_pay = ToPay {
        tenant: parent.tenant.clone(),
        customer,
        invoices,
        tenders,
        currency,
        as_customer,
        as_far_as_credit_goes: false,
        marks: Marks::default(),
    };
    (to_pay, foreign || alien)
}

fn must_be_of_customer(to_pay: ToPay, foreign: bool) -> Result<ToPay, AppError> {
    if foreign { Err(Refusal::not_found().into()) } else { Ok(to_pay) }
}

/// Pays invoices.
pub fn create_payment(
    request: Request<pb::CreatePaymentRequest>,
) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (mut command, foreign) = to_pay(
        &mut fields,
        &message.parent,
        &message.currency_code,
        &message.invoices,
        &message.tenders,
    );
    command.marks = fields.marks("", &message.external_id, &message.labels);
    let call = fields.write(&message.request_id, command.tenant.clone())?;
    Ok((call, must_be_of_customer(command, foreign)?))
}

/// Defers invoices on the credit line that is the purchase default.
pub fn pay_later(request: Request<pb::PayLaterRequest>) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    if message.invoices.is_empty() {
        fields.wrong("invoices", Reason::FIELD_REQUIRED, "Name 1 to 100 invoices.");
    }
    let named: Vec<_> = message
        .invoices
        .iter()
        .map(|name| pb::InvoiceToPay { invoice: name.clone(), amount: None })
        .collect();
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let (invoices, foreign) = invoices(&mut fields, &parent, &named, "", "");
    let marks = fields.marks("", &message.external_id, &message.labels);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    let to_pay = ToPay {
        tenant: parent.tenant.clone(),
        customer: Id::from_uuid(parent.id(0)),
        invoices,
        tenders: vec![(Means::Line, None)],
        currency: None,
        as_customer,
        as_far_as_credit_goes: false,
        marks,
    };
    Ok((call, must_be_of_customer(to_pay, foreign)?))
}

/// Pays invoices with credit.
pub fn apply_credit(request: Request<pb::ApplyCreditRequest>) -> Result<(Call, ToPay), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let amount = message
        .amount
        .as_ref()
        .map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let credit =
        pb::TenderToUse { source: Some(pb::tender_to_use::Source::Credit(true)), amount: None };
    let (mut command, foreign) =
        to_pay(&mut fields, &message.parent, &message.currency_code, &message.invoices, &[credit]);
    command.marks = fields.marks("", &message.external_id, &message.labels);
    command.tenders = vec![(Means::Credit, amount)];
    command.as_far_as_credit_goes = amount.is_none()
        && message.invoices.iter().all(|invoice_to_pay| invoice_to_pay.amount.is_none());
    let call = fields.write(&message.request_id, command.tenant.clone())?;
    Ok((call, must_be_of_customer(command, foreign)?))
}

/// Asks what a payment would do.
pub fn quote_payment(request: Request<pb::QuotePaymentRequest>) -> Result<ToPay, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (command, foreign) = to_pay(
        &mut fields,
        &message.parent,
        &message.currency_code,
        &message.invoices,
        &message.tenders,
    );
    fields.finish()?;
    must_be_of_customer(command, foreign)
}

/// Names a payment to read.
pub fn get_payment(request: Request<pb::GetPaymentRequest>) -> Result<PaymentRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "payments"]);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok(PaymentRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        payment: Id::from_uuid(name.id(1)),
        as_customer,
    })
}

/// Cancels a payment that waits for a transfer.
pub fn cancel_payment(
    request: Request<pb::CancelPaymentRequest>,
) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "payments"]);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    let (customer, payment) = (Id::from_uuid(name.id(0)), Id::from_uuid(name.id(1)));
    Ok((call, PaymentRef { tenant: name.tenant, customer, payment, as_customer }))
}

/// Records what was paid elsewhere.
pub fn record_outside_payment(
    request: Request<pb::RecordOutsidePaymentRequest>,
) -> Result<(Call, OutsidePayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    if message.invoices.is_empty() {
        fields.wrong("invoices", Reason::FIELD_REQUIRED, "Name 1 to 100 invoices.");
    }
    let (invoices, foreign) = invoices(&mut fields, &parent, &message.invoices, ".invoice", "");
    let amount = message
        .amount
        .as_ref()
        .map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let reference = fields.reference("reference", &message.reference, 1, 200);
    let received_on = fields.optional_date("receive_date", message.receive_date.as_ref());
    let marks = fields.marks("", &message.external_id, &message.labels);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((
        call,
        OutsidePayment {
            customer: Id::from_uuid(parent.id(0)),
            invoices,
            amount,
            reference,
            received_on,
            marks,
        },
    ))
}

/// The name of a payment.
#[must_use]
pub fn payment_name(tenant: &TenantId, payment: &Payment) -> String {
    name_of_payment(tenant, payment.customer, payment.id)
}

/// The name of the payment with this id.
#[must_use]
pub fn name_of_payment(tenant: &TenantId, customer: Id<Customer>, payment: Id<Payment>) -> String {
    format!("{}/payments/{payment}", customer_name(tenant, customer))
}

/// A payment.
#[must_use]
pub fn payment(tenant: &TenantId, payment: &Payment) -> pb::Payment {
    let state = match payment.state {
        PaymentState::Processing => pb::payment::State::Processing,
        PaymentState::Succeeded => pb::payment::State::Succeeded,
        PaymentState::Partial => pb::payment::State::Partial,
        PaymentState::Failed => pb::payment::State::Failed,
        PaymentState::Cancelled => pb::payment::State::Cancelled,
    };
    let customer = customer_name(tenant, payment.customer);
    let allocation = |each: &Allocation| pb::PaymentAllocation {
        invoice: format!("{customer}/invoices/{}", each.invoice),
        amount: Some(money(each.amount)),
        paid: Some(money(each.paid)),
        refunded: Some(money(each.refunded)),
        deferred: Some(money(each.deferred)),
    };
    pb::Payment {
        name: payment_name(tenant, payment),
        state: state.into(),
        allocations: payment.allocations.iter().map(allocation).collect(),
        tenders: payment.tenders.iter().map(|each| tender(&customer, each)).collect(),
        surplus: Some(money(payment.surplus)),
        create_time: Some(timestamp(payment.created_at)),
        update_time: Some(timestamp(payment.updated_at)),
        automatic: payment.automatic,
        reference: payment.reference.clone(),
        bank_details: payment.bank_details.clone(),
        owner: payment.owner.clone(),
        external_id: payment.marks.external_id.clone().unwrap_or_default(),
        labels: payment.marks.labels.clone(),
        // What is under way has not taken effect, though the day of a bank line is known.
        effective_date: payment
            .effective_on
            .filter(|_| payment.state != PaymentState::Processing)
            .map(date),
    }
}

fn tender(customer: &str, tender: &Tender) -> pb::PaymentTender {
    let state = match tender.state {
        TenderState::Processing => pb::payment_tender::State::Processing,
        TenderState::Succeeded => pb::payment_tender::State::Succeeded,
        TenderState::Failed(_) => pb::payment_tender::State::Failed,
        TenderState::Released => pb::payment_tender::State::Released,
    };
    pb::PaymentTender {
        credit: tender.source == Source::Credit,
        announced: tender.source == Source::Announced,
        outside: tender.source == Source::Outside,
        credit_line: matches!(tender.source, Source::Line(_)),
        payment_method: if let Source::Card(method)
        | Source::BankDebit(method)
        | Source::Line(method) = tender.source
        {
            format!("{customer}/paymentMethods/{method}")
        } else {
            String::new()
        },
        amount: Some(money(tender.amount)),
        state: state.into(),
        refunded: Some(money(tender.refunded)),
        charged_back: Some(money(tender.charged_back)),
        bank_line: if let Source::Transfer(line) = tender.source {
            format!("{}/bankLines/{line}", customer.split("/customers/").next().unwrap_or_default())
        } else {
            String::new()
        },
        decline_code: if let TenderState::Failed(code) = &tender.state {
            code.clone()
        } else {
            String::new()
        },
    }
}
