//! Bank lines: requests → commands, and lines → messages.

use super::{
    customers::customer_name,
    refs::{INVOICE, MOST_INVOICES, check_invoice_count, invoice_ref},
    transfer_refunds::transfer_refund_name,
};
use crate::commands::{
    bank_lines::{
        CreditBankLine, DismissBankLine, MatchBankLine, Matching, ReturnBankLine, SplitBankLine,
    },
    invoices::InvoiceRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::Name,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{
    BankLine,
    bank::{Candidate, Dismissal, LineState, MOST_PARTS, SuggestReason},
};
use payterms_kernel::{Id, Reason, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Names a suspected duplicate.
pub fn confirm_bank_line(
    request: Request<pb::ConfirmBankLineRequest>,
) -> Result<(Call, Id<BankLine>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    Ok((fields.write(&message.request_id, line.tenant.clone())?, id_of(&line)))
}

/// The line that a write names.
fn line_of(fields: &mut Fields, name: &str) -> Name {
    fields.name("name", name, &["bankLines"])
}

fn id_of(line: &Name) -> Id<BankLine> {
    Id::from_uuid(line.id(0))
}

/// Matches a line to invoices, or a return to the line that it takes back.
pub fn match_bank_line(
    request: Request<pb::MatchBankLineRequest>,
) -> Result<(Call, Matching), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    if !message.returned_line.is_empty() {
        return return_bank_line(fields, &line, &message);
    }
    let (mut invoices, mut foreign) = (Vec::new(), false);
    if message.invoices.is_empty() {
        let invoice = fields.name("invoice", &message.invoice, INVOICE);
        foreign |= invoice.tenant != line.tenant;
        invoices.push(invoice_ref(&fields, &invoice));
    } else {
        if !message.invoice.is_empty() {
            fields.wrong(
                "invoice",
                Reason::DUPLICATE_ITEM,
                "Name invoices in one of the two fields.",
            );
        }
        check_invoice_count(&mut fields, "invoices", message.invoices.len());
        for (index, name) in message.invoices.iter().take(MOST_INVOICES).enumerate() {
            let field = format!("invoices[{index}]");
            let invoice = fields.name(&field, name, INVOICE);
            foreign |= invoice.tenant != line.tenant;
            let reference = invoice_ref(&fields, &invoice);
            if invoices.iter().any(|other: &InvoiceRef| other.invoice == reference.invoice) {
                fields.wrong(&field, Reason::DUPLICATE_ITEM, "Name each invoice once.");
            }
            invoices.push(reference);
        }
    }
    let call = fields.write(&message.request_id, line.tenant.clone())?;
    if foreign {
        return Err(Refusal::not_found().into());
    }
    Ok((call, Matching::Invoices(MatchBankLine { line: id_of(&line), invoices })))
}

fn return_bank_line(
    mut fields: Fields,
    line: &Name,
    message: &pb::MatchBankLineRequest,
) -> Result<(Call, Matching), AppError> {
    if !message.invoice.is_empty() || !message.invoices.is_empty() {
        fields.wrong(
            "returned_line",
            Reason::DUPLICATE_ITEM,
            "Name invoices, or the line that a return takes back.",
        );
    }
    let returned = fields.name("returned_line", &message.returned_line, &["bankLines"]);
    let call = fields.write(&message.request_id, line.tenant.clone())?;
    if returned.tenant != line.tenant {
        return Err(Refusal::not_found().into());
    }
    Ok((
        call,
        Matching::Return(ReturnBankLine { line: id_of(line), returned_line: id_of(&returned) }),
    ))
}

/// Takes the match of a line back.
pub fn unmatch_bank_line(
    request: Request<pb::UnmatchBankLineRequest>,
) -> Result<(Call, Id<BankLine>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    Ok((fields.write(&message.request_id, line.tenant.clone())?, id_of(&line)))
}

/// Makes a line money on account of a customer.
pub fn credit_bank_line(
    request: Request<pb::CreditBankLineRequest>,
) -> Result<(Call, CreditBankLine), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    let customer = fields.name("customer", &message.customer, &["customers"]);
    let call = fields.write(&message.request_id, line.tenant.clone())?;
    if customer.tenant != line.tenant {
        return Err(Refusal::not_found().into());
    }
    Ok((call, CreditBankLine { line: id_of(&line), customer: Id::from_uuid(customer.id(0)) }))
}

