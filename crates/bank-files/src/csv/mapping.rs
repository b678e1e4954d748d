//! Which columns of a CSV file mean what.

use chrono::NaiveDate;
use payterms_kernel::Currency;

/// How a CSV file is read. A column is named as in the file's header; an empty name is no column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CsvMapping {
    /// The day of the booking.
    pub date_column: String,
    /// In which order a date with points or strokes stands.
    pub date_order: DateOrder,
    /// The day from which an entry bears interest.
    pub value_date_column: String,
    /// What came in, or went out below zero.
    pub amount_column: String,
    /// What came in; with `debit_column` instead of `amount_column`.
    pub credit_column: String,
    /// What went out.
    pub debit_column: String,
    /// Whether an amount without a sign came in or went out: `CRDT`/`DBIT`, `C`/`D`,
    /// `Credit`/`Debit`, `Bij`/`Af`, `H`/`S`, `+`/`-`.
    pub direction_column: String,
    /// The balance after the booking.
    pub balance_column: String,
    /// Who paid or was paid.
    pub party_column: String,
    /// The account of who paid or was paid.
    pub party_account_column: String,
    /// The bank's reference.
    pub reference_column: String,
    /// Texts, in the order in which a person reads them.
    pub text_columns: Vec<String>,
    /// The bank's transaction code.
    pub code_column: String,
    /// Whether the row is booked.
    pub status_column: String,
    /// The currency of the row.
    pub currency_column: String,
    /// The account of the row; `account` where it is empty.
    pub account_column: String,
    /// Charges of the row.
    pub charges_column: String,
    /// Between columns; `,` where it is not set.
    pub separator: Option<char>,
    /// Whether the decimal sign is a comma.
    pub decimal_comma: bool,
    /// The account, where no column names it.
    pub account: String,
    /// The account's currency: rows of another one are set apart. Where it is not set each currency
    /// is a statement of its own.
    pub currency: Option<Currency>,
    /// First and last day that the file covers, where it is stated; rows outside are set apart.
    pub period: (Option<NaiveDate>, Option<NaiveDate>),
}

/// The order of day, month and year. The year may have two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DateOrder {
    /// 2026-06-30.
    #[default]
    YearMonthDay,
    /// 30.06.2026 or 30/06/26.
    DayMonthYear,
    /// 06/30/2026.
    MonthDayYear,
}
