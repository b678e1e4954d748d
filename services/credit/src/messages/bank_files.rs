//! Files of bank statements, and what they cover.

use crate::{
    bank_files::account_hash,
    commands::bank_files::{BankFile, CsvMapping, DateOrder},
};
use payterms_chassis::{
    Fields,
    render::{date, timestamp},
};
use payterms_credit_domain::bank::{Coverage, Gap};
use payterms_kernel::TenantId;
use payterms_proto::credit::v1 as pb;

/// Bytes of one file.
pub(super) const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// How a CSV file is read. Account numbers may look like card numbers: only a hash of one goes on from here.
pub(super) fn csv_mapping(fields: &mut Fields, tenant: &TenantId, message: &pb::CsvMapping) -> CsvMapping {
    use pb::csv_mapping::DateOrder as Order;
    let mut column = |field: &str, text: &str, least: usize| fields.text(&format!("csv.{field}"), text, least, 60);
    let date = column("date_column", &message.date_column, 1);
    let amount = column("amount_column", &message.amount_column, 0);
    let sides = (column("credit_column", &message.credit_column, 0), column("debit_column", &message.debit_column, 0));
    let balance = column("balance_column", &message.balance_column, 0);
    let party = column("party_column", &message.party_column, 0);
    let reference = column("reference_column", &message.reference_column, 0);
    if amount.is_empty() == (sides.0.is_empty() || sides.1.is_empty()) {
        fields.wrong("csv.amount_column", "FIELD_REQUIRED", "Name the amount's column, or those of credit and debit.");
    }
    let order = match fields.choice::<Order>("csv.date_order", message.date_order) {
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
