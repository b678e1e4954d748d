//! Invoices and credit notes → messages of the contract.

use crate::{
    metered_messages,
    render::{address, customer_name},
    store::outstanding::Outstanding,
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, etag,
    render::{date, decimal, money, term, timestamp},
};
use payterms_invoicing_domain::{
    Block, BlockReason, Collection, CollectionState, CreditNote, Invoice, InvoiceState, InvoiceVersion, Line, Party, Receipt, TaxAmount,
    TopUp,
    deferral::Deferral,
    explain::{Fact, Topic},
    usage_month::UsageMonth,
};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The name of an invoice.
#[must_use]
pub fn invoice_name(tenant: &TenantId, invoice: &Invoice) -> String {
    format!("{}/invoices/{}", customer_name(tenant, invoice.customer), invoice.id)
}

fn state(state: InvoiceState) -> i32 {
    match state {
        InvoiceState::Draft => pb::invoice::State::Draft,
        InvoiceState::Open => pb::invoice::State::Open,
        InvoiceState::Paid => pb::invoice::State::Paid,
        InvoiceState::Void => pb::invoice::State::Void,
        InvoiceState::Uncollectible => pb::invoice::State::Uncollectible,
    }
    .into()
}

/// An invoice as it stands on a day of the tenant's.
///
/// # Errors
/// None that stored amounts can cause.
pub fn invoice(tenant: &TenantId, invoice: &Invoice, today: NaiveDate) -> Result<pb::Invoice, AppError> {
    let issue = invoice.issue.as_ref();
    Ok(pb::Invoice {
        name: invoice_name(tenant, invoice),
        state: state(invoice.state),
        number: issue.map(|issue| issue.number.clone()).unwrap_or_default(),
        currency_code: invoice.currency.code().to_owned(),
        prices_include_tax: invoice.content.prices_include_tax,
        payment_term: Some(term(invoice.content.term)),
        lines: invoice.content.lines.iter().map(line).collect::<Result<_, _>>()?,
        supply_date: invoice.content.supply_date.map(date),
        memo: invoice.content.memo.clone(),
        issue_date: issue.map(|issue| date(issue.issue_date)),
        due_date: issue.map(|issue| date(issue.due_date)),
        taxes: invoice.amounts.taxes.iter().map(tax_amount).collect(),
        net: Some(money(invoice.amounts.net)),
        total: Some(money(invoice.amounts.total)),
        paid: Some(money(invoice.paid)),
        credited: Some(money(invoice.credited)),
        written_off: Some(money(invoice.written_off)),
        open: Some(money(invoice.open()?)),
        pending: Some(money(invoice.pending)),
        past_due: invoice.past_due(today)?,
        seller: issue.map(|issue| party(&issue.seller)),
        buyer: issue.map(|issue| party(&issue.buyer)),
        create_time: Some(timestamp(invoice.created_at)),
        update_time: Some(timestamp(invoice.updated_at)),
        etag: etag::etag(invoice.version),
        revision: invoice.version,
        collect_automatically: invoice.content.collect_automatically,
        collection: Some(collection(&invoice.collection)),
        block: invoice.block.as_ref().map(block),
        usage_month: invoice.usage.map(|own| usage_month(&customer_name(tenant, invoice.customer), own)),
        top_up: invoice.top_up.as_ref().map(top_up),
        deferral: invoice.deferral.map(|own| deferral(&customer_name(tenant, invoice.customer), own)),
        metered_service: invoice.billed.map(|own| metered_messages::name(tenant, invoice.customer, own.service)).unwrap_or_default(),
    })
}

fn usage_month(customer: &str, own: UsageMonth) -> pb::UsageMonth {
    let wallet = format!("{customer}/wallets/{}", own.wallet);
    let postpaid_agreement = own.agreement.map(|id| format!("{wallet}/postpaidAgreements/{id}")).unwrap_or_default();
    pb::UsageMonth { wallet, month: Some(date(own.month)), postpaid_agreement }
}

fn deferral(customer: &str, own: Deferral) -> pb::Deferral {
    let credit_line = format!("{customer}/creditLines/{}", own.line);
    pb::Deferral {
        draw: format!("{credit_line}/draws/{}", own.draw),
        credit_line,
        amount: Some(money(own.amount)),
        purchase_date: Some(date(own.purchased_on)),
        plans_allowed: own.plans_allowed,
    }
}

fn top_up(own: &TopUp) -> pb::TransferTopUp {
    let TopUp { company_name, address: place, company_id, email, contact_name, phone, taxed, bank_details: _ } = own.clone();
    pb::TransferTopUp { company_name, address: place.as_ref().map(address), company_id, email, contact_name, phone, taxed }
}

