//! The mail of a month, an hour after its turn: what the turn itself has issued by then goes in it
//! (docs/domain/invoicing.md#month-mail).

use super::page::{MOST_LISTED, statement_page};
use crate::{
    app::App,
    store::{invoice_lists, invoices, outstanding, plan_periods, receivables, statements},
    use_cases::{
        collections::outlook::outlook_of,
        invoices::load::are_invoices_hidden,
        mails::{
            invoice_notices,
            month_notices::{MOST_ATTACHED, Now, OpenNow, Standing, mail_statements},
        },
    },
};
use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, cancel_many, schedule, take},
    names,
};
use payterms_invoicing_domain::{Customer, Invoice, InvoiceState};
use payterms_kernel::Id;
use uuid::Uuid;

/// Mails a page of a month; the subject is `YYYY-MM-DD/after/last`, the bounds of its customers.
pub const JOB: &str = "mail_month";

/// How long the mail waits for the invoices of the turn.
pub const WAITS_FOR_INVOICES: TimeDelta = TimeDelta::hours(1);

/// Schedules the mails to customers whose statements were just drawn up.
pub async fn schedule_month_mails(
    tx: &WriteTx,
    turned_at: DateTime<Utc>,
    month: NaiveDate,
    after: Uuid,
    last: Id<Customer>,
) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &format!("{month}/{after}/{last}"), turned_at + WAITS_FOR_INVOICES)
        .await?)
}

/// One mail to each customer of the page.
pub async fn mail_month(app: &App, row: &DueRow) -> Result<(), AppError> {
    let parsed = || {
        let (month, bounds) = row.subject.split_once('/')?;
        let (after, last) = bounds.split_once('/')?;
        Some((month.parse::<NaiveDate>().ok()?, names::uuid(after)?, names::uuid(last)?))
    };
    let Some((month, after, last)) = parsed() else {
        return Err(AppError::Fault(format!("page {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", Uuid::nil())).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    tx.ids_from(&format!("mail/{}", row.subject));
    if !are_invoices_hidden(tx.conn(), &row.tenant).await? {
        for customer in statements::customers(tx.conn(), &row.tenant, month, after, last).await? {
            mail_customer(&mut tx, customer, month).await?;
        }
    }
    tx.commit_rows().await
}

async fn mail_customer(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    month: NaiveDate,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let turn = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let mut pages = Vec::new();
    for statement in statements::of_month(tx.conn(), &tenant, customer, month).await? {
        pages.push(statement_page(tx.conn(), &tenant, statement).await?);
    }
    let billed =
        receivables::billed(tx.conn(), &tenant, customer, month, turn, MOST_LISTED).await?;
    let billed: Vec<_> = billed.into_iter().map(|(invoice, _)| invoice).collect();
    let issued = invoices::find_many(tx.conn(), &tenant, &billed).await?;
    // Those of the turn before went in the mail before, or in one of their own: they are named,
    // since they were invoiced in the month.
    let (sent_before, mut issued): (Vec<_>, Vec<_>) =
        issued.into_iter().partition(Invoice::is_of_month_turn);
    let mut of_turn =
        invoice_lists::issued(tx.conn(), &tenant, customer, turn, turn, Uuid::nil(), MOST_LISTED)
            .await?;
    // What was taken back within the hour was never sent.
    of_turn.retain(|invoice| invoice.is_of_month_turn() && invoice.state != InvoiceState::Void);
    // First, as they go nowhere else; those for which the mail has no room keep their own.
    let attached: Vec<_> =
        of_turn.iter().take(MOST_ATTACHED).map(|invoice| invoice.id.to_string()).collect();
    cancel_many(tx, invoice_notices::JOB, &attached).await?;
    of_turn.append(&mut issued);
    let issued = of_turn;
    let open = open_now(tx, customer).await?;
    let sums = outstanding::of_customer(tx.conn(), &tenant, customer, tx.today()).await?;
    mail_statements(tx, &pages, &issued, &sent_before, &Now { open, sums }).await
}

/// What is open of a customer at this instant, and what is done about each
/// (docs/domain/invoicing.md#month-mail-instant).
async fn open_now(tx: &WriteTx, customer: Id<Customer>) -> Result<Vec<OpenNow>, AppError> {
    let (tenant, today) = (&tx.call().tenant, tx.today());
    let in_plans =
        plan_periods::active_at(tx.conn(), tenant, customer, tx.now() + TimeDelta::seconds(1))
            .await?;
    let mut open = Vec::new();
    for invoice in invoice_lists::open_of_customer(tx.conn(), tenant, customer, MOST_LISTED).await?
    {
        let standing = if invoice.rests_for_dispute() {
            Standing::Disputed
        } else if in_plans.contains(&invoice.id) {
            Standing::InPlan
        } else {
            Standing::Owed(outlook_of(tx.conn(), tenant, &invoice, tx.time().zone, today).await?)
        };
        let Some(due) = invoice.issue.as_ref().map(|issue| issue.due_date) else { continue };
        open.push(OpenNow { days: (today - due).num_days(), due, standing, invoice });
    }
    Ok(open)
}
