//! From the neutral model of bank files to statements that are decided on.

use super::{MOST_FINDINGS, ReadFile, account_hash, clean, invalid};
use crate::commands::bank_files::{BankFinding, CsvMapping, DateOrder};
use chrono::NaiveDate;
use payterms_bank_files::{self as files, BankFile, Entry, Format, Status};
use payterms_credit_domain::bank::{
    Booking, BookingKind, Reference, ReferenceKind, Returned, Source, Statement, StatementId,
};
use payterms_kernel::{Currency, Refusal, TenantId};
use std::collections::BTreeMap;

/// Characters of an account's number that are shown.
const ENDING: usize = 4;
/// References of a booking.
const MOST_REFERENCES: usize = 8;

/// A mapping as the reader takes it. It names the account by its hash, which is what statements
/// keep.
pub(super) fn csv_mapping(mapping: &CsvMapping) -> files::CsvMapping {
    files::CsvMapping {
        date_column: mapping.date.0.clone(),
        date_order: match mapping.date.1 {
            DateOrder::YearMonthDay => files::DateOrder::YearMonthDay,
            DateOrder::DayMonthYear => files::DateOrder::DayMonthYear,
            DateOrder::MonthDayYear => files::DateOrder::MonthDayYear,
        },
        direction_column: mapping.direction_column.clone(),
        amount_column: mapping.amount.clone(),
        credit_column: mapping.sides.0.clone(),
        debit_column: mapping.sides.1.clone(),
        balance_column: mapping.balance.clone(),
        party_column: mapping.party.clone(),
        reference_column: mapping.reference.clone(),
        text_columns: mapping.text_columns.clone(),
        status_column: mapping.status_column.clone(),
        currency_column: mapping.currency_column.clone(),
        separator: Some(char::from(mapping.separator)),
        decimal_comma: mapping.decimal_comma,
        account: mapping.account.clone(),
        currency: Currency::parse(&mapping.currency),
        period: mapping.covers,
        ..files::CsvMapping::default()
    }
}

/// The statements of a file; refused where nothing of it can be used.
pub(super) fn read_file(
    tenant: &TenantId,
    file: &BankFile,
    mapping: Option<&CsvMapping>,
) -> Result<ReadFile, Refusal> {
    if let Some(card) =
        file.findings.iter().find(|finding| finding.kind == files::FindingKind::CardAccount)
    {
        return Err(invalid(format!("{} Send statements of bank accounts.", card.message)));
    }
    let (mut statements, mut endings) = (Vec::new(), Vec::new());
    for this_statement in &file.statements {
        let number = this_statement.account.trim();
        // A bank's export names no account: the applicant does, or it is the one account of that
        // bank's exports.
        let (account, shown) = match (number.is_empty(), mapping) {
            (true, None) => (account_hash(tenant, file.preset.map_or("", files::Preset::name)), ""),
            (true, Some(mapping)) => (mapping.account.clone(), ""),
            (false, Some(mapping)) if mapping.account == number => (mapping.account.clone(), ""),
            (false, _) => (account_hash(tenant, number), number),
        };
        let Some(statement) = statement(file.format, this_statement, account, mapping) else {
            continue;
        };
        statements.push(statement);
        let skipped = shown.chars().count().saturating_sub(ENDING);
        endings.push(shown.chars().skip(skipped).collect());
    }
    let is_empty = statements.iter().all(|statement: &Statement| statement.bookings.is_empty());
    let first = file.findings.first();
    if statements.is_empty() || (is_empty && first.is_some()) {
        let why = first.map_or("It holds no statement of an account.".to_owned(), |finding| {
            format!("{}: {}", finding.place, finding.message)
        });
        return Err(invalid(format!("Nothing of the file can be used. {why}")));
    }
    let finding = |finding: &files::Finding| BankFinding {
        place: finding.place.to_string(),
        kind: finding.kind.name().to_owned(),
        message: finding.message.clone(),
    };
    let findings = file.findings.iter().take(MOST_FINDINGS).map(finding).collect();
    Ok(ReadFile {
        format: file.format.name(),
        statements,
        endings,
        findings,
        finding_count: file.findings.len(),
    })
}

