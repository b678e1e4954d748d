//! What is mailed when something happened: receipts, tax numbers that could not be confirmed,
//! prepayment that went off, how metered services stand, reminders.

use super::{
    transfer_notices::planned_or_to_pay,
    write::{Letter, flag, write_to_customer, write_to_tenant},
};
use crate::{documents::wording::Language, store::tenants};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    Customer, Invoice, MailKind, MeteredService, Receipt, ReceiptCreditNote, mail::Attachment,
    receipt::Subject,
};
use payterms_kernel::{Money, calendar::day_in};
use serde_json::json;

/// What the balance owed when credit came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Owed {
    /// What of the credit paid it; none: nothing.
    pub paid: Option<Money>,
    /// What is owed still; none: nothing.
    pub left: Option<Money>,
}

/// The receipt of a top-up, with what of its credit paid what the balance owed.
pub async fn mail_receipt(tx: &mut WriteTx, receipt: &Receipt, owed: Owed) -> Result<(), AppError> {
    let (number, amount, day) = (receipt.number.clone(), receipt.amount, receipt.issue_date);
    let expires_on =
        if let Subject::TopUp { expires_on, .. } = receipt.subject { expires_on } else { None };
    // Where all of it paid what was owed nothing is left that could expire.
    let expires_on = expires_on.filter(|_| owed.paid != Some(receipt.tax.net));
    let letter = Letter {
        kind: MailKind::Receipt,
        variables: |language| {
            vec![
                ("number", number.into()),
                ("amount", language.money(amount).into()),
                ("date", language.date(day).into()),
                ("expires_on", expires_on.map(|day| language.date(day)).unwrap_or_default().into()),
                (
                    "paid_owed",
                    owed.paid.map(|paid| language.money(paid)).unwrap_or_default().into(),
                ),
                ("owed", owed.left.map(|left| language.money(left)).unwrap_or_default().into()),
            ]
        },
        page: format!("/receipts/{}", receipt.id),
        attachments: vec![Attachment::Receipt(receipt.id.uuid())],
    };
    write_to_customer(tx, receipt.customer, letter).await
}

/// Bought credit was given back.
pub async fn mail_top_up_refunded(
    tx: &mut WriteTx,
    notes: &[(Receipt, ReceiptCreditNote)],
) -> Result<(), AppError> {
    let Some((receipt, note)) = notes.first() else { return Ok(()) };
    let zero = Money::zero(note.amount.currency());
    let amount = notes
        .iter()
        .try_fold(zero, |sum, (_, receipt_credit_note)| sum.plus(receipt_credit_note.amount))?;
    let tax = notes
        .iter()
        .try_fold(zero, |sum, (_, receipt_credit_note)| sum.plus(receipt_credit_note.tax.tax))?;
    let credit = amount.minus(tax)?;
    let explanation = note.explanation.clone();
    let (receipts, numbers): (Vec<_>, Vec<_>) =
        notes.iter().map(|(receipt, note)| (receipt.number.as_str(), note.number.as_str())).unzip();
    // Of one note there is nothing to list.
    let listed = if notes.len() > 1 { notes } else { &[] };
    let letter = Letter {
        kind: MailKind::TopUpRefunded,
        variables: |language| {
            vec![
                ("number", numbers.join(", ").into()),
                ("receipt_number", receipts.join(", ").into()),
                (
                    "notes",
                    listed
                        .iter()
                        .map(|(receipt, note)| json!({ "note": note.number, "receipt": receipt.number, "amount": language.money(note.amount) }))
                        .collect::<Vec<_>>()
                        .into(),
                ),
                ("amount", language.money(amount).into()),
                ("credit", language.money(credit).into()),
                ("tax", language.money_or_nothing(tax).into()),
                ("explanation", explanation.into()),
            ]
        },
        page: if notes.len() > 1 {
            "/receipts".to_owned()
        } else {
            format!("/receipts/{}", receipt.id)
        },
        attachments: notes
            .iter()
            .map(|(receipt, note)| Attachment::ReceiptCreditNote(receipt.id.uuid(), note.id.uuid()))
            .collect(),
    };
    write_to_customer(tx, receipt.customer, letter).await
}

/// A tax number could not be confirmed.
pub async fn mail_tax_number_invalid(
    tx: &mut WriteTx,
    customer: &Customer,
) -> Result<(), AppError> {
    let number = customer.tax_id.clone();
    let letter = Letter {
        kind: MailKind::TaxNumberInvalid,
        variables: |_| vec![("number", number.into())],
        page: "/profile".to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer.id, letter).await
}

/// Prepayment went off by itself.
pub async fn mail_prepayment_turned_off(tx: &mut WriteTx, condition: &str) -> Result<(), AppError> {
    let reason = Language::English.prepayment_condition(condition);
    write_to_tenant(tx, MailKind::PrepaymentTurnedOff, vec![("reason", reason.into())]).await
}

/// How a metered service stands now.
pub async fn mail_service_standing(
    tx: &mut WriteTx,
    kind: MailKind,
    service: &MeteredService,
) -> Result<(), AppError> {
    let zone = tx.time().zone;
    let after_days = tenants::find(tx.conn(), &tx.call().tenant)
        .await?
        .and_then(|tenant| tenant.dunning.suspend_after_days);
    let (name, suspended_at) =
        (service.terms.display_name.clone(), service.suspended_at(after_days));
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables = vec![("service", name.into())];
            if kind == MailKind::ServiceOverdue {
                variables.push((
                    "suspend_on",
                    suspended_at
                        .map(|at| language.date(day_in(zone, at)))
                        .unwrap_or_default()
                        .into(),
                ));
            }
            variables
        },
        page: format!("/services/{}", service.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, service.customer, letter).await
}

/// An open invoice is reminded.
pub async fn mail_reminder(
    tx: &mut WriteTx,
    invoice: &Invoice,
    today: NaiveDate,
) -> Result<(), AppError> {
    let Some(issue) = invoice.issue.clone() else { return Ok(()) };
    let (open, late) = (invoice.open()?, flag(invoice.past_due(today)?));
    let (outlook, where_to_pay) = planned_or_to_pay(tx, invoice).await?;
    let letter = Letter {
        kind: MailKind::Reminder,
        variables: |language| {
            let mut variables = vec![
                ("number", issue.number.into()),
                ("amount", language.money(open).into()),
                ("due_date", language.date(issue.due_date).into()),
                ("late", late.into()),
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
