//! Invoices: requests → commands, and invoices → messages.

use super::{
    addresses::render_address,
    collections::{block, collection},
    customers::customer_name,
    discounts::render_discount,
    metered_services::metered_service_name,
    refs::{INVOICE, invoice_ref, invoices_of_customer},
    top_ups::render_top_up,
};
use crate::commands::invoices::{BatchGetInvoices, InvoiceRef};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    etag,
    render::{date, decimal, money, term, timestamp},
};
use payterms_invoicing_domain::{
    Invoice, InvoiceState, Line, Party, Problem, TaxAmount,
    bank::creditor_reference,
    deferral::Deferral,
    explain::{Fact, Topic},
    usage_month::UsageMonth,
};
use payterms_kernel::{DatedAmount, Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use prost::Message as _;
use tonic::Request;

/// Issues a draft.
pub fn finalize_invoice(
    request: Request<pb::FinalizeInvoiceRequest>,
) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let etag = fields.token("etag", &message.etag, 0, 100);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, etag))
}

/// Takes an invoice back.
pub fn void_invoice(
    request: Request<pb::VoidInvoiceRequest>,
) -> Result<(Call, InvoiceRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named, explanation))
}

/// Gives up what is open.
pub fn write_off_invoice(
    request: Request<pb::WriteOffInvoiceRequest>,
) -> Result<(Call, InvoiceRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, named))
}

/// Names an invoice to read.
pub fn get_invoice(request: Request<pb::GetInvoiceRequest>) -> Result<InvoiceRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Names invoices to read.
pub fn batch_get_invoices(
    request: Request<pb::BatchGetInvoicesRequest>,
) -> Result<BatchGetInvoices, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let (invoices, foreign) = invoices_of_customer(&mut fields, &parent, "names", &message.names);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok(BatchGetInvoices {
        tenant: parent.tenant.clone(),
        customer: Id::from_uuid(parent.id(0)),
        invoices,
        as_customer,
    })
}

/// Names an invoice to explain.
pub fn explain_invoice(
    request: Request<pb::ExplainInvoiceRequest>,
) -> Result<InvoiceRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, INVOICE);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// The name of an invoice.
#[must_use]
pub fn invoice_name(tenant: &TenantId, invoice: &Invoice) -> String {
    format!("{}/invoices/{}", customer_name(tenant, invoice.customer), invoice.id)
}

fn invoice_state(state: InvoiceState) -> i32 {
    match state {
        InvoiceState::Draft => pb::invoice::State::Draft,
        InvoiceState::Open => pb::invoice::State::Open,
        InvoiceState::Paid => pb::invoice::State::Paid,
        InvoiceState::Void => pb::invoice::State::Void,
        InvoiceState::Uncollectible => pb::invoice::State::Uncollectible,
    }
    .into()
}

/// An invoice as it stands on a day of the tenant's. A draft must have been brought up to date: its
/// etag covers what it shows.
///
/// # Errors
/// None that stored amounts can cause.
pub fn invoice(
    tenant: &TenantId,
    invoice: &Invoice,
    today: NaiveDate,
) -> Result<pb::Invoice, AppError> {
    let mut shown = without_etag(tenant, invoice, today)?;
    shown.etag = match invoice.state {
        InvoiceState::Draft => etag::etag_of(invoice.version, &shown.encode_to_vec()),
        _ => etag::etag(invoice.version),
    };
    Ok(shown)
}

fn without_etag(
    tenant: &TenantId,
    invoice: &Invoice,
    today: NaiveDate,
) -> Result<pb::Invoice, AppError> {
    let issue = invoice.issue.as_ref();
    Ok(pb::Invoice {
        name: invoice_name(tenant, invoice),
        state: invoice_state(invoice.state),
        number: issue.map(|issue| issue.number.clone()).unwrap_or_default(),
        payment_reference: issue.map(|issue| creditor_reference(&issue.number)).unwrap_or_default(),
        currency_code: invoice.currency.code().to_owned(),
        prices_include_tax: invoice.content.prices_include_tax,
        payment_term: Some(term(invoice.content.term)),
        lines: invoice.content.lines.iter().map(line).collect::<Result<_, _>>()?,
        discount: invoice
            .content
            .discount
            .as_ref()
            .map(|discount| render_discount(discount, invoice.whole_discount().ok())),
        draft_problem: invoice.problem.as_ref().map(draft_problem),
        supply_date: invoice.content.supply_date.map(date),
        memo: invoice.content.memo.clone(),
        issue_date: issue.map(|issue| date(issue.issue_date)),
        due_date: issue.map(|issue| date(issue.due_date)),
        taxes: invoice.amounts.taxes.iter().map(tax_amount).collect(),
        net: Some(money(invoice.amounts.net)),
        total: Some(money(invoice.amounts.total)),
        paid: Some(money(invoice.paid)),
        paid_by_day: invoice.paid_by_day.iter().map(dated_amount).collect(),
        no_consequence_before: invoice.no_consequence_before.map(date),
        disputed_by: invoice.disputed_by.clone(),
        credited: Some(money(invoice.credited)),
        written_off: Some(money(invoice.written_off)),
        open: Some(money(invoice.open()?)),
        pending: Some(money(invoice.pending)),
        past_due: invoice.past_due(today)?,
        seller: issue.map(|issue| party(&issue.seller)),
        buyer: issue.map(|issue| party(&issue.buyer)),
        create_time: Some(timestamp(invoice.created_at)),
        update_time: Some(timestamp(invoice.updated_at)),
        etag: String::new(),
        revision: invoice.version,
        collect_automatically: invoice.content.collect_automatically,
        collection: Some(collection(&invoice.collection)),
        block: invoice.block.as_ref().map(block),
        usage_month: invoice
            .usage
            .map(|each| usage_month(&customer_name(tenant, invoice.customer), each)),
        top_up: invoice.top_up.as_ref().map(render_top_up),
        deferral: invoice
            .deferral
            .map(|each| deferral(&customer_name(tenant, invoice.customer), each)),
        external_id: invoice.marks.external_id.clone().unwrap_or_default(),
        labels: invoice.marks.labels.clone(),
        metered_service: invoice
            .billed
            .map(|billed| metered_service_name(tenant, invoice.customer, billed.service))
            .unwrap_or_default(),
    })
}

