//! What is mailed of bank transfers: where one goes, that one is announced, that one buys credit,
//! that one does not stand any more.

use super::write::{Letter, flag, write_to_address, write_to_customer};
use crate::{
    documents::wording::grouped,
    store::versions,
    use_cases::collections::outlook::{Outlook, outlook_of},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    Customer, Invoice, MailKind, Payment, announced::Announcements, bank::creditor_reference,
    mail::Attachment,
};
use payterms_kernel::{Id, Money};
use serde_json::{Value, json};

/// Where a transfer for an invoice goes, as its newest version says, and what the payer writes on
/// it (docs/domain/invoicing.md#where-to-pay).
async fn where_to_pay(
    tx: &WriteTx,
    invoice: &Invoice,
) -> Result<[(&'static str, Value); 2], AppError> {
    let newest = versions::last_of(tx.conn(), &tx.call().tenant, &[invoice.id]).await?.pop();
    let issue = invoice.issue.as_ref();
    let seller = newest
        .as_ref()
        .map(|invoice_version| &invoice_version.seller)
        .or(issue.map(|issue| &issue.seller));
    let bank_details = seller.map(|party| party.bank_details.clone()).unwrap_or_default();
    let reference =
        issue.map(|issue| grouped(&creditor_reference(&issue.number))).unwrap_or_default();
    Ok([("bank_details", bank_details.into()), ("reference", reference.into())])
}

/// What is taken of an invoice by itself next, and where a transfer for it goes: empty where it is
/// taken, since nobody is asked for one then (docs/domain/invoicing.md#no-transfer-asked).
pub(super) async fn planned_or_to_pay(
    tx: &WriteTx,
    invoice: &Invoice,
) -> Result<(Outlook, [(&'static str, Value); 2]), AppError> {
    let outlook =
        outlook_of(tx.conn(), &tx.call().tenant, invoice, tx.time().zone, tx.today()).await?;
    let mut where_to_pay = where_to_pay(tx, invoice).await?;
    if outlook.takes() {
        where_to_pay[0].1 = "".into();
    }
    Ok((outlook, where_to_pay))
}

/// What there is to tell of a payment by transfer that does not stand any more.
#[derive(Debug)]
pub struct TakenBackNotice {
    /// How much had arrived.
    pub amount: Money,
    /// The credit that had come from it, and was taken.
    pub credit: Money,
    /// What the wallet owes now; `None`: nothing.
    pub owed: Option<Money>,
    /// The invoices that it had paid, as they are now.
    pub invoices: Vec<Invoice>,
    /// Whether the bank took it back; else it was recorded by mistake.
    pub by_bank: bool,
}

/// A payment by transfer does not stand any more: what came of it, and the first day of
/// consequences.
pub async fn mail_payment_taken_back(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    notice: TakenBackNotice,
) -> Result<(), AppError> {
    let TakenBackNotice { amount, credit, owed, invoices, by_bank } = notice;
    let mut open = Vec::with_capacity(invoices.len());
    for invoice in &invoices {
        if let (Some(issue), left) = (&invoice.issue, invoice.open()?)
            && left.is_positive()
        {
            open.push((issue.number.clone(), left, issue.due_date));
        }
    }
    let from = invoices.iter().filter_map(|invoice| invoice.no_consequence_before).max();
    // What is owed otherwise is no consequence of this.
    let owed = owed.filter(|_| credit.is_positive());
    let letter = Letter {
        kind: MailKind::PaymentTakenBack,
        variables: |language| {
            let shown = |(number, left, due): &(String, Money, NaiveDate)| json!({ "number": number, "open": language.money(*left), "due_date": language.date(*due) });
            vec![
                ("amount", language.money(amount).into()),
                ("invoices", open.iter().map(shown).collect::<Vec<_>>().into()),
                ("credit", language.money_or_nothing(credit).into()),
                ("owed", owed.map(|owed| language.money(owed)).unwrap_or_default().into()),
                ("by_bank", flag(by_bank).into()),
                ("collected_from", from.map(|from| language.date(from)).unwrap_or_default().into()),
            ]
        },
        page: if open.is_empty() { "/payments" } else { "/invoices" }.to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
}

/// Credit is to be paid by transfer, and can be used for so many days from the day on which the
/// money comes; 0: without end, or it is not known.
pub async fn mail_transfer_invoice(
    tx: &mut WriteTx,
    invoice: &Invoice,
    valid_days: u32,
) -> Result<(), AppError> {
    let (Some(issue), Some(top_up)) = (invoice.issue.clone(), invoice.top_up.clone()) else {
        return Ok(());
    };
    let total = invoice.amounts.total;
    let where_to_pay = where_to_pay(tx, invoice).await?;
    let letter = Letter {
        kind: MailKind::TransferInvoice,
        variables: |language| {
            let mut variables = vec![
                ("customer", top_up.company_name.into()),
                ("number", issue.number.into()),
                ("amount", language.money(total).into()),
                ("due_date", language.date(issue.due_date).into()),
                ("valid_days", valid_days.into()),
            ];
            variables.extend(where_to_pay);
            variables
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: vec![Attachment::Invoice(invoice.id.uuid())],
    };
    write_to_address(tx, invoice.customer, top_up.email, letter).await
}

/// A bank transfer was announced: where it goes, with which reference, and until when it is
/// awaited.
pub async fn mail_announced_transfer(
    tx: &mut WriteTx,
    payment: &Payment,
    invoices: &[Invoice],
    last_day: NaiveDate,
) -> Result<(), AppError> {
    let amount = payment
        .tenders
        .iter()
        .try_fold(Money::zero(payment.currency), |sum, tender| sum.plus(tender.amount))?;
    let issued = |id: Id<Invoice>| {
        invoices.iter().find(|invoice| invoice.id == id).and_then(|invoice| invoice.issue.as_ref())
    };
    let numbers: Vec<_> = payment
        .allocations
        .iter()
        .filter_map(|allocation| Some(issued(allocation.invoice)?.number.clone()))
        .collect();
    let goes_on = |invoice: &&Invoice| {
        invoice.announcements == Announcements::Again
            && payment.allocations.iter().any(|part| part.invoice == invoice.id)
    };
    let not_put_off: Vec<_> = invoices
        .iter()
        .filter(goes_on)
        .filter_map(|invoice| Some(invoice.issue.as_ref()?.number.clone()))
        .collect();
    let (bank_details, reference) = (payment.bank_details.clone(), grouped(&payment.reference));
    let letter = Letter {
        kind: MailKind::TransferAnnounced,
        variables: |language| {
            vec![
                ("invoices", numbers.into()),
                ("not_put_off", not_put_off.into()),
                ("amount", language.money(amount).into()),
                ("until", language.date(last_day).into()),
                ("bank_details", bank_details.into()),
                ("reference", reference.into()),
            ]
        },
        page: format!("/payments/{}", payment.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, payment.customer, letter).await
}
