//! Files of bank statements, and what they cover.

use crate::{
    bank_files::{ReadFile, account_hash},
    commands::bank_files::{BankFile, BankFinding, CsvMapping, DateOrder, Reading},
};
use payterms_bank_files::Preset;
use payterms_chassis::{
    Fields,
    render::{date, money, timestamp},
};
use payterms_credit_domain::bank::{Coverage, Gap, Statement};
use payterms_kernel::{Money, TenantId};
use payterms_proto::credit::v1 as pb;

/// Columns of texts.
const MOST_TEXT_COLUMNS: usize = 10;
/// Statements of a file that are described.
const MOST_DESCRIBED: usize = 100;
/// Bytes of one file.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// How a CSV file is read. Account numbers may look like card numbers: only a hash of one goes on from here.
fn csv_mapping(fields: &mut Fields, tenant: &TenantId, (message, has_preset): (&pb::CsvMapping, bool)) -> CsvMapping {
    use pb::csv_mapping::DateOrder as Order;
    let mut column = |field: &str, text: &str, least: usize| fields.text(&format!("csv.{field}"), text, least, 60);
    let date = column("date_column", &message.date_column, usize::from(!has_preset));
    let amount = column("amount_column", &message.amount_column, 0);
    let sides = (column("credit_column", &message.credit_column, 0), column("debit_column", &message.debit_column, 0));
    let balance = column("balance_column", &message.balance_column, 0);
    let party = column("party_column", &message.party_column, 0);
    let reference = column("reference_column", &message.reference_column, 0);
    let currency_column = column("currency_column", &message.currency_column, 0);
    let status_column = column("status_column", &message.status_column, 0);
    let direction_column = column("direction_column", &message.direction_column, 0);
    let text_columns = message.text_columns.iter().take(MOST_TEXT_COLUMNS);
    let text_columns = text_columns.map(|text| column("text_columns", text, 1)).collect();
    if message.text_columns.len() > MOST_TEXT_COLUMNS {
        fields.wrong("csv.text_columns", "TOO_MANY_ITEMS", "Name at most 10.");
    }
    if !has_preset && amount.is_empty() == (sides.0.is_empty() || sides.1.is_empty()) {
        fields.wrong("csv.amount_column", "FIELD_REQUIRED", "Name the amount's column, or those of credit and debit.");
    }
    let order = if has_preset { None } else { fields.choice::<Order>("csv.date_order", message.date_order) };
    let order = match order {
        Some(Order::DayMonthYear) => DateOrder::DayMonthYear,
        Some(Order::MonthDayYear) => DateOrder::MonthDayYear,
        _ => DateOrder::YearMonthDay,
    };
    let separator = match message.separator.as_str() {
        "" | "," => b',',
        ";" => b';',
        "\t" => b'\t',
        _ => {
            fields.wrong("csv.separator", "FIELD_INVALID_CHARS", "Use a comma, a semicolon or a tab.");
            b','
        }
    };
    let length = message.account.trim().chars().count();
    if !(1..=60).contains(&length) {
        fields.wrong("csv.account", "FIELD_REQUIRED", "Write 1 to 60 characters that tell the account from others.");
    }
    let from = fields.optional_date("csv.from_date", message.from_date.as_ref());
    let to = fields.optional_date("csv.to_date", message.to_date.as_ref());
    CsvMapping {
        date: (date, order),
        amount,
        sides,
        balance,
        party,
        reference,
        separator,
        decimal_comma: message.decimal_comma,
        account: account_hash(tenant, &message.account),
        currency: fields.currency("csv.currency_code", &message.currency_code).code().to_owned(),
        covers: (from, to),
        currency_column,
        status_column,
        direction_column,
        text_columns,
    }
}

/// A file, without its content.
pub(super) fn bank_file(file: &BankFile) -> pb::BankFile {
    pb::BankFile {
        sha256: file.sha256.clone(),
        title: file.title.clone(),
        account_count: i32::try_from(file.accounts).unwrap_or(i32::MAX),
        booking_count: i32::try_from(file.bookings).unwrap_or(i32::MAX),
        create_time: Some(timestamp(file.at)),
        linked: file.linked,
        findings: file.findings.iter().map(finding).collect(),
        format: file.format.clone(),
        finding_count: i32::try_from(file.finding_count).unwrap_or(i32::MAX),
    }
}

/// A file that is sent, and how it is read.
pub(super) fn content(
    fields: &mut Fields,
    tenant: &TenantId,
    (content, csv, preset): (&[u8], Option<&pb::CsvMapping>, i32),
) -> (Vec<u8>, Reading) {
    if content.is_empty() {
        fields.wrong("content", "FIELD_REQUIRED", "Send the file.");
    }
    if content.len() > MOST_BYTES {
        fields.wrong("content", "FIELD_TOO_LONG", "Send at most 2 MiB.");
    }
    let chosen = if preset == 0 { None } else { fields.choice::<pb::CsvPreset>("preset", preset) };
    let named = |preset: pb::CsvPreset| Preset::ALL.into_iter().find(|own| preset.as_str_name() == format!("CSV_PRESET_{}", own.name()));
    let mapping = csv.map(|csv| csv_mapping(fields, tenant, (csv, preset != 0)));
    (content.to_vec(), Reading { mapping, preset: chosen.and_then(named) })
}

/// Something in a file that cannot be used, or not as it stands.
#[must_use]
pub fn finding(own: &BankFinding) -> pb::BankFinding {
    pb::BankFinding { place: own.place.clone(), kind: own.kind.clone(), message: own.message.clone() }
}

/// What would be read of a file.
#[must_use]
pub fn description(read: &ReadFile) -> pb::DescribeBankFileResponse {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let statement = |(own, ending): (&Statement, &String)| {
        let amount = |micros| Some(money(Money::from_micros(own.currency, micros)));
        let sum = |sign: i64| {
            own.bookings.iter().map(|booking| booking.amount).filter(|own| own.signum() == sign).fold(0_i64, i64::saturating_add)
        };
        pb::BankStatementSummary {
            account_ending: ending.clone(),
            currency_code: own.currency.code().to_owned(),
            from_date: Some(date(own.covers.0)),
            to_date: Some(date(own.covers.1)),
            whole: own.whole,
            booking_count: count(own.bookings.len()),
            inflow: amount(sum(1)),
            outflow: amount(sum(-1).saturating_neg()),
            closing_balance: own.closing.and_then(amount),
            tells_returns: own.tells_returns,
        }
    };
    pb::DescribeBankFileResponse {
        format: read.format.to_owned(),
        statements: read.statements.iter().zip(&read.endings).take(MOST_DESCRIBED).map(statement).collect(),
        findings: read.findings.iter().map(finding).collect(),
        finding_count: count(read.finding_count),
    }
}

/// What bank data covers.
pub(super) fn bank_summary(coverage: &Coverage) -> pb::BankSummary {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let gap = |gap: &Gap| pb::BankGap { account: count(gap.account), from_date: Some(date(gap.from)), to_date: Some(date(gap.to)) };
    pb::BankSummary {
        account_count: count(coverage.accounts),
        ignored_count: count(coverage.ignored),
        until_date: coverage.until.map(date),
        gaps: coverage.gaps.iter().map(gap).collect(),
    }
}
