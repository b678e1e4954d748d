//! Bank lines: requests → commands, and lines → messages.

use super::{
    customers::customer_name,
    refs::{INVOICE, invoice_ref},
};
use crate::commands::bank_lines::MatchBankLine;
use payterms_chassis::{
    AppError, Call, Fields,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{BankLine, bank::LineState};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Bytes of one file.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// Takes a file in.
pub fn import_bank_statement(request: Request<pb::ImportBankStatementRequest>) -> Result<(Call, Vec<u8>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    if message.camt.is_empty() {
        fields.wrong("camt", "FIELD_REQUIRED", "Send the file.");
    }
    if message.camt.len() > MOST_BYTES {
        fields.wrong("camt", "FIELD_TOO_LONG", "Send at most 2 MiB; cut the file in two.");
    }
    Ok((fields.write(&message.request_id, tenant)?, message.camt.to_vec()))
}

/// Matches a line to an invoice.
pub fn match_bank_line(request: Request<pb::MatchBankLineRequest>) -> Result<(Call, MatchBankLine), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = fields.name("name", &message.name, &["bankLines"]);
    let invoice = fields.name("invoice", &message.invoice, INVOICE);
    let named = invoice_ref(&fields, &invoice);
    let call = fields.write(&message.request_id, line.tenant.clone())?;
    if line.tenant != invoice.tenant {
        return Err(Refusal::not_found().into());
    }
    Ok((call, MatchBankLine { line: Id::from_uuid(line.id(0)), invoice: named }))
}

/// Names a line to read.
pub fn get_bank_line(request: Request<pb::GetBankLineRequest>) -> Result<(TenantId, Id<BankLine>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["bankLines"]);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Asks for lines: of one state, or of any.
pub fn list_bank_lines(request: Request<pb::ListBankLinesRequest>) -> Result<(TenantId, Option<LineState>, Page), AppError> {
    use pb::bank_line::State;
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let state = if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Unmatched => Some(LineState::Unmatched),
        State::Matched => Some(LineState::Matched),
    });
    let page = Page::parse(&mut fields, &format!("{} {}", message.parent, message.state), message.page_size, &message.page_token);
    fields.finish()?;
    Ok((tenant, state, page))
}

/// A line.
#[must_use]
pub fn bank_line(tenant: &TenantId, own: &BankLine) -> pb::BankLine {
    let state = match own.state {
        LineState::Unmatched => pb::bank_line::State::Unmatched,
        LineState::Matched => pb::bank_line::State::Matched,
    };
    let customer = own.customer.map(|customer| customer_name(tenant, customer)).unwrap_or_default();
    pb::BankLine {
        name: format!("tenants/{tenant}/bankLines/{}", own.id),
        state: state.into(),
        account: own.shown.account.clone(),
        reference: own.shown.reference.clone(),
        book_date: Some(date(own.shown.booked_on)),
        amount: Some(money(own.shown.amount)),
        payer: own.shown.payer.clone(),
        text: own.shown.text.clone(),
        invoice: own.invoice.map(|invoice| format!("{customer}/invoices/{invoice}")).unwrap_or_default(),
        payment: own.payment.map(|payment| format!("{customer}/payments/{payment}")).unwrap_or_default(),
        create_time: Some(timestamp(own.created_at)),
    }
}

/// A line without who paid and what they wrote, for events.
#[must_use]
pub fn anonymous_bank_line(tenant: &TenantId, own: &BankLine) -> pb::BankLine {
    pb::BankLine { payer: String::new(), text: String::new(), account: String::new(), ..bank_line(tenant, own) }
}
