//! The mail of a month: its statements and invoices, what is open now, what was given back
//! (docs/domain/invoicing.md#month-mail).

use super::write::{Letter, flag, write_to_customer};
use crate::{
    documents::{
        statements::StatementPage,
        wording::{Language, grouped},
    },
    store::tenants,
    use_cases::collections::outlook::Outlook,
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, MailKind, Outstanding, bank::creditor_reference, mail::Attachment};
use payterms_kernel::Money;
use serde_json::{Value, json};

/// The most invoices that go with a statement's mail: the first ones.
pub const MOST_ATTACHED: usize = 20;

/// What is done about an invoice that is open.
#[derive(Debug)]
pub enum Standing {
    /// Nothing before a dispute is decided.
    Disputed,
    /// A plan that is kept pays it.
    InPlan,
    /// It is owed: taken by itself, or to be paid.
    Owed(Outlook),
}

/// An invoice that is open when the mail is written.
#[derive(Debug)]
pub struct OpenNow {
    /// The invoice.
    pub invoice: Invoice,
    /// When it falls due.
    pub due: NaiveDate,
    /// How many days ago that was; zero or less: it is not past due.
    pub days: i64,
    /// What is done about it.
    pub standing: Standing,
}

impl OpenNow {
    /// Whether its customer is to pay it.
    fn is_to_pay(&self) -> bool {
        matches!(&self.standing, Standing::Owed(outlook) if !outlook.takes())
    }

    fn number(&self) -> &str {
        self.invoice.issue.as_ref().map(|issue| issue.number.as_str()).unwrap_or_default()
    }

    fn left(&self, language: Language) -> String {
        self.invoice.open().map(|open| language.money(open)).unwrap_or_default()
    }
}

/// All that is open at one instant: that of the mail.
#[derive(Debug)]
pub struct Now {
    /// Each invoice, the earliest due first.
    pub open: Vec<OpenNow>,
    /// The sums by currency.
    pub sums: Vec<Outstanding>,
}

/// A month is over: one mail with its statements and invoices, and those that its turn has issued. What was sent before is only named.
/// What is open is told as it is now, of every invoice alike.
///
/// # Errors
/// None that stored amounts can cause.
pub async fn mail_statements(
    tx: &mut WriteTx,
    pages: &[StatementPage],
    (invoices, sent_before): (&[Invoice], &[Invoice]),
    now: &Now,
) -> Result<(), AppError> {
    let Some(first) = pages.first().map(|page| &page.statement) else { return Ok(()) };
    let (customer, month, id) = (first.customer, first.month, first.id);
    let owes = now.open.iter().any(OpenNow::is_to_pay);
    let seller = if owes { tenants::find(tx.conn(), &tx.call().tenant).await? } else { None };
    let bank_details = seller.map(|own| own.business.bank_details).unwrap_or_default();
    let mut attachments: Vec<_> = pages.iter().map(|own| Attachment::Statement(own.statement.id.uuid())).collect();
    attachments.extend(invoices.iter().take(MOST_ATTACHED).map(|own| Attachment::Invoice(own.id.uuid())));
    let apart = |language, is: fn(&Standing) -> bool| -> Value {
        now.open.iter().filter(|own| is(&own.standing)).map(|own| open_apart(language, own)).collect::<Vec<_>>().into()
    };
    let letter = Letter {
        kind: MailKind::Statement,
        variables: |language: Language| {
            vec![
                ("month", language.month(month).into()),
                ("of_month", language.of_month(month).into()),
                ("totals", pages.iter().map(|page| total(language, page, &now.sums)).collect::<Vec<_>>().into()),
                (
                    "invoices",
                    invoices.iter().chain(sent_before).filter_map(|own| line(language, own, (pages, now))).collect::<Vec<_>>().into(),
                ),
                ("unattached", invoices.len().saturating_sub(MOST_ATTACHED).into()),
                ("past_due", now.open.iter().filter_map(|own| late(language, own)).collect::<Vec<_>>().into()),
                ("disputed", apart(language, |own| matches!(own, Standing::Disputed))),
                ("in_plans", apart(language, |own| matches!(own, Standing::InPlan))),
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

fn total(language: Language, page: &StatementPage, sums: &[Outstanding]) -> Value {
    let own = &page.statement;
    let now = sums.iter().find(|now| now.open.currency() == own.currency());
    json!({
        "issued": language.money(own.moved.issued),
        "open": language.money(now.map_or_else(|| Money::zero(own.currency()), |now| now.open)),
        "next_due": now.and_then(|now| now.next_due).map(|day| language.date(day)).unwrap_or_default(),
    })
}

fn line(language: Language, invoice: &Invoice, (pages, now): (&[StatementPage], &Now)) -> Option<Value> {
    let issue = invoice.issue.as_ref()?;
    // What is open of a purchase of credit is not owed: it stands here for what came of it.
    let came = pages.iter().find_map(|page| page.billed_by(invoice)).filter(|_| invoice.top_up.is_some());
    let open = now.open.iter().find(|own| own.invoice.id == invoice.id);
    let standing = open.map(|own| &own.standing);
    let mut line = json!({
        "number": issue.number,
        "reference": grouped(&creditor_reference(&issue.number)),
        "total": language.money(came.unwrap_or(invoice.amounts.total)),
        "state": invoice.state.name(),
        "due_date": if invoice.is_over_nothing() { String::new() } else { language.date(issue.due_date) },
        "open": open.map(|own| own.left(language)).unwrap_or_default(),
        "disputed": flag(matches!(standing, Some(Standing::Disputed))),
        "in_plan": flag(matches!(standing, Some(Standing::InPlan))),
    });
    add_outlook(&mut line, language, standing);
    Some(line)
}

/// Adds what is taken of it by itself next.
fn add_outlook(line: &mut Value, language: Language, standing: Option<&Standing>) {
    let outlook =
        if let Some(Standing::Owed(outlook)) = standing { outlook.variables(language) } else { Outlook::Nothing.variables(language) };
    if let Some(fields) = line.as_object_mut() {
        fields.extend(outlook.map(|(name, value)| (name.to_owned(), value)));
    }
}

fn late(language: Language, own: &OpenNow) -> Option<Value> {
    if own.days <= 0 || !matches!(own.standing, Standing::Owed(_)) {
        return None;
    }
    let mut line = json!({ "number": own.number(), "due_date": language.date(own.due), "days": own.days, "open": own.left(language) });
    add_outlook(&mut line, language, Some(&own.standing));
    Some(line)
}

fn open_apart(language: Language, own: &OpenNow) -> Value {
    json!({ "number": own.number(), "due_date": language.date(own.due), "open": own.left(language) })
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
