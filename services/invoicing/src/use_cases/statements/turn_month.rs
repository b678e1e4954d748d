//! The month turn of a tenant, at 00:00 of the first in its zone: statements of the past month, a
//! page of customers at a time. Their mails follow.

use super::mail_month::schedule_month_mails;
use crate::{
    app::App,
    messages,
    store::{
        receivables,
        refunds::{self, Month},
        statements, transfer_refunds,
    },
    use_cases::invoices::load::find_sides,
};
use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, preceded, schedule, schedule_once, take},
    names,
    zones::{due_at, move_rows},
};
use payterms_invoicing_domain::{Customer, Statement, statement::Moved};
use payterms_kernel::{
    Currency, Id, Money,
    calendar::{day_in, first_of_month, same_day, start_of_day},
};
use payterms_proto::invoicing::v1::StatementIssued;
use uuid::Uuid;

/// Turns a tenant's month; the subject is `month`, or a page of it, `YYYY-MM-DD/after`.
pub const JOB: &str = "turn_month";

/// Customers in one transaction.
const PAGE: u64 = 50;

/// The subject of the turn itself; its pages are `month/after`.
const TURN: &str = "month";

fn months_on(month: NaiveDate, months: u32) -> NaiveDate {
    month.checked_add_months(Months::new(months)).unwrap_or(month)
}

/// Schedules the turn of the tenant's present month, unless it is.
pub async fn schedule_month_turn(tx: &WriteTx) -> Result<(), AppError> {
    Ok(schedule_once(tx, JOB, TURN, next_turn(tx, tx.now())).await?)
}

/// Moves the turn to where a test clock begins.
pub async fn schedule_month_turn_from(tx: &WriteTx, now: DateTime<Utc>) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, TURN, next_turn(tx, now)).await?)
}

/// The tenant's zone has changed: the same month ends when it ends in the new zone. In the
/// transaction of the change, since the turn tells its month from when it is due.
pub async fn move_month_turn(tx: &WriteTx, before: Tz, zone: Tz) -> Result<(), AppError> {
    let Some(due) = due_at(tx, JOB, TURN).await? else { return Ok(()) };
    let moved = same_day(before, zone, due).map(|to| (TURN.to_owned(), due, to));
    Ok(move_rows(tx, JOB, moved.as_slice()).await?)
}

fn next_turn(tx: &WriteTx, now: DateTime<Utc>) -> DateTime<Utc> {
    let zone = tx.time().zone;
    start_of_day(zone, months_on(first_of_month(day_in(zone, now)), 1))
}

/// The turn begins its pages and the next turn, a page draws its customers' statements up.
pub async fn turn_month(app: &App, row: &DueRow) -> Result<(), AppError> {
    let mut tx = app.db.begin_forward(&row.call("invoicing", Uuid::nil())).await?;
    // A month opens with what the one before closed with: its pages come first, after a standstill
    // too.
    if row.subject == TURN && preceded(&tx, row).await? {
        return Ok(());
    }
    if !take(&tx, row).await? {
        return Ok(());
    }
    let zone = tx.time().zone;
    if row.subject == TURN {
        // By its due date, not by today: after a standstill no month is passed over.
        let turned = day_in(zone, row.due).checked_sub_days(Days::new(1)).unwrap_or_default();
        let month = first_of_month(turned);
        schedule(&tx, JOB, &format!("{month}/{}", Uuid::nil()), row.due).await?;
        schedule(&tx, JOB, TURN, start_of_day(zone, months_on(month, 2))).await?;
        return tx.commit_rows().await;
    }
    let parsed = row
        .subject
        .split_once('/')
        .and_then(|(month, after)| Some((month.parse().ok()?, names::uuid(after)?)));
    let Some((month, after)) = parsed else {
        return Err(AppError::Fault(format!("page {:?}", row.subject)));
    };
    tx.ids_from(&format!("turn/{}", row.subject));
    turn_page(&mut tx, row.due, month, after).await?;
    tx.commit_rows().await
}

async fn turn_page(
    tx: &mut WriteTx,
    due: DateTime<Utc>,
    month: NaiveDate,
    after: Uuid,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (next, before) =
        (months_on(month, 1), month.checked_sub_months(Months::new(1)).unwrap_or(month));
    let customers =
        receivables::customers(tx.conn(), &tenant, month, next, before, after, PAGE).await?;
    if let Some(last) = customers.last().filter(|_| customers.len() as u64 == PAGE) {
        schedule(tx, JOB, &format!("{month}/{last}"), due).await?;
    }
    if let Some(last) = customers.last() {
        schedule_month_mails(tx, due, month, after, *last).await?;
    }
    for customer in customers {
        let drawn = draw_up_statements(tx, customer, month, next, before).await?;
        statements::insert_many(tx.conn(), &tenant, &drawn).await?;
        for statement in &drawn {
            let event = StatementIssued {
                statement: Some(messages::statements::statement(&tenant, statement)),
            };
            tx.emit("statement", &statement.id.to_string(), &event).await?;
        }
    }
    Ok(())
}

/// A customer's statements: of each currency that moved, or in which something was owed.
async fn draw_up_statements(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    month: NaiveDate,
    next: NaiveDate,
    before: NaiveDate,
) -> Result<Vec<Statement>, AppError> {
    let tenant = tx.call().tenant.clone();
    if !statements::of_month(tx.conn(), &tenant, customer, month).await?.is_empty() {
        return Ok(Vec::new());
    }
    let earlier = statements::of_month(tx.conn(), &tenant, customer, before).await?;
    let moved = receivables::moved(tx.conn(), &tenant, customer, month, next).await?;
    let owed =
        earlier.iter().filter(|statement| !statement.closing.is_zero()).map(Statement::currency);
    let back =
        transfer_refunds::currencies_given_back(tx.conn(), &tenant, customer, month, next).await?;
    let mut currencies: Vec<Currency> =
        moved.iter().map(|(currency, _)| *currency).chain(owed).chain(back).collect();
    currencies.sort_unstable_by_key(|currency| currency.code());
    currencies.dedup();
    let (now, zone) = (tx.now(), tx.time().zone);
    let mut given_back =
        refunds::sum_given_back(tx.conn(), &tenant, customer, Month { days: (month, next), zone })
            .await?;
    given_back
        .extend(transfer_refunds::sum_given_back(tx.conn(), &tenant, customer, month, next).await?);
    let (seller, buyer) = find_sides(tx, &tenant, customer).await?;
    let mut drawn = Vec::with_capacity(currencies.len());
    for currency in currencies {
        let opening = earlier
            .iter()
            .find(|statement| statement.currency() == currency)
            .map_or_else(|| Money::zero(currency), |statement| statement.closing);
        let mut moved = moved
            .iter()
            .find(|(each, _)| *each == currency)
            .map_or_else(|| Moved::nothing(currency), |(_, moved)| *moved);
        for amount in given_back.iter().filter(|amount| amount.currency() == currency) {
            moved.given_back = moved.given_back.plus(*amount)?;
        }
        drawn.push(Statement::draw_up(
            tx.id(),
            (customer, month),
            (opening, moved),
            (&seller, &buyer),
            now,
        )?);
    }
    Ok(drawn)
}