fn collection(own: &Collection) -> pb::Collection {
    let state = match own.state {
        CollectionState::Off => pb::collection::State::Off,
        CollectionState::Scheduled => pb::collection::State::Scheduled,
        CollectionState::Processing => pb::collection::State::Processing,
        CollectionState::RequiresAction => pb::collection::State::RequiresAction,
        CollectionState::Failed => pb::collection::State::Failed,
    };
    pb::Collection {
        state: state.into(),
        failed_attempt_count: i32::try_from(own.ladder.attempts).unwrap_or(i32::MAX),
        next_attempt_time: own.next_at.map(timestamp),
        failure_reason: own.reason.clone(),
    }
}

fn block(own: &Block) -> pb::Block {
    let reason = match own.reason {
        BlockReason::PlanProposed => pb::block::Reason::PaymentPlanProposed,
        BlockReason::PlanActive => pb::block::Reason::PaymentPlanActive,
        BlockReason::Disputed => pb::block::Reason::Disputed,
        BlockReason::Manual => pb::block::Reason::Manual,
    };
    pb::Block { reason: reason.into(), owner: own.owner.clone() }
}

fn line(line: &Line) -> Result<pb::InvoiceLine, AppError> {
    Ok(pb::InvoiceLine {
        description: line.description.clone(),
        quantity: Some(decimal(line.quantity)),
        unit_price: Some(money(line.unit_price)),
        tax_category: line.tax_category.clone(),
        amount: Some(money(line.amount()?)),
    })
}

fn tax_amount(own: &TaxAmount) -> pb::TaxAmount {
    pb::TaxAmount {
        rate_percent: Some(decimal(own.rate.percent)),
        sentence: own.rate.sentence.clone(),
        net: Some(money(own.net)),
        tax: Some(money(own.tax)),
    }
}

fn party(party: &Party) -> pb::Party {
    pb::Party {
        legal_name: party.legal_name.clone(),
        address: party.address.as_ref().map(address),
        country: party.country.clone(),
        tax_id: party.tax_id.clone(),
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
    pb::explain_invoice_response::Fact { topic: topic.into(), sentence: fact.sentence, time: fact.at.map(timestamp) }
}

/// What is open in one currency.
#[must_use]
pub fn outstanding(own: &Outstanding) -> pb::Outstanding {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    pb::Outstanding {
        open: Some(money(own.open)),
        past_due: Some(money(own.past_due)),
        pending: Some(money(own.pending)),
        invoice_count: count(own.count),
        past_due_count: count(own.past_due_count),
        next_due_date: own.next_due.map(date),
    }
}

/// A credit note of an invoice.
#[must_use]
pub fn credit_note(tenant: &TenantId, invoice: &Invoice, note: &CreditNote) -> pb::CreditNote {
    pb::CreditNote {
        name: format!("{}/creditNotes/{}", invoice_name(tenant, invoice), note.id),
        number: note.number.clone(),
        invoice_number: invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default(),
        issue_date: Some(date(note.issue_date)),
        amount: Some(money(note.amount)),
        taxes: note.taxes.iter().map(tax_amount).collect(),
        reason: note.reason.clone(),
        create_time: Some(timestamp(note.created_at)),
    }
}

/// A receipt.
#[must_use]
pub fn receipt(tenant: &TenantId, receipt: &Receipt) -> pb::Receipt {
    let customer = customer_name(tenant, receipt.customer);
    pb::Receipt {
        name: format!("{customer}/receipts/{}", receipt.id),
        number: receipt.number.clone(),
        issue_date: Some(date(receipt.issue_date)),
        top_up: format!("{customer}/wallets/{}/topUps/{}", receipt.wallet, receipt.top_up),
        taxed: receipt.taxed,
        amount: Some(money(receipt.amount)),
        tax: Some(tax_amount(&receipt.tax)),
        seller: Some(party(&receipt.seller)),
        buyer: Some(party(&receipt.buyer)),
        create_time: Some(timestamp(receipt.created_at)),
    }
}

/// A later version of an invoice.
#[must_use]
pub fn version(tenant: &TenantId, invoice: &Invoice, own: &InvoiceVersion) -> pb::InvoiceVersion {
    pb::InvoiceVersion {
        name: format!("{}/versions/{}", invoice_name(tenant, invoice), own.id),
        version: i32::try_from(own.version).unwrap_or(i32::MAX),
        number: own.number.clone(),
        issue_date: Some(date(own.issue_date)),
        seller: Some(party(&own.seller)),
        buyer: Some(party(&own.buyer)),
        reason: own.reason.clone(),
        create_time: Some(timestamp(own.created_at)),
    }
}
