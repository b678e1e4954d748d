//! What is mailed of documents: an invoice on the day of its issue, one that is taken back, a
//! credit note, a payment (docs/domain/invoicing.md#documents-are-mailed).

use super::{
    transfer_notices::planned_or_to_pay,
    write::{Letter, flag, write_to_customer},
};
use crate::{
    app::App,
    documents::wording::Language,
    peers::wallet::NewCredit,
    store::{invoices, tenants},
    use_cases::payments::confirm::{Credited, Paid},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_invoicing_domain::{
    CreditNote, Invoice, InvoiceState, MailKind, Payment, Receipt, Refund, mail::Attachment,
    top_up::TRANSFER_FEES,
};
use payterms_kernel::{
    Id, Money,
    calendar::{last_whole_day_before, start_of_day},
};
use serde_json::{Value, json};

/// Mails an invoice of the turn of a month that its mail did not bring; the subject is the
/// invoice's id.
pub const JOB: &str = "mail_invoice";

/// How long an invoice of the turn waits for the mail of the month.
pub const WAITS_FOR_THE_MONTH: TimeDelta = TimeDelta::hours(2);

/// Whether the tenant's customers see their invoices.
async fn are_shown(tx: &WriteTx) -> Result<bool, AppError> {
    Ok(tenants::find(tx.conn(), &tx.call().tenant)
        .await?
        .is_some_and(|tenant| !tenant.invoices_hidden))
}

/// Mails an invoice that was just issued. One of the turn of a month goes in the mail of that
/// month, if there is one.
///
/// # Errors
/// None that an issued invoice can cause.
pub async fn mail_issued_invoice(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    let Some(issue) = invoice.issue.as_ref().filter(|_| invoice.is_of_month_turn()) else {
        return write_issued(tx, invoice).await;
    };
    let due = (start_of_day(tx.time().zone, issue.issue_date) + WAITS_FOR_THE_MONTH).max(tx.now());
    Ok(schedule(tx, JOB, &invoice.id.to_string(), due).await?)
}

/// An invoice of the turn was not in the mail of its month: there was none, or it was written
/// before.
pub async fn mail_waiting_invoice(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("invoice {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(invoice) =
        invoices::find_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?.pop()
    {
        write_issued(&mut tx, &invoice).await?;
    }
    tx.commit_rows().await
}

/// An amount above zero; else nothing.
fn shown(language: Language, amount: Option<Money>) -> String {
    amount.map(|amount| language.money_or_nothing(amount)).unwrap_or_default()
}

async fn write_issued(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    let Some(issue) = invoice.issue.clone() else { return Ok(()) };
    if invoice.state == InvoiceState::Void || !are_shown(tx).await? {
        return Ok(());
    }
    let paid_already = flag(!invoice.open()?.is_positive());
    let (total, transfer_only) = (invoice.amounts.total, flag(invoice.is_postpaid()));
    // Who is told that it is collected by itself is not told where to transfer it: the document has
    // that.
    let (outlook, where_to_pay) = planned_or_to_pay(tx, invoice).await?;
    let letter = Letter {
        kind: MailKind::InvoiceIssued,
        variables: |language: Language| {
            let mut variables = vec![
                ("number", issue.number.into()),
                ("amount", language.money(total).into()),
                ("due_date", language.date(issue.due_date).into()),
                ("paid_already", paid_already.into()),
                ("transfer_only", transfer_only.into()),
            ];
            variables.extend(outlook.variables(language));
            variables.extend(where_to_pay);
            variables
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: vec![Attachment::Invoice(invoice.id.uuid())],
    };
    write_to_customer(tx, invoice.customer, letter).await
}

/// Mails that an invoice was taken back without a credit note.
///
/// # Errors
/// None that an issued invoice can cause.
pub async fn mail_voided_invoice(
    tx: &mut WriteTx,
    invoice: &Invoice,
    explanation: &str,
) -> Result<(), AppError> {
    let Some(issue) = invoice.issue.clone() else { return Ok(()) };
    if !are_shown(tx).await? {
        return Ok(());
    }
    let (total, explanation) = (invoice.amounts.total, explanation.to_owned());
    let not_to_transfer = flag(invoice.needs_no_transfer()?);
    let letter = Letter {
        kind: MailKind::InvoiceVoided,
        variables: |language: Language| {
            vec![
                ("number", issue.number.into()),
                ("amount", language.money(total).into()),
                ("explanation", explanation.into()),
                ("not_to_transfer", not_to_transfer.into()),
            ]
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: vec![Attachment::Invoice(invoice.id.uuid())],
    };
    write_to_customer(tx, invoice.customer, letter).await
}

/// Mails a credit note, and where the money goes: what it takes off what is open, and what of
/// `refund` goes where.
///
/// # Errors
/// None that an issued invoice can cause.
pub async fn mail_credit_note(
    tx: &mut WriteTx,
    invoice: &Invoice,
    note: &CreditNote,
    refund: Option<&Refund>,
) -> Result<(), AppError> {
    let Some(issue) = invoice.issue.clone() else { return Ok(()) };
    if !are_shown(tx).await? {
        return Ok(());
    }
    let (number, amount, why) = (note.number.clone(), note.amount, note.explanation.clone());
    let (open, not_to_transfer) = (invoice.open()?, flag(invoice.needs_no_transfer()?));
    let back = refund.map(Refund::ways).transpose()?;
    // What a transfer was short of is taken off in the moment in which the rest is booked: nothing
    // is left to pay.
    let taken_off = if why == TRANSFER_FEES { Money::zero(amount.currency()) } else { amount };
    let lowered = back.as_ref().map_or(Ok(taken_off), |back| {
        amount.minus(back.to_method)?.minus(back.to_credit)?.minus(back.outside)
    })?;
    let letter = Letter {
        kind: MailKind::CreditNoteIssued,
        variables: |language: Language| {
            vec![
                ("number", number.into()),
                ("invoice", issue.number.into()),
                ("amount", language.money(amount).into()),
                ("explanation", language.note_reason(&why).into()),
                ("open_lowered", shown(language, Some(lowered)).into()),
                ("open", shown(language, Some(open)).into()),
                ("to_method", shown(language, back.map(|ways| ways.to_method)).into()),
                ("to_credit", shown(language, back.map(|ways| ways.to_credit)).into()),
                ("outside", shown(language, back.map(|ways| ways.outside)).into()),
                ("not_to_transfer", not_to_transfer.into()),
            ]
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: vec![Attachment::CreditNote {
            invoice: invoice.id.uuid(),
            note: note.id.uuid(),
        }],
    };
    write_to_customer(tx, invoice.customer, letter).await
}

/// What a customer is told of a payment.
#[derive(Debug)]
pub struct PaymentReceived {
    /// The invoices that it has paid.
    pub paid: Vec<Paid>,
    /// The invoices of credit that it has paid.
    pub purchases: Vec<Paid>,
    /// The numbers of invoices that it names and that were paid when it came.
    pub paid_before: Vec<String>,
    /// The credit that it has made.
    pub credited: Credited,
    /// Its receipt.
    pub receipt: Option<Receipt>,
}

/// Mails that a payment has come: what it has paid, and the credit that it has made.
///
/// # Errors
/// None that a closed payment can cause.
pub async fn mail_payment_received(
    tx: &mut WriteTx,
    payment: &Payment,
    notice: PaymentReceived,
) -> Result<(), AppError> {
    let PaymentReceived { paid, purchases, paid_before, credited, receipt } = notice;
    let zero = Money::zero(payment.currency);
    let surplus = credited.surplus.map_or(zero, |new_credit| new_credit.amount);
    let amount =
        paid.iter().chain(&purchases).try_fold(surplus, |sum, paid| sum.plus(paid.paid))?;
    let zone = tx.time().zone;
    let paid_on = payment.effective_on.unwrap_or_else(|| tx.today());
    let number = receipt.as_ref().map(|receipt| receipt.number.clone()).unwrap_or_default();
    let letter = Letter {
        kind: MailKind::PaymentReceived,
        variables: |language: Language| {
            let shown = |paid: &Paid| json!({ "number": paid.number, "paid": language.money(paid.paid), "open": language.money_or_nothing(paid.open) });
            let credit = |new_credit: Option<NewCredit>| {
                Value::from(
                    new_credit
                        .map(|new_credit| language.money(new_credit.amount))
                        .unwrap_or_default(),
                )
            };
            let until = |new_credit: Option<NewCredit>| {
                let expiry = new_credit.and_then(|new_credit| new_credit.expires_at);
                Value::from(
                    expiry
                        .map(|expiry| language.date(last_whole_day_before(zone, expiry)))
                        .unwrap_or_default(),
                )
            };
            vec![
                ("amount", language.money(amount).into()),
                ("date", language.date(paid_on).into()),
                ("invoices", paid.iter().map(shown).collect::<Vec<_>>().into()),
                ("purchases", purchases.iter().map(shown).collect::<Vec<_>>().into()),
                ("paid_before", paid_before.clone().into()),
                ("bought", credit(credited.bought)),
                ("bought_until", until(credited.bought)),
                ("surplus", credit(credited.surplus)),
                ("surplus_until", until(credited.surplus)),
                (
                    "not_to_transfer",
                    paid.iter()
                        .filter(|paid| paid.needs_no_transfer)
                        .map(|paid| paid.number.clone())
                        .collect::<Vec<_>>()
                        .into(),
                ),
                ("receipt", number.into()),
            ]
        },
        page: format!("/payments/{}", payment.id),
        attachments: receipt.iter().map(|receipt| Attachment::Receipt(receipt.id.uuid())).collect(),
    };
    write_to_customer(tx, payment.customer, letter).await
}