/// Cuts a line into parts.
pub fn split_bank_line(
    request: Request<pb::SplitBankLineRequest>,
) -> Result<(Call, SplitBankLine), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    if !(2..=MOST_PARTS).contains(&message.parts.len()) {
        fields.wrong("parts", Reason::FIELD_OUT_OF_RANGE, "Cut it into 2 to 20 parts.");
    }
    let parts = message.parts.iter().take(MOST_PARTS).enumerate();
    let parts = parts
        .map(|(index, part)| {
            fields.money(&format!("parts[{index}]"), Some(part), Digits::MinorUnit)
        })
        .collect();
    Ok((
        fields.write(&message.request_id, line.tenant.clone())?,
        SplitBankLine { line: id_of(&line), parts },
    ))
}

/// Dismisses a line.
pub fn dismiss_bank_line(
    request: Request<pb::DismissBankLineRequest>,
) -> Result<(Call, DismissBankLine), AppError> {
    use pb::bank_line::DismissReason;
    let (mut fields, message) = Fields::open(request)?;
    let line = line_of(&mut fields, &message.name);
    let reason = match fields.choice::<DismissReason>("reason", message.reason) {
        Some(DismissReason::Interest) => Dismissal::Interest,
        Some(DismissReason::OwnMoney) => Dismissal::OwnMoney,
        Some(DismissReason::NotOurs) => Dismissal::NotOurs,
        Some(DismissReason::Duplicate) => Dismissal::Duplicate,
        Some(DismissReason::RefundReceived) => Dismissal::RefundReceived,
        Some(DismissReason::Unspecified | DismissReason::Other) | None => Dismissal::Other,
    };
    let least = usize::from(reason == Dismissal::Other);
    let explanation = fields.text("explanation", &message.explanation, least, 1_000);
    Ok((
        fields.write(&message.request_id, line.tenant.clone())?,
        DismissBankLine { line: id_of(&line), reason, explanation },
    ))
}

/// Names a line to read.
pub fn get_bank_line(
    request: Request<pb::GetBankLineRequest>,
) -> Result<(TenantId, Id<BankLine>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["bankLines"]);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0))))
}

/// Asks for lines: of one state, or of any.
pub fn list_bank_lines(
    request: Request<pb::ListBankLinesRequest>,
) -> Result<(TenantId, Option<LineState>, Page), AppError> {
    use pb::bank_line::State;
    let (mut fields, message) = Fields::open(request)?;
    let tenant = fields.name("parent", &message.parent, &[]).tenant;
    let state =
        if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Unmatched => Some(LineState::Unmatched),
        State::Matched => Some(LineState::Matched),
        State::Suggested => Some(LineState::Suggested),
        State::Unmatching => Some(LineState::Unmatching),
        State::Dismissed => Some(LineState::Dismissed),
        State::Split => Some(LineState::Split),
        State::SuspectedDuplicate => Some(LineState::SuspectedDuplicate),
        State::Returned => Some(LineState::Returned),
    });
    let page = Page::parse(
        &mut fields,
        &format!("{} {}", message.parent, message.state),
        message.page_size,
        &message.page_token,
    );
    fields.finish()?;
    Ok((tenant, state, page))
}

fn suggest_reason(reason: SuggestReason) -> pb::bank_line::SuggestReason {
    use pb::bank_line::SuggestReason as Message;
    match reason {
        SuggestReason::InvoiceNotOpen => Message::InvoiceNotOpen,
        SuggestReason::SeveralCustomers => Message::SeveralCustomers,
        SuggestReason::OtherPayer => Message::OtherPayer,
        SuggestReason::AmountAboveNamed => Message::AmountAboveNamed,
        SuggestReason::AmountDiffers => Message::AmountDiffers,
        SuggestReason::AutomationOff => Message::AutomationOff,
        SuggestReason::TopUpAmongOthers => Message::TopUpAmongOthers,
        SuggestReason::StatedAmount => Message::StatedAmount,
        SuggestReason::PartsDiffer => Message::PartsDiffer,
        SuggestReason::OriginalUnknown => Message::OriginalUnknown,
        SuggestReason::SeveralOriginals => Message::SeveralOriginals,
        SuggestReason::OriginalNotReturnable => Message::OriginalNotReturnable,
        SuggestReason::TransferRefundReturned => Message::TransferRefundReturned,
    }
}

