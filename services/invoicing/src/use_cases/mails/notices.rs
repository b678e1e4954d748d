//! What is mailed when something happened: receipts, failed collections, prepayment that
//! went off, how metered services stand, where transfers go.

use super::write::{
    Letter, flag, tried_method, write_to_address, write_to_customer, write_to_tenant,
};
use crate::{
    documents::{
        reasons::is_without_method,
        wording::{Language, grouped},
    },
    store::{method_copies, tenants, versions},
    use_cases::collections::outlook::{Outlook, outlook_of},
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    CollectionState, Customer, Invoice, MailKind, MeteredService, Payment, Receipt,
    ReceiptCreditNote, announced::Announcements, bank::creditor_reference, mail::Attachment,
    receipt::Subject,
};
use payterms_kernel::{Id, Money, calendar::day_in, money::MoneyError};
use payterms_proto::wallet::v1::PaymentMethod;
use serde_json::{Value, json};
use uuid::Uuid;

/// Where a transfer for an invoice goes, as its newest version says, and what the payer writes on
/// it (docs/domain/invoicing.md#where-to-pay).
pub(super) async fn where_to_pay(
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
        outlook_of(tx.conn(), &tx.call().tenant, invoice, (tx.time().zone, tx.today())).await?;
    let mut where_to_pay = where_to_pay(tx, invoice).await?;
    if outlook.takes() {
        where_to_pay[0].1 = "".into();
    }
    Ok((outlook, where_to_pay))
}

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

/// An automatic collection ended without money. `declined` is the method whose charge has failed.
pub async fn mail_collection_ended(
    tx: &mut WriteTx,
    invoice: &Invoice,
    declined: Option<Uuid>,
) -> Result<(), AppError> {
    let kind = match invoice.collection.state {
        CollectionState::RequiresAction => MailKind::AuthenticationNeeded,
        CollectionState::Scheduled | CollectionState::Failed
            if !invoice.collection.reason.is_empty() =>
        {
            MailKind::CollectionFailed
        }
        _ => return Ok(()),
    };
    let zone = tx.time().zone;
    let number = invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default();
    let (open, reason, next) =
        (invoice.open()?, invoice.collection.reason.clone(), invoice.collection.next_at);
    let (outlook, where_to_pay) = planned_or_to_pay(tx, invoice).await?;
    let declined = match declined {
        Some(method) => {
            method_copies::find(tx.conn(), &tx.call().tenant, (invoice.customer, method)).await?
        }
        None => None,
    };
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables =
                vec![("number", number.into()), ("amount", language.money(open).into())];
            if kind == MailKind::CollectionFailed {
                let next = next.map(|at| language.date(day_in(zone, at))).unwrap_or_default();
                let no_method = flag(is_without_method(&reason));
                variables.extend([
                    ("reason", language.failure(&reason).into()),
                    ("no_method", no_method.into()),
                    ("method", tried_method(language, declined.as_ref()).into()),
                    ("next_try", next.into()),
                ]);
                variables.extend(outlook.variables(language));
                variables.extend(where_to_pay);
            }
            variables
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, invoice.customer, letter).await
}

/// Why collections are planned of which a customer hears by a mail of their own.
#[derive(Debug, Clone)]
pub enum PlannedBecause {
    /// Another collection method is tried for what had stopped; it is named where that is known.
    NewMethod(Option<PaymentMethod>),
    /// What waited for a dispute goes on; no method can be charged.
    WaitedInVain,
    /// What waited for a dispute goes on, from a method where that is known.
    Waited(Option<PaymentMethod>),
}

impl PlannedBecause {
    /// What the mail says of it.
    pub(super) fn variables(&self, language: Language) -> [(&'static str, Value); 3] {
        let (waited, none, payment_method) = match self {
            Self::NewMethod(payment_method) => (false, false, payment_method.as_ref()),
            Self::WaitedInVain => (true, true, None),
            Self::Waited(payment_method) => (true, false, payment_method.as_ref()),
        };
        [
            ("waited", flag(waited).into()),
            ("no_method", flag(none).into()),
            ("method", tried_method(language, payment_method).into()),
        ]
    }

    /// Where a transfer goes, for who is asked to pay because no method can be charged; empty for
    /// everybody else.
    pub(super) async fn bank_details(&self, tx: &WriteTx) -> Result<String, AppError> {
        let asks = matches!(self, Self::WaitedInVain);
        let seller = if asks { tenants::find(tx.conn(), &tx.call().tenant).await? } else { None };
        Ok(seller.map(|tenant| tenant.business.bank_details).unwrap_or_default())
    }
}

/// Collections are planned that had stopped, or waited.
pub async fn mail_collection_planned(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    (invoices, day): (&[Invoice], NaiveDate),
    because: PlannedBecause,
) -> Result<(), AppError> {
    let mut items = Vec::with_capacity(invoices.len());
    for invoice in invoices {
        items.extend(invoice.issue.as_ref().map(|issue| (issue.number.clone(), invoice.payable())));
    }
    let bank_details = because.bank_details(tx).await?;
    let letter = Letter {
        kind: MailKind::CollectionPlanned,
        variables: |language| {
            let shown = |(name, payable): (String, Result<Money, MoneyError>)| json!({ "name": name, "amount": payable.map(|payable| language.money(payable)).unwrap_or_default() });
            let mut variables = vec![
                ("items", items.into_iter().map(shown).collect::<Vec<_>>().into()),
                ("date", language.date(day).into()),
            ];
            variables.extend(because.variables(language));
            variables.push(("bank_details", bank_details.into()));
            variables
        },
        page: "/invoices".to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
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

/// A bank account will be debited for an invoice.
pub async fn mail_debit_notice(
    tx: &mut WriteTx,
    invoice: &Invoice,
    account: PaymentMethod,
) -> Result<(), AppError> {
    let (Some(issue), Some(at)) = (invoice.issue.clone(), invoice.collection.next_at) else {
        return Ok(());
    };
    let (amount, day) = (invoice.payable()?, day_in(tx.time().zone, at));
    let letter = Letter {
        kind: MailKind::DebitNotice,
        variables: |language| {
            vec![
                ("number", issue.number.into()),
                ("amount", language.money(amount).into()),
                ("date", language.date(day).into()),
                ("account", account.last_four.into()),
                ("mandate", account.mandate_reference.into()),
            ]
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: Vec::new(),
    };
    write_to_customer(tx, invoice.customer, letter).await
}