fn statement(
    format: Format,
    statement: &files::Statement,
    account: String,
    mapping: Option<&CsvMapping>,
) -> Option<Statement> {
    let stated = mapping.and_then(|mapping| Currency::parse(&mapping.currency));
    let currency = statement
        .currency
        .or(statement.entries.first().map(|entry| entry.amount.currency()))
        .or(stated)?;
    let bookings = bookings(statement, currency);
    let days = || bookings.iter().map(|booking| booking.day);
    let period =
        statement.period.or(mapping.and_then(|mapping| mapping.covers.0.zip(mapping.covers.1)));
    let covers =
        period.or_else(|| days().min().zip(days().max())).filter(|(from, to)| from <= to)?;
    let closing = statement.closing.filter(|balance| balance.amount.currency() == currency);
    // What was booked after the day of the balance is not in it.
    let later = |on: NaiveDate| {
        bookings
            .iter()
            .filter(move |booking| booking.day > on)
            .fold(0_i64, |sum, booking| sum.saturating_add(booking.amount))
    };
    let closing = closing.map(|balance| balance.amount.micros().saturating_add(later(balance.on)));
    // Balances, where there are both, know better than a stated period whether bookings are
    // missing.
    let whole = if statement.opening.is_some() && statement.closing.is_some() {
        statement.is_whole()
    } else {
        period.is_some()
    };
    Some(Statement {
        account,
        currency,
        source: Source::File(format.name()),
        id: StatementId {
            id: statement.id.clone(),
            sequence: statement.sequence.clone(),
            page: statement.page.clone(),
        },
        covers,
        whole,
        closing,
        reports_returns: matches!(
            format,
            Format::Camt052 | Format::Camt053 | Format::Camt054 | Format::Mt940
        ),
        bookings,
    })
}

/// What was booked: a batch once, by its own amount, with who paid which part.
fn bookings(statement: &files::Statement, currency: Currency) -> Vec<Booking> {
    let counts =
        |entry: &&Entry| entry.status == Status::Booked && entry.amount.currency() == currency;
    let mut batches: BTreeMap<usize, usize> = BTreeMap::new();
    let mut bookings: Vec<Booking> = Vec::new();
    for entry in statement.entries.iter().filter(counts) {
        let mut booking = booking(entry);
        let Some(part) = &entry.part_of else {
            bookings.push(booking);
            continue;
        };
        let paid = (booking.party.clone(), booking.amount);
        if let Some(batch) =
            batches.get(&entry.place.entry).and_then(|place| bookings.get_mut(*place))
        {
            if batch.party != booking.party {
                batch.party.clear();
            }
            batch.references.retain(|reference| booking.references.contains(reference));
            batch.parts.push(paid);
            continue;
        }
        batches.insert(entry.place.entry, bookings.len());
        booking.amount = part.entry_amount.micros();
        booking.parts = vec![paid];
        bookings.push(booking);
    }
    bookings
}

fn booking(entry: &Entry) -> Booking {
    let amount = entry.amount.micros();
    let returned = match &entry.returned {
        Some(returned) if returned.own_payment => Some(Returned::OwnPayment),
        Some(_) => Some(Returned::Deposit),
        None if entry.reversal && amount > 0 => Some(Returned::OwnPayment),
        None if entry.reversal => Some(Returned::Deposit),
        None => None,
    };
    let kind = match entry.kind {
        files::Kind::Loan => BookingKind::Loan,
        files::Kind::OwnTransfer => BookingKind::OwnTransfer,
        files::Kind::Cash => BookingKind::Cash,
        files::Kind::Refund => BookingKind::Refund,
        files::Kind::Other | files::Kind::Fee | files::Kind::Interest | files::Kind::Tax => {
            BookingKind::Other
        }
    };
    Booking {
        day: entry.booked_on,
        amount,
        party: clean(&entry.party),
        text: clean(&entry.text),
        references: entry.references.iter().filter_map(reference).take(MOST_REFERENCES).collect(),
        returned,
        kind,
        parts: Vec::new(),
    }
}

/// A reference that can name one booking: mandates name many, and numbers within a statement begin
/// anew in each.
fn reference(reference: &files::Reference) -> Option<Reference> {
    let kind = match reference.kind {
        files::ReferenceKind::AccountServicer => ReferenceKind::Servicer,
        files::ReferenceKind::EndToEnd => ReferenceKind::EndToEnd,
        files::ReferenceKind::Transaction => ReferenceKind::Transaction,
        files::ReferenceKind::Cheque => ReferenceKind::Cheque,
        files::ReferenceKind::Bank => ReferenceKind::Bank,
        files::ReferenceKind::Instruction
        | files::ReferenceKind::Mandate
        | files::ReferenceKind::EntryRef
        | files::ReferenceKind::Document => return None,
    };
    Some(Reference { kind, value: clean(&reference.value) })
}