fn draft_problem(Problem { reason, sentence }: &Problem) -> pb::invoice::DraftProblem {
    pb::invoice::DraftProblem { reason: (*reason).into(), sentence: sentence.clone() }
}

fn dated_amount(dated: &DatedAmount) -> pb::DatedAmount {
    pb::DatedAmount { date: Some(date(dated.on)), amount: Some(money(dated.amount)) }
}

/// Which month of use an issued invoice bills; `None` where it bills none.
#[must_use]
pub fn usage_invoiced(tenant: &TenantId, this_invoice: &Invoice) -> Option<pb::UsageInvoiced> {
    let number = this_invoice.issue.as_ref()?.number.clone();
    let usage = this_invoice.usage.map(|usage| {
        (usage.closing.to_string(), usage.agreement.is_some(), String::new(), usage.month)
    });
    let service = |service| metered_service_name(tenant, this_invoice.customer, service);
    let metered = || {
        this_invoice
            .billed
            .map(|billed| (String::new(), false, service(billed.service), billed.month))
    };
    let (closing_id, postpaid, metered_service, month) = usage.or_else(metered)?;
    let invoice = invoice_name(tenant, this_invoice);
    Some(pb::UsageInvoiced {
        invoice,
        number,
        closing_id,
        postpaid,
        metered_service,
        month: Some(date(month)),
    })
}

fn usage_month(customer: &str, usage_month: UsageMonth) -> pb::UsageMonth {
    let wallet = format!("{customer}/wallets/{}", usage_month.wallet);
    let postpaid_agreement = usage_month
        .agreement
        .map(|id| format!("{wallet}/postpaidAgreements/{id}"))
        .unwrap_or_default();
    pb::UsageMonth { wallet, month: Some(date(usage_month.month)), postpaid_agreement }
}

fn deferral(customer: &str, deferral: Deferral) -> pb::Deferral {
    let credit_line = format!("{customer}/creditLines/{}", deferral.line);
    pb::Deferral {
        draw: format!("{credit_line}/draws/{}", deferral.draw),
        credit_line,
        amount: Some(money(deferral.amount)),
        purchase_date: Some(date(deferral.purchased_on)),
        plans_allowed: deferral.plans_allowed,
    }
}

fn line(line: &Line) -> Result<pb::InvoiceLine, AppError> {
    Ok(pb::InvoiceLine {
        description: line.description.clone(),
        quantity: Some(decimal(line.quantity)),
        unit_price: Some(money(line.unit_price)),
        tax_category: line.tax_category.clone(),
        amount: Some(money(line.amount()?)),
        discount: line
            .discount
            .as_ref()
            .map(|discount| Ok::<_, AppError>(render_discount(discount, Some(line.taken_off()?))))
            .transpose()?,
        is_invoice_discount: line.of_whole_discount,
    })
}

/// A part of an amount with its rate.
#[must_use]
pub fn tax_amount(tax_amount: &TaxAmount) -> pb::TaxAmount {
    pb::TaxAmount {
        rate_percent: Some(decimal(tax_amount.rate.percent)),
        sentence: tax_amount.rate.sentence.clone(),
        net: Some(money(tax_amount.net)),
        tax: Some(money(tax_amount.tax)),
    }
}

/// A seller or buyer, as a document shows it.
#[must_use]
pub fn party(party: &Party) -> pb::Party {
    pb::Party {
        legal_name: party.legal_name.clone(),
        address: party.address.as_ref().map(render_address),
        country: party.country.clone(),
        tax_id: party.tax_id.clone(),
        bank_details: party.bank_details.clone(),
    }
}

/// Why an invoice stands as it does.
#[must_use]
pub fn fact(fact: Fact) -> pb::explain_invoice_response::Fact {
    use pb::explain_invoice_response::Topic as Told;
    let topic = match fact.topic {
        Topic::State => Told::State,
        Topic::Due => Told::Due,
        Topic::Block => Told::Block,
        Topic::Pending => Told::Pending,
        Topic::Collection => Told::Collection,
        Topic::Reminder => Told::Reminder,
    };
    pb::explain_invoice_response::Fact {
        topic: topic.into(),
        sentence: fact.sentence,
        time: fact.at.map(timestamp),
    }
}
