//! What is mailed when credit was transferred back, and when the bank sent it back to us.

use super::write::{Letter, write_to_customer};
use crate::{
    documents::wording::{Language, grouped},
    use_cases::invoices::load::are_invoices_hidden,
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{MailKind, TransferRefund, mail::Attachment};
use payterms_kernel::Money;

/// Credit was transferred back to its payer; the credit note goes with it, where there is one.
///
/// # Errors
/// None that a transfer that was made can cause.
pub async fn mail_transfer_refunded(
    tx: &mut WriteTx,
    refund: &TransferRefund,
    note: String,
) -> Result<(), AppError> {
    let hidden = are_invoices_hidden(tx.conn(), &tx.call().tenant).await?;
    let (number, note) = if hidden { (String::new(), None) } else { (note, refund.note) };
    let (amount, account, explanation) =
        (refund.amount()?, refund.account.end.clone(), refund.explanation.clone());
    let (credit, tax) = (refund.credit, refund.tax);
    let (reference, day) =
        (grouped(&refund.reference), refund.sent_on.unwrap_or_else(|| tx.today()));
    let letter = Letter {
        kind: MailKind::TransferRefunded,
        variables: |language: Language| {
            vec![
                ("amount", language.money(amount).into()),
                ("credit", language.money(credit).into()),
                ("tax", language.money_or_nothing(tax).into()),
                ("account", account.into()),
                ("date", language.date(day).into()),
                ("reference", reference.into()),
                ("explanation", explanation.into()),
                ("number", number.into()),
            ]
        },
        page: format!("/payments/{}", refund.payment),
        attachments: note
            .map(|(note, invoice)| Attachment::CreditNote {
                invoice: invoice.uuid(),
                note: note.uuid(),
            })
            .into_iter()
            .collect(),
    };
    write_to_customer(tx, refund.customer, letter).await
}

/// The bank sent a transfer back: it is credit again.
///
/// # Errors
/// None that a transfer that was made can cause.
pub async fn mail_transfer_refund_returned(
    tx: &mut WriteTx,
    refund: &TransferRefund,
    amount: Money,
    day: NaiveDate,
) -> Result<(), AppError> {
    let (account, reference) = (refund.account.end.clone(), grouped(&refund.reference));
    let letter = Letter {
        kind: MailKind::TransferRefundReturned,
        variables: |language: Language| {
            vec![
                ("amount", language.money(amount).into()),
                ("account", account.into()),
                ("date", language.date(day).into()),
                ("reference", reference.into()),
            ]
        },
        page: "/payments".to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, refund.customer, letter).await
}
