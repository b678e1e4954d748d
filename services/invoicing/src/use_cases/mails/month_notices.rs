//! The mail of a month: its statements and invoices, what is past due, what was given back
//! (docs/domain/invoicing.md#month-mail).

use super::write::{Letter, flag, write_to_customer};
use crate::{
    documents::{
        statements::StatementPage,
        wording::{Language, grouped},
    },
    store::tenants,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, MailKind, Outstanding, bank::creditor_reference, mail::Attachment, statement::OpenInvoice};
use payterms_kernel::{Money, money::MoneyError};
use serde_json::{Value, json};

/// The most invoices that go with a statement's mail: the first ones.
pub const MOST_ATTACHED: usize = 20;

/// A month is over: one mail with its statements and invoices, and those that its turn has issued. What was sent before is only named.
///
/// # Errors
/// None that stored amounts can cause.
pub async fn mail_statements(
    tx: &mut WriteTx,
    pages: &[StatementPage],
    (invoices, sent_before): (&[Invoice], &[Invoice]),
    next_due: &[Outstanding],
) -> Result<(), AppError> {
    let Some(first) = pages.first().map(|page| &page.statement) else { return Ok(()) };
    let (customer, month, id) = (first.customer, first.month, first.id);
    let owes = is_any_to_be_paid(pages, next_due)?;
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
                ("invoices", invoices.iter().chain(sent_before).filter_map(|own| line(language, own, pages)).collect::<Vec<_>>().into()),
                ("unattached", invoices.len().saturating_sub(MOST_ATTACHED).into()),
                ("past_due", pages.iter().flat_map(|page| late(language, page)).collect::<Vec<_>>().into()),
                ("disputed", pages.iter().flat_map(|page| open_apart(language, &page.disputed)).collect::<Vec<_>>().into()),
                ("in_plans", pages.iter().flat_map(|page| open_apart(language, &page.in_plans)).collect::<Vec<_>>().into()),
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

/// Whether anything is owed beside what is disputed and what plans pay, on the statements or since.
fn is_any_to_be_paid(pages: &[StatementPage], open: &[Outstanding]) -> Result<bool, MoneyError> {
    for page in pages {
        let now = open.iter().find(|own| own.open.currency() == page.statement.currency()).map(|own| own.open);
        let beside = now.map(|now| now.minus(page.not_to_be_paid()?)).transpose()?;
        if page.is_to_be_paid()? || beside.is_some_and(Money::is_positive) {
            return Ok(true);
        }
    }
    let is_new = |own: &&Outstanding| pages.iter().all(|page| page.statement.currency() != own.open.currency());
    Ok(open.iter().filter(is_new).any(|own| own.open.is_positive()))
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

fn line(language: Language, invoice: &Invoice, pages: &[StatementPage]) -> Option<Value> {
    let issue = invoice.issue.as_ref()?;
    // What is open of a purchase of credit is not owed: it stands here for what came of it.
    let open = invoice.open().ok().filter(|open| open.is_positive() && invoice.top_up.is_none());
    let came = pages.iter().find_map(|page| page.billed_by(invoice)).filter(|_| invoice.top_up.is_some());
    Some(json!({
        "number": issue.number,
        "reference": grouped(&creditor_reference(&issue.number)),
        "total": language.money(came.unwrap_or(invoice.amounts.total)),
        "state": invoice.state.name(),
        "due_date": if invoice.is_over_nothing() { String::new() } else { language.date(issue.due_date) },
        "open": open.map(|open| language.money(open)).unwrap_or_default(),
        "disputed": flag(!invoice.disputed_by.is_empty()),
        "in_plan": flag(pages.iter().any(|page| page.is_in_plan(invoice.id))),
    }))
}

fn late(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page
        .past_due
        .iter()
        .map(|own| json!({ "number": own.number, "due_date": language.date(own.due), "days": own.days, "open": language.money(own.open) }));
    shown.collect()
}

fn open_apart(language: Language, own: &[OpenInvoice]) -> Vec<Value> {
    let shown = |own: &OpenInvoice| json!({ "number": own.number, "due_date": language.date(own.due), "open": language.money(own.open) });
    own.iter().map(shown).collect()
}

fn back(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page.given_back.iter().map(|own| {
        let date = language.date(own.on);
        let what = if own.note.is_empty() { language.given_back(own) } else { String::new() };
        json!({ "note": own.note, "invoice": own.invoice, "date": date, "amount": language.money(own.amount), "what": what })
    });
    shown.collect()
}

fn taken(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page.taken_back.iter().map(|own| {
        let date = language.date(own.on);
        json!({ "what": language.taken_for(own.why), "date": date, "amount": language.money(own.amount), "invoices": own.invoices })
    });
    shown.collect()
}
