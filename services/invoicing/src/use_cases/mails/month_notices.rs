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
use payterms_invoicing_domain::{
    Invoice, MailKind, Outstanding, bank::creditor_reference, mail::Attachment,
};
use payterms_kernel::{Currency, Money};
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

impl Now {
    /// The next due date of what is owed: what a plan pays has dates of its own, and nothing of
    /// what a dispute holds is due.
    fn next_due(&self, currency: Currency) -> Option<NaiveDate> {
        let owed = self
            .open
            .iter()
            .filter(|open_now| open_now.invoice.currency == currency && open_now.days <= 0);
        owed.filter(|open_now| matches!(open_now.standing, Standing::Owed(_)))
            .map(|open_now| open_now.due)
            .min()
    }
}

/// A month is over: one mail with its statements and invoices, and those that its turn has issued.
/// What was sent before is only named. What is open is told as it is now, of every invoice alike.
///
/// # Errors
/// None that stored amounts can cause.
pub async fn mail_statements(
    tx: &mut WriteTx,
    pages: &[StatementPage],
    invoices: &[Invoice],
    sent_before: &[Invoice],
    now: &Now,
) -> Result<(), AppError> {
    let Some(first) = pages.first().map(|page| &page.statement) else { return Ok(()) };
    let (customer, month, id) = (first.customer, first.month, first.id);
    let owes = now.open.iter().any(OpenNow::is_to_pay);
    let seller = if owes { tenants::find(tx.conn(), &tx.call().tenant).await? } else { None };
    let bank_details = seller.map(|tenant| tenant.business.bank_details).unwrap_or_default();
    let mut attachments: Vec<_> = pages
        .iter()
        .map(|statement_page| Attachment::Statement(statement_page.statement.id.uuid()))
        .collect();
    attachments.extend(
        invoices.iter().take(MOST_ATTACHED).map(|invoice| Attachment::Invoice(invoice.id.uuid())),
    );
    let apart = |language, is: fn(&Standing) -> bool| -> Value {
        now.open
            .iter()
            .filter(|open_now| is(&open_now.standing))
            .map(|open_now| open_apart(language, open_now))
            .collect::<Vec<_>>()
            .into()
    };
    let letter = Letter {
        kind: MailKind::Statement,
        variables: |language: Language| {
            vec![
                ("month", language.month(month).into()),
                ("of_month", language.of_month(month).into()),
                (
                    "totals",
                    pages.iter().map(|page| total(language, page, now)).collect::<Vec<_>>().into(),
                ),
                (
                    "invoices",
                    invoices
                        .iter()
                        .chain(sent_before)
                        .filter_map(|invoice| line(language, invoice, pages, now))
                        .collect::<Vec<_>>()
                        .into(),
                ),
                ("unattached", invoices.len().saturating_sub(MOST_ATTACHED).into()),
                (
                    "past_due",
                    now.open
                        .iter()
                        .filter_map(|open_now| late(language, open_now))
                        .collect::<Vec<_>>()
                        .into(),
                ),
                ("disputed", apart(language, |standing| matches!(standing, Standing::Disputed))),
                ("in_plans", apart(language, |standing| matches!(standing, Standing::InPlan))),
                (
                    "given_back",
                    pages.iter().flat_map(|page| back(language, page)).collect::<Vec<_>>().into(),
                ),
                (
                    "taken_back",
                    pages.iter().flat_map(|page| taken(language, page)).collect::<Vec<_>>().into(),
                ),
                ("bank_details", bank_details.into()),
            ]
        },
        page: format!("/statements/{id}"),
        attachments,
    };
    write_to_customer(tx, customer, letter).await
}

fn total(language: Language, page: &StatementPage, now: &Now) -> Value {
    let currency = page.statement.currency();
    let open = now.sums.iter().find(|sum| sum.open.currency() == currency).map(|sum| sum.open);
    json!({
        "issued": language.money(page.statement.moved.issued),
        "open": language.money(open.unwrap_or_else(|| Money::zero(currency))),
        "next_due": now.next_due(currency).map(|day| language.date(day)).unwrap_or_default(),
    })
}

fn line(
    language: Language,
    invoice: &Invoice,
    pages: &[StatementPage],
    now: &Now,
) -> Option<Value> {
    let issue = invoice.issue.as_ref()?;
    // What is open of a purchase of credit is not owed: it stands here for what came of it.
    let came =
        pages.iter().find_map(|page| page.billed_by(invoice)).filter(|_| invoice.top_up.is_some());
    let open = now.open.iter().find(|open_now| open_now.invoice.id == invoice.id);
    let standing = open.map(|open_now| &open_now.standing);
    let mut line = json!({
        "number": issue.number,
        "reference": grouped(&creditor_reference(&issue.number)),
        "total": language.money(came.unwrap_or(invoice.amounts.total)),
        "state": invoice.state.name(),
        "due_date": if invoice.is_over_nothing() { String::new() } else { language.date(issue.due_date) },
        "open": open.map(|open_now| open_now.left(language)).unwrap_or_default(),
        "disputed": flag(matches!(standing, Some(Standing::Disputed))),
        "in_plan": flag(matches!(standing, Some(Standing::InPlan))),
    });
    add_outlook(&mut line, language, standing);
    Some(line)
}

/// Adds what is taken of it by itself next.
fn add_outlook(line: &mut Value, language: Language, standing: Option<&Standing>) {
    let outlook = if let Some(Standing::Owed(outlook)) = standing {
        outlook.variables(language)
    } else {
        Outlook::Nothing.variables(language)
    };
    if let Some(fields) = line.as_object_mut() {
        fields.extend(outlook.map(|(name, value)| (name.to_owned(), value)));
    }
}

fn late(language: Language, open_now: &OpenNow) -> Option<Value> {
    if open_now.days <= 0 || !matches!(open_now.standing, Standing::Owed(_)) {
        return None;
    }
    let mut line = json!({ "number": open_now.number(), "due_date": language.date(open_now.due), "days": open_now.days, "open": open_now.left(language) });
    add_outlook(&mut line, language, Some(&open_now.standing));
    Some(line)
}

fn open_apart(language: Language, open_now: &OpenNow) -> Value {
    json!({ "number": open_now.number(), "due_date": language.date(open_now.due), "open": open_now.left(language) })
}

fn back(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page.given_back.iter().map(|given_back| {
        let date = language.date(given_back.on);
        let what = if given_back.note.is_empty() { language.given_back(given_back) } else { String::new() };
        json!({ "note": given_back.note, "invoice": given_back.invoice, "date": date, "amount": language.money(given_back.amount), "what": what })
    });
    shown.collect()
}

fn taken(language: Language, page: &StatementPage) -> Vec<Value> {
    let shown = page.taken_back.iter().map(|taken_back| {
        let date = language.date(taken_back.on);
        json!({ "what": language.taken_for(taken_back.why), "date": date, "amount": language.money(taken_back.amount), "invoices": taken_back.invoices })
    });
    shown.collect()
}
