//! The mail of a month: its statements and invoices, what is past due, what was given back
//! (docs/domain/invoicing.md#month-mail).

use super::write::{Letter, write_to_customer};
use crate::{
    documents::{
        statements::StatementPage,
        wording::{Language, grouped},
    },
    store::tenants,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, MailKind, Outstanding, bank::creditor_reference, mail::Attachment};
use serde_json::{Value, json};

/// The most invoices that go with a statement's mail: the first ones.
pub const MOST_ATTACHED: usize = 20;

/// A month is over: one mail with its statements and invoices, and those that its turn has issued.
///
/// # Errors
/// None that stored amounts can cause.
pub async fn mail_statements(
    tx: &mut WriteTx,
    pages: &[StatementPage],
    invoices: &[Invoice],
    next_due: &[Outstanding],
) -> Result<(), AppError> {
    let Some(first) = pages.first().map(|page| &page.statement) else { return Ok(()) };
    let (customer, month, id) = (first.customer, first.month, first.id);
    let owes = pages.iter().any(|own| own.statement.closing.is_positive()) || next_due.iter().any(|own| own.open.is_positive());
    let seller = if owes { tenants::find(tx.conn(), &tx.call().tenant).await? } else { None };
    let bank_details = seller.map(|own| own.business.bank_details).unwrap_or_default();
    let mut attachments: Vec<_> = pages.iter().map(|own| Attachment::Statement(own.statement.id.uuid())).collect();
    attachments.extend(invoices.iter().take(MOST_ATTACHED).map(|own| Attachment::Invoice(own.id.uuid())));
    let letter = Letter {
        kind: MailKind::Statement,
        variables: |language: Language| {
            vec![
                ("month", language.month(month).into()),
                ("of_month", language.of_month(month).into()),
                ("totals", pages.iter().map(|page| total(language, page, next_due)).collect::<Vec<_>>().into()),
                ("invoices", invoices.iter().filter_map(|own| line(language, own)).collect::<Vec<_>>().into()),
                ("unattached", invoices.len().saturating_sub(MOST_ATTACHED).into()),
                ("past_due", pages.iter().flat_map(|page| late(language, page)).collect::<Vec<_>>().into()),
                ("given_back", pages.iter().flat_map(|page| back(language, page)).collect::<Vec<_>>().into()),
                ("taken_back", pages.iter().flat_map(|page| taken(language, page)).collect::<Vec<_>>().into()),
                ("bank_details", bank_details.into()),
            ]
        },
        page: format!("/statements/{id}"),
        attachments,
    };
    write_to_customer(tx, customer, letter).await
}

fn total(language: Language, page: &StatementPage, open: &[Outstanding]) -> Value {
    let own = &page.statement;
    let next_due = open.iter().find(|open| open.open.currency() == own.currency()).and_then(|open| open.next_due);
    json!({
        "issued": language.money(own.moved.issued),
        "closing": language.money(own.closing),
        "next_due": next_due.map(|day| language.date(day)).unwrap_or_default(),
    })
}

fn line(language: Language, invoice: &Invoice) -> Option<Value> {
    let issue = invoice.issue.as_ref()?;
    let open = invoice.open().ok().filter(|open| open.is_positive());
    Some(json!({
        "number": issue.number,
        "reference": grouped(&creditor_reference(&issue.number)),
        "total": language.money(invoice.amounts.total),
        "state": invoice.state.name(),
        "due_date": language.date(issue.due_date),
        "open": open.map(|open| language.money(open)).unwrap_or_default(),
    }))
}

fn late(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page
        .past_due
        .iter()
        .map(|own| json!({ "number": own.number, "due_date": language.date(own.due), "days": own.days, "open": language.money(own.open) }));
    shown.collect()
}

fn back(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page.given_back.iter().map(|own| {
        let date = language.date(own.on);
        json!({ "note": own.note, "invoice": own.invoice, "date": date, "amount": language.money(own.amount) })
    });
    shown.collect()
}

fn taken(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page
        .taken_back
        .iter()
        .map(|own| json!({ "what": language.taken_for(own.why), "date": language.date(own.on), "amount": language.money(own.amount) }));
    shown.collect()
}
