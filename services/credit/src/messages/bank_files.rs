//! Files of bank statements, and what they cover.

use crate::{
    bank_files::{ReadFile, account_hash},
    commands::bank_files::{BankFile, BankFinding, CsvMapping, DateOrder, Reading},
};
use payterms_bank_files as files;
use payterms_chassis::{
    Fields, bank_file,
    render::{date, money, timestamp},
};
use payterms_credit_domain::{
    AttachmentFormat, FileKind,
    attachment::MOST_BYTES,
    bank::{Coverage, Gap, Statement},
};
use payterms_kernel::{Money, Reason, TenantId};
use payterms_proto::{
    common::v1::{BankFinding as BankFindingMessage, CsvMapping as CsvMappingMessage},
    credit::v1 as pb,
};
use prost::bytes::Bytes;

/// Statements of a file that are described.
const MOST_DESCRIBED: usize = 100;

/// How a CSV file is read, as it is stored: of the account only a hash goes on from here.
fn stored(tenant: &TenantId, csv_mapping: files::CsvMapping) -> CsvMapping {
    CsvMapping {
        date: (
            csv_mapping.date_column,
            match csv_mapping.date_order {
                files::DateOrder::YearMonthDay => DateOrder::YearMonthDay,
                files::DateOrder::DayMonthYear => DateOrder::DayMonthYear,
                files::DateOrder::MonthDayYear => DateOrder::MonthDayYear,
            },
        ),
        amount: csv_mapping.amount_column,
        sides: (csv_mapping.credit_column, csv_mapping.debit_column),
        balance: csv_mapping.balance_column,
        party: csv_mapping.party_column,
        reference: csv_mapping.reference_column,
        separator: csv_mapping
            .separator
            .and_then(|separator| u8::try_from(separator).ok())
            .unwrap_or(b','),
        decimal_comma: csv_mapping.decimal_comma,
        account: account_hash(tenant, &csv_mapping.account),
        currency: csv_mapping
            .currency
            .map(|currency| currency.code().to_owned())
            .unwrap_or_default(),
        covers: csv_mapping.period,
        currency_column: csv_mapping.currency_column,
        status_column: csv_mapping.status_column,
        direction_column: csv_mapping.direction_column,
        text_columns: csv_mapping.text_columns,
    }
}

/// A file, without its content.
#[must_use]
pub fn bank_file(file: &BankFile) -> pb::BankFile {
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
        kind: match file.kind {
            FileKind::Statement => pb::bank_file::Kind::Statement,
            FileKind::Attachment => pb::bank_file::Kind::Attachment,
        }
        .into(),
        size_bytes: if file.linked { 0 } else { file.size },
    }
}

/// A file that is sent, and how it is read: an attachment is not.
pub(super) fn content(
    fields: &mut Fields,
    tenant: &TenantId,
    content: &Bytes,
    csv: Option<&CsvMappingMessage>,
    preset: i32,
) -> (Bytes, Reading) {
    if AttachmentFormat::of(content).is_some() {
        if content.len() > MOST_BYTES {
            fields.wrong(
                "content",
                Reason::FIELD_TOO_LONG,
                "Send at most 10 MiB of a PDF, PNG or JPEG.",
            );
        }
        for (field, is_set) in [("csv", csv.is_some()), ("preset", preset != 0)] {
            if is_set {
                fields.wrong(
                    field,
                    Reason::FIELD_OUT_OF_RANGE,
                    "Leave it out: nothing is read of a PDF, PNG or JPEG.",
                );
            }
        }
        return (content.clone(), Reading::default());
    }
    let (content, reading) = bank_file::bank_file(fields, content, csv, preset);
    (
        content.into(),
        Reading {
            mapping: reading.mapping.map(|csv_mapping| stored(tenant, csv_mapping)),
            preset: reading.preset,
        },
    )
}

/// Something in a file that cannot be used, or not as it stands.
#[must_use]
pub fn finding(this_bank_finding: &BankFinding) -> BankFindingMessage {
    bank_file::bank_finding(
        &this_bank_finding.place,
        &this_bank_finding.kind,
        &this_bank_finding.message,
    )
}

/// What would be read of an attachment: nothing.
#[must_use]
pub fn attachment_description(format: AttachmentFormat) -> pb::DescribeBankFileResponse {
    pb::DescribeBankFileResponse {
        format: format.name().to_owned(),
        ..pb::DescribeBankFileResponse::default()
    }
}

/// What would be read of a file.
#[must_use]
pub fn description(read: &ReadFile) -> pb::DescribeBankFileResponse {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let statement = |(statement, ending): (&Statement, &String)| {
        let amount = |micros| Some(money(Money::from_micros(statement.currency, micros)));
        let sum = |sign: i64| {
            statement
                .bookings
                .iter()
                .map(|booking| booking.amount)
                .filter(|number| number.signum() == sign)
                .fold(0_i64, i64::saturating_add)
        };
        pb::BankStatementSummary {
            account_ending: ending.clone(),
            currency_code: statement.currency.code().to_owned(),
            from_date: Some(date(statement.covers.0)),
            to_date: Some(date(statement.covers.1)),
            whole: statement.whole,
            booking_count: count(statement.bookings.len()),
            inflow: amount(sum(1)),
            outflow: amount(sum(-1).saturating_neg()),
            closing_balance: statement.closing.and_then(amount),
            reports_returns: statement.reports_returns,
        }
    };
    pb::DescribeBankFileResponse {
        format: read.format.to_owned(),
        statements: read
            .statements
            .iter()
            .zip(&read.endings)
            .take(MOST_DESCRIBED)
            .map(statement)
            .collect(),
        findings: read.findings.iter().map(finding).collect(),
        finding_count: count(read.finding_count),
    }
}

/// What bank data covers.
pub(super) fn bank_summary(coverage: &Coverage) -> pb::BankSummary {
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let gap = |gap: &Gap| pb::BankGap {
        account: count(gap.account),
        from_date: Some(date(gap.from)),
        to_date: Some(date(gap.to)),
    };
    pb::BankSummary {
        account_count: count(coverage.accounts),
        ignored_count: count(coverage.ignored),
        until_date: coverage.until.map(date),
        gaps: coverage.gaps.iter().map(gap).collect(),
    }
}
