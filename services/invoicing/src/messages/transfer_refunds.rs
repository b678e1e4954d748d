//! Transfers back to payers: requests → commands, and refunds → messages.

use super::{bank_lines::line_name, customers::customer_name};
use crate::commands::transfer_refunds::{
    EnteredAccount, MarkRefundSent, RefundTransfer, TransferRefundRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    fields::Digits,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{
    Customer, TransferRefund,
    transfer_refund::{Credit, RefundState},
};
use payterms_kernel::{Id, Reason, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// The collections of a refund's name.
const TRANSFER_REFUND: &[&str] = &["customers", "transferRefunds"];

fn named(fields: &mut Fields, text: &str) -> TransferRefundRef {
    let name = fields.name("name", text, TRANSFER_REFUND);
    TransferRefundRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        refund: Id::from_uuid(name.id(1)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}

/// Makes a transfer to make.
pub fn refund_transfer(
    request: Request<pb::RefundTransferRequest>,
) -> Result<(Call, RefundTransfer), AppError> {
    use pb::transfer_refund::Credit as Message;
    let (mut fields, message) = Fields::open(request)?;
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let from = match fields.choice::<Message>("from", message.from) {
        Some(Message::TopUp) => Credit::TopUp,
        Some(Message::Surplus | Message::Unspecified) | None => Credit::Surplus,
    };
    let credit = message
        .credit
        .as_ref()
        .map(|credit| fields.money("credit", Some(credit), Digits::MinorUnit));
    // How short it may be is said once, below.
    let account = fields.reference("account", &message.account, 0, 60);
    if account.chars().filter(char::is_ascii_alphanumeric).count() < 5 {
        fields.wrong(
            "account",
            Reason::FIELD_REQUIRED,
            "Write the IBAN or account number, with at least 5 letters and digits.",
        );
    }
    let explanation = fields.printed("explanation", &message.explanation, 1, 500);
    let account_evidence = fields.text("account_evidence", &message.account_evidence, 0, 500);
    let call = fields.write(&message.request_id, payment.tenant.clone())?;
    let (customer, payment) = (Id::from_uuid(payment.id(0)), Id::from_uuid(payment.id(1)));
    Ok((
        call,
        RefundTransfer {
            customer,
            payment,
            from,
            credit,
            account: EnteredAccount(account),
            account_evidence,
            explanation,
        },
    ))
}

/// Names a refund to read.
pub fn get_transfer_refund(
    request: Request<pb::GetTransferRefundRequest>,
) -> Result<TransferRefundRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = named(&mut fields, &message.name);
    fields.finish()?;
    Ok(named)
}

/// Says that a transfer was made.
pub fn mark_refund_sent(
    request: Request<pb::MarkRefundSentRequest>,
) -> Result<(Call, MarkRefundSent), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = named(&mut fields, &message.name);
    let sent_on = fields.optional_date("sent_date", message.sent_date.as_ref());
    let bank_reference = fields.reference("bank_reference", &message.bank_reference, 0, 140);
    let call = fields.write(&message.request_id, named.tenant.clone())?;
    Ok((call, MarkRefundSent { named, sent_on, bank_reference }))
}

/// Names a refund whose account is the payer's.
pub fn confirm_refund_account(
    request: Request<pb::ConfirmRefundAccountRequest>,
) -> Result<(Call, TransferRefundRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = named(&mut fields, &message.name);
    Ok((fields.write(&message.request_id, named.tenant.clone())?, named))
}

/// Names a transfer that is not made.
pub fn cancel_refund(
    request: Request<pb::CancelRefundRequest>,
) -> Result<(Call, TransferRefundRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let named = named(&mut fields, &message.name);
    Ok((fields.write(&message.request_id, named.tenant.clone())?, named))
}

fn state(state: RefundState) -> pb::transfer_refund::State {
    use pb::transfer_refund::State;
    match state {
        RefundState::Reserving => State::Reserving,
        RefundState::Confirming => State::Confirming,
        RefundState::Pending => State::Pending,
        RefundState::Sending => State::Sending,
        RefundState::Sent => State::Sent,
        RefundState::Returned => State::Returned,
        RefundState::Cancelling => State::Cancelling,
        RefundState::Cancelled => State::Cancelled,
        RefundState::Refused => State::Refused,
    }
}

/// The name of a customer's refund.
#[must_use]
pub fn transfer_refund_name(
    tenant: &TenantId,
    customer: Id<Customer>,
    refund: Id<TransferRefund>,
) -> String {
    format!("{}/transferRefunds/{refund}", customer_name(tenant, customer))
}

/// A refund.
///
/// # Errors
/// None that stored amounts can cause.
pub fn transfer_refund(
    tenant: &TenantId,
    this_transfer_refund: &TransferRefund,
) -> Result<pb::TransferRefund, AppError> {
    let customer = customer_name(tenant, this_transfer_refund.customer);
    let from = match this_transfer_refund.from {
        Credit::Surplus => pb::transfer_refund::Credit::Surplus,
        Credit::TopUp => pb::transfer_refund::Credit::TopUp,
    };
    let credit_note = this_transfer_refund
        .note
        .map(|(note, invoice)| format!("{customer}/invoices/{invoice}/creditNotes/{note}"));
    Ok(pb::TransferRefund {
        name: transfer_refund_name(tenant, this_transfer_refund.customer, this_transfer_refund.id),
        state: state(this_transfer_refund.state).into(),
        payment: format!("{customer}/payments/{}", this_transfer_refund.payment),
        from: from.into(),
        credit: Some(money(this_transfer_refund.credit)),
        tax: Some(money(this_transfer_refund.tax)),
        amount: Some(money(this_transfer_refund.amount()?)),
        account_end: this_transfer_refund.account.end.clone(),
        reference: this_transfer_refund.reference.clone(),
        explanation: this_transfer_refund.explanation.clone(),
        sent_date: this_transfer_refund.sent_on.map(date),
        bank_reference: this_transfer_refund.bank_reference.clone(),
        credit_note: credit_note.unwrap_or_default(),
        refusal_reason: this_transfer_refund.refusal.clone(),
        create_time: Some(timestamp(this_transfer_refund.created_at)),
        update_time: Some(timestamp(this_transfer_refund.updated_at)),
        account_evidence: this_transfer_refund.account_evidence.clone(),
        returned_by: this_transfer_refund
            .returned
            .map(|(line, _)| line_name(tenant, line))
            .unwrap_or_default(),
    })
}

/// A refund as its customer sees it: without what people of the tenant know of it.
///
/// # Errors
/// None that stored amounts can cause.
pub fn for_customer(
    tenant: &TenantId,
    this_transfer_refund: &TransferRefund,
) -> Result<pb::TransferRefund, AppError> {
    let shown = transfer_refund(tenant, this_transfer_refund)?;
    Ok(pb::TransferRefund { account_evidence: String::new(), returned_by: String::new(), ..shown })
}

/// A refund without what tells of its account, for events.
///
/// # Errors
/// None that stored amounts can cause.
pub fn anonymous_transfer_refund(
    tenant: &TenantId,
    this_transfer_refund: &TransferRefund,
) -> Result<pb::TransferRefund, AppError> {
    let shown = transfer_refund(tenant, this_transfer_refund)?;
    Ok(pb::TransferRefund { account_end: String::new(), account_evidence: String::new(), ..shown })
}
