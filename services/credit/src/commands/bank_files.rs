//! How a bank's file is read, and a file of an application.

use chrono::{DateTime, NaiveDate, Utc};
use payterms_bank_files::Preset;
use payterms_credit_domain::FileKind;
use serde::{Deserialize, Serialize};

/// In which order a date stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DateOrder {
    /// 2026-06-30.
    YearMonthDay,
    /// 30.06.2026.
    DayMonthYear,
    /// 06/30/2026.
    MonthDayYear,
}

/// How a CSV file is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvMapping {
    /// The column of the day, and how it is written.
    pub date: (String, DateOrder),
    /// The column of what came in or, below zero, went out; empty: it stands in two columns.
    pub amount: String,
    /// The columns of what came in, and of what went out.
    pub sides: (String, String),
    /// The column of the balance after a booking; empty: none.
    pub balance: String,
    /// The column of who paid or was paid; empty: none.
    pub party: String,
    /// The column of the bank's reference; empty: none.
    pub reference: String,
    /// What stands between columns.
    pub separator: u8,
    /// Whether the decimal sign is a comma.
    pub decimal_comma: bool,
    /// The account's hash, as of statements.
    pub account: String,
    /// Its currency, by its code.
    pub currency: String,
    /// The first and the last day that it covers; none: those of its bookings.
    pub covers: (Option<NaiveDate>, Option<NaiveDate>),
    /// The column of the row's currency; empty: none.
    #[serde(default)]
    pub currency_column: String,
    /// The column that says whether the row is booked; empty: none.
    #[serde(default)]
    pub status_column: String,
    /// The column that says whether an amount came in or went out; empty: none.
    #[serde(default)]
    pub direction_column: String,
    /// Columns of what else was written.
    #[serde(default)]
    pub text_columns: Vec<String>,
}

/// How a file is read: by a mapping, as a bank's export, or by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// How a CSV file is read. With a preset its account, currency and period alone count.
    pub mapping: Option<CsvMapping>,
    /// The bank whose CSV export it is.
    pub preset: Option<Preset>,
}

/// Something in a file that cannot be used, or not as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankFinding {
    /// Where.
    pub place: String,
    /// What kind.
    pub kind: String,
    /// A sentence for people.
    pub message: String,
}

/// An uploaded file, or what was read from linked accounts.
#[derive(Debug, Clone)]
pub struct BankFile {
    /// SHA-256 of the original, in hexadecimal.
    pub sha256: String,
    /// What it is called.
    pub title: String,
    /// Whether its bookings are read.
    pub kind: FileKind,
    /// Bytes of the original.
    pub size: i64,
    /// The original; empty where it is not asked for, and of an attachment, whose sealed parts are
    /// rows of their own.
    pub content: Vec<u8>,
    /// How it is read.
    pub reading: Reading,
    /// Its format; empty where it was read from a linked account, or uploaded before formats were
    /// stored.
    pub format: String,
    /// What of it could not be used: the first of it.
    pub findings: Vec<BankFinding>,
    /// How many findings there are.
    pub finding_count: i64,
    /// Whether it was read from a linked account.
    pub linked: bool,
    /// Accounts that it holds.
    pub accounts: i64,
    /// Bookings that it holds.
    pub bookings: i64,
    /// When it was uploaded.
    pub at: DateTime<Utc>,
}
