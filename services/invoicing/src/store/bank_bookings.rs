//! What tells a booking from others: columns of table `bank_lines`. The first line of a booking
//! stands for it; the other parts of a batch have the amount 0 there, and lines from before these
//! columns existed have none: each is a booking by itself.

use super::{
    bank_lines::{Column, Entity},
    date, unknown,
};
use crate::bank_files::{Account, ReadStatement, StoredBooking};
use payterms_bank_files::{
    ReferenceKind,
    identity::{Seen, SeenReference},
};
use payterms_chassis::AppError;
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{CaseStatement, ExprTrait, Func, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bookings that one statement changes: a statement of SQL has at most some thousand values.
const MOST_AT_ONCE: usize = 200;

/// What column `booking` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct BookingText {
    party: String,
    text: String,
    /// Kind, value, and the source of a statement in which it occurs once.
    references: Vec<(String, String, Option<String>)>,
    statements: Vec<String>,
    whole: bool,
}

/// A row: id, day, amount, booked amount, payer, text, booking.
type Row = (Uuid, String, i64, Option<i64>, String, String, String);

/// Days and amounts of bookings.
type Contents = (BTreeSet<String>, BTreeSet<i64>);

/// What is known of the accounts of some statements on the statements' days, of the statements'
/// amounts.
pub async fn of_accounts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    statements: &[ReadStatement],
) -> Result<BTreeMap<Account, Vec<StoredBooking>>, AppError> {
    let mut contents: BTreeMap<(&Account, &str), Contents> = BTreeMap::new();
    let accounts: Vec<_> = statements
        .iter()
        .map(|read_statement| Account {
            key: read_statement.account_key.clone(),
            currency: read_statement.currency,
        })
        .collect();
    for (account, read_statement) in accounts.iter().zip(statements) {
        let (days, amounts) =
            contents.entry((account, read_statement.account.as_str())).or_default();
        days.extend(read_statement.bookings.iter().map(|booking| booking.compared.day.to_string()));
        amounts.extend(read_statement.bookings.iter().map(|booking| booking.compared.amount));
    }
    let mut known: BTreeMap<Account, Vec<StoredBooking>> = BTreeMap::new();
    for ((account, written), (days, amounts)) in contents {
        let booked = SimpleExpr::from(Func::coalesce([
            Expr::col(Column::BookingAmount),
            Expr::col(Column::Amount),
        ]));
        let is_account = Column::AccountKey
            .eq(account.key.as_str())
            .or(Column::AccountKey.eq("").and(Column::Account.eq(written)));
        let query = Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::BookedOn,
                Column::Amount,
                Column::BookingAmount,
                Column::Payer,
                Column::Text,
                Column::Booking,
            ])
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::Currency.eq(account.currency.code()))
            .filter(Column::BookedOn.is_in(days))
            .filter(is_account)
            .filter(booked.is_in(amounts))
            .order_by_asc(Column::Id);
        let rows: Vec<Row> = query.into_tuple().all(conn).await?;
        let stored = rows.into_iter().map(booking).collect::<Result<Vec<_>, _>>()?;
        let stored_bookings = known.entry(account.clone()).or_default();
        // Two spellings of one account find the same rows.
        stored_bookings.extend(
            stored
                .into_iter()
                .filter(|new| !stored_bookings.iter().any(|old| old.line == new.line))
                .collect::<Vec<_>>(),
        );
    }
    Ok(known)
}

fn booking_text(json: &str) -> Result<BookingText, AppError> {
    serde_json::from_str(json).map_err(|error| AppError::Fault(format!("a booking: {error}")))
}

/// The references in column `booking` by which a line and its return are compared: all but a
/// document, which is no reference of a bank, and a number within the statement.
pub(super) fn references_of(booking: &str) -> Result<BTreeSet<(String, String)>, AppError> {
    let text = if booking.is_empty() { BookingText::default() } else { booking_text(booking)? };
    let others = [ReferenceKind::Document, ReferenceKind::EntryRef, ReferenceKind::Mandate]
        .map(ReferenceKind::name);
    let all = text.references.into_iter().map(|(kind, value, _)| (kind, value));
    Ok(all.filter(|(kind, _)| !others.contains(&kind.as_str())).collect())
}

fn booking(row: Row) -> Result<StoredBooking, AppError> {
    let (id, day, amount, booked, payer, text, booking) = row;
    let this_booking_text = match booking.as_str() {
        "" => BookingText { party: payer, text, ..BookingText::default() },
        json => booking_text(json)?,
    };
    let reference = |(kind, value, unique_in): (String, String, Option<String>)| {
        let found = ReferenceKind::named(&kind).ok_or_else(|| unknown("reference kind", &kind))?;
        Ok::<_, AppError>(SeenReference { kind: found, value, unique_in })
    };
    let known = Seen {
        day: date(&day)?,
        amount: booked.unwrap_or(amount),
        party: this_booking_text.party,
        text: this_booking_text.text,
        references: this_booking_text
            .references
            .into_iter()
            .map(reference)
            .collect::<Result<_, _>>()?,
        statements: this_booking_text.statements,
        whole: this_booking_text.whole,
    };
    Ok(StoredBooking { line: Id::from_uuid(id), known })
}

/// Saves what is known of bookings whose lines are stored.
pub async fn save_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    bookings: &[StoredBooking],
) -> Result<(), AppError> {
    for some in bookings.chunks(MOST_AT_ONCE) {
        let (mut amounts, mut texts) = (CaseStatement::new(), CaseStatement::new());
        for stored_booking in some {
            let known = &stored_booking.known;
            let reference = |seen_reference: &SeenReference| {
                (
                    seen_reference.kind.name().to_owned(),
                    seen_reference.value.clone(),
                    seen_reference.unique_in.clone(),
                )
            };
            let text = BookingText {
                party: known.party.clone(),
                text: known.text.clone(),
                references: known.references.iter().map(reference).collect(),
                statements: known.statements.clone(),
                whole: known.whole,
            };
            let text =
                serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))?;
            let is_it = || Column::Id.eq(stored_booking.line.uuid());
            amounts = amounts.case(is_it(), Expr::value(known.amount));
            texts = texts.case(is_it(), Expr::value(text));
        }
        let update = Entity::update_many()
            .col_expr(Column::BookingAmount, amounts.into())
            .col_expr(Column::Booking, texts.into())
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::Id.is_in(some.iter().map(|stored_booking| stored_booking.line.uuid())));
        update.exec(conn).await?;
    }
    Ok(())
}