fn dismiss_reason(reason: Dismissal) -> pb::bank_line::DismissReason {
    use pb::bank_line::DismissReason as Message;
    match reason {
        Dismissal::Interest => Message::Interest,
        Dismissal::OwnMoney => Message::OwnMoney,
        Dismissal::NotOurs => Message::NotOurs,
        Dismissal::Duplicate => Message::Duplicate,
        Dismissal::RefundReceived => Message::RefundReceived,
        Dismissal::Other => Message::Other,
    }
}

fn line_state(state: LineState) -> pb::bank_line::State {
    use pb::bank_line::State;
    match state {
        LineState::Unmatched => State::Unmatched,
        LineState::Suggested => State::Suggested,
        LineState::Matched => State::Matched,
        LineState::Unmatching => State::Unmatching,
        LineState::Dismissed => State::Dismissed,
        LineState::Split => State::Split,
        LineState::SuspectedDuplicate => State::SuspectedDuplicate,
        LineState::Returned => State::Returned,
    }
}

/// The name of a line.
#[must_use]
pub fn line_name(tenant: &TenantId, id: Id<BankLine>) -> String {
    format!("tenants/{tenant}/bankLines/{id}")
}

/// A line.
#[must_use]
pub fn bank_line(tenant: &TenantId, line: &BankLine) -> pb::BankLine {
    let customer =
        line.customer.map(|customer| customer_name(tenant, customer)).unwrap_or_default();
    let invoices: Vec<_> =
        line.pays.iter().map(|paid| format!("{customer}/invoices/{}", paid.invoice)).collect();
    let candidate = |candidate: &Candidate| {
        format!("{}/invoices/{}", customer_name(tenant, candidate.customer), candidate.invoice)
    };
    let line_name = |id| line_name(tenant, id);
    pb::BankLine {
        name: line_name(line.id),
        state: line_state(line.state).into(),
        account: line.shown.account.clone(),
        reference: line.shown.reference.clone(),
        book_date: Some(date(line.shown.booked_on)),
        amount: Some(money(line.shown.amount)),
        payer: line.shown.payer.clone(),
        text: line.shown.text.clone(),
        invoice: invoices.first().cloned().unwrap_or_default(),
        payment: line
            .payment
            .map(|payment| format!("{customer}/payments/{payment}"))
            .unwrap_or_default(),
        create_time: Some(timestamp(line.created_at)),
        invoices,
        candidates: line.candidates.iter().map(candidate).collect(),
        suggest_reasons: line.reasons.iter().map(|reason| suggest_reason(*reason).into()).collect(),
        dismiss_reason: line.dismissal.map_or(0, |reason| dismiss_reason(reason).into()),
        explanation: line.explanation.clone(),
        part_of: line.part_of.map(line_name).unwrap_or_default(),
        duplicate_of: line.duplicate_of.map(line_name).unwrap_or_default(),
        returned_line: line.returned_line.map(line_name).unwrap_or_default(),
        returned_by: line.returned_by.map(line_name).unwrap_or_default(),
        candidate_lines: line.candidate_lines.iter().copied().map(line_name).collect(),
        charges: line.shown.charges.map(money),
        value_date: line.shown.value_on.map(date),
        transfer_refund: line
            .refund
            .map(|refund_of_customer| {
                transfer_refund_name(tenant, refund_of_customer.customer, refund_of_customer.refund)
            })
            .unwrap_or_default(),
        customer,
    }
}

/// A line without who paid and what they wrote, for events.
#[must_use]
pub fn anonymous_bank_line(tenant: &TenantId, line: &BankLine) -> pb::BankLine {
    let (payer, text, account, explanation) = <(String, String, String, String)>::default();
    pb::BankLine { payer, text, account, explanation, ..bank_line(tenant, line) }
}
