//! Files of banks in requests: how one is to be read. Two services take such files in, in the same
//! words.

use super::fields::Fields;
use payterms_bank_files::{CsvMapping, DateOrder, Preset, Source};
use payterms_kernel::Reason;
use payterms_proto::common::v1 as pb;

/// Columns of texts.
const MOST_TEXT_COLUMNS: usize = 10;
/// Bytes of one file.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// How a file is read: by a mapping, as a bank's export, or by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// How a CSV file is read. With a preset its account, currency and period alone count.
    pub mapping: Option<CsvMapping>,
    /// The bank whose CSV export it is.
    pub preset: Option<Preset>,
}

impl Reading {
    /// What the reader is to be given.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        match (&self.mapping, self.preset) {
            (_, Some(preset)) => Source::Preset(preset),
            (Some(mapping), None) => Source::Csv(mapping),
            (None, None) => Source::Detect,
        }
    }
}

/// A file in field `content`, and how it is read: fields `csv` and `preset`.
pub fn bank_file(
    fields: &mut Fields,
    content: &[u8],
    csv: Option<&pb::CsvMapping>,
    preset: i32,
) -> (Vec<u8>, Reading) {
    if content.is_empty() {
        fields.wrong("content", Reason::FIELD_REQUIRED, "Send the file.");
    }
    if content.len() > MOST_BYTES {
        fields.wrong(
            "content",
            Reason::FIELD_TOO_LONG,
            "Send at most 2 MiB; cut a longer file in two.",
        );
    }
    let chosen = if preset == 0 { None } else { fields.choice::<pb::CsvPreset>("preset", preset) };
    let named = |preset: pb::CsvPreset| {
        Preset::ALL
            .into_iter()
            .find(|each| preset.as_str_name() == format!("CSV_PRESET_{}", each.name()))
    };
    let mapping = csv.map(|csv| csv_mapping(fields, csv, preset != 0));
    (content.to_vec(), Reading { mapping, preset: chosen.and_then(named) })
}

fn csv_mapping(fields: &mut Fields, message: &pb::CsvMapping, has_preset: bool) -> CsvMapping {
    use pb::csv_mapping::DateOrder as Order;
    let mut column = |field: &str, text: &str, least: usize| {
        fields.text(&format!("csv.{field}"), text, least, 60)
    };
    let mut mapping = CsvMapping {
        date_column: column("date_column", &message.date_column, usize::from(!has_preset)),
        amount_column: column("amount_column", &message.amount_column, 0),
        credit_column: column("credit_column", &message.credit_column, 0),
        debit_column: column("debit_column", &message.debit_column, 0),
        balance_column: column("balance_column", &message.balance_column, 0),
        party_column: column("party_column", &message.party_column, 0),
        reference_column: column("reference_column", &message.reference_column, 0),
        currency_column: column("currency_column", &message.currency_column, 0),
        status_column: column("status_column", &message.status_column, 0),
        direction_column: column("direction_column", &message.direction_column, 0),
        text_columns: message
            .text_columns
            .iter()
            .take(MOST_TEXT_COLUMNS)
            .map(|text| column("text_columns", text, 1))
            .collect(),
        decimal_comma: message.decimal_comma,
        ..CsvMapping::default()
    };
    if message.text_columns.len() > MOST_TEXT_COLUMNS {
        fields.wrong("csv.text_columns", Reason::TOO_MANY_ITEMS, "Name at most 10.");
    }
    let has_sides = !mapping.credit_column.is_empty() && !mapping.debit_column.is_empty();
    if !has_preset && mapping.amount_column.is_empty() != has_sides {
        fields.wrong(
            "csv.amount_column",
            Reason::FIELD_REQUIRED,
            "Name the amount's column, or those of credit and debit.",
        );
    }
    let order = if has_preset {
        None
    } else {
        fields.choice::<Order>("csv.date_order", message.date_order)
    };
    mapping.date_order = match order {
        Some(Order::DayMonthYear) => DateOrder::DayMonthYear,
        Some(Order::MonthDayYear) => DateOrder::MonthDayYear,
        _ => DateOrder::YearMonthDay,
    };
    mapping.separator = Some(match message.separator.as_str() {
        "" | "," => ',',
        ";" => ';',
        "\t" => '\t',
        _ => {
            fields.wrong(
                "csv.separator",
                Reason::FIELD_INVALID_CHARS,
                "Use a comma, a semicolon or a tab.",
            );
            ','
        }
    });
    // No text field: an account number may look like a card number.
    let length = message.account.trim().chars().count();
    if !(1..=60).contains(&length) {
        fields.wrong(
            "csv.account",
            Reason::FIELD_REQUIRED,
            "Write 1 to 60 characters that tell the account from others.",
        );
    }
    mapping.account =
        message.account.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    mapping.period = (
        fields.optional_date("csv.from_date", message.from_date.as_ref()),
        fields.optional_date("csv.to_date", message.to_date.as_ref()),
    );
    mapping.currency = Some(fields.currency("csv.currency_code", &message.currency_code));
    mapping
}

/// Something in a file that cannot be used, or not as it stands.
#[must_use]
pub fn bank_finding(place: &impl ToString, kind: &str, message: &str) -> pb::BankFinding {
    pb::BankFinding { place: place.to_string(), kind: kind.to_owned(), message: message.to_owned() }
}
