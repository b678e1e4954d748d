//! A file of uses, as the demo plays it and `payterms usage import` records it: CSV with a line of
//! names.

use chrono::{DateTime, Days, NaiveDate, Utc};
use csv::StringRecord;
use payterms_chassis::render::timestamp;
use payterms_kernel::money::parse_decimal;
use payterms_proto::{
    google::r#type::{Decimal, Money},
    wallet::v1::RecordUsageRequest,
};
use std::io::Read;
use uuid::Uuid;

/// The columns, in any order, and no others: what is not read, as a currency, would change what a
/// line means.
const COLUMNS: [&str; 5] = ["request_id", "usage_time", "product", "quantity", "unit_price"];
/// Decimals of a price.
const PRICE_DECIMALS: u32 = 6;

/// Whose uses they are.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name of the wallet.
    pub wallet: String,
    /// Currency of the wallet, and so of the prices.
    pub currency: String,
    /// The day in UTC to which the first use of the file is moved, and all others by as many days.
    pub first_day: Option<NaiveDate>,
}

/// One line of a file.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The use, or why it is none.
    pub usage: Result<RecordUsageRequest, String>,
}

/// The lines of a file, one after the other.
#[derive(Debug)]
pub struct UsageFile<R> {
    reader: csv::Reader<R>,
    places: [usize; COLUMNS.len()],
    target: Target,
    /// By how many days times are moved, once the first is known.
    shift_days: Option<i64>,
}

impl<R: Read> UsageFile<R> {
    /// Reads the names of the columns.
    ///
    /// # Errors
    /// A sentence that names all columns that are missing, not known or named twice.
    pub fn open(file: R, target: Target) -> Result<Self, String> {
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
        let names = reader.headers().map_err(|error| error.to_string())?;
        let count = |column: &str| names.iter().filter(|name| *name == column).count();
        let missing: Vec<_> = COLUMNS.into_iter().filter(|column| count(column) == 0).collect();
        let unknown: Vec<_> = names
            .iter()
            .filter(|name| !COLUMNS.contains(name))
            .map(|name| format!("{name:?}"))
            .collect();
        let twice: Vec<_> = COLUMNS.into_iter().filter(|column| count(column) > 1).collect();
        let wrong = [
            ("these are missing", missing.join(", ")),
            ("these are not known", unknown.join(", ")),
            ("these are named twice", twice.join(", ")),
        ];
        let wrong: Vec<_> = wrong
            .into_iter()
            .filter(|(_, columns)| !columns.is_empty())
            .map(|(why, columns)| format!("{why}: {columns}"))
            .collect();
        if !wrong.is_empty() {
            return Err(format!(
                "the first line names the columns {}, each once; {}",
                COLUMNS.join(", "),
                wrong.join("; ")
            ));
        }
        let places =
            COLUMNS.map(|column| names.iter().position(|name| name == column).unwrap_or_default());
        Ok(Self { reader, places, target, shift_days: None })
    }

    fn usage(&mut self, record: &StringRecord) -> Result<RecordUsageRequest, String> {
        // One too many is as wrong as one too few: `12,5,0.01` in the place of a quantity of 12.5
        // would be 12 at a price of 5.
        if record.len() != COLUMNS.len() {
            return Err(format!(
                "it has {} of {} columns; a value with a comma in it is written in quotes",
                record.len(),
                COLUMNS.len()
            ));
        }
        let [id, time, product, quantity, price] =
            self.places.map(|place| record.get(place).unwrap_or_default());
        if id.is_empty() {
            return Err("request_id is empty: write what is this line's own".to_owned());
        }
        let time = DateTime::parse_from_rfc3339(time).map_err(|_| {
            format!("usage_time {time:?}: write an instant such as 2026-06-01T09:00:00Z")
        })?;
        let time = time.to_utc();
        Ok(RecordUsageRequest {
            request_id: request_id(&self.target.wallet, id),
            wallet: self.target.wallet.clone(),
            product: product.to_owned(),
            quantity: Some(Decimal { value: quantity.to_owned() }),
            unit_price: Some(
                money(&self.target.currency, price)
                    .map_err(|why| format!("unit_price {price}: {why}"))?,
            ),
            usage_time: Some(timestamp(self.moved(time)?)),
            ..Default::default()
        })
    }

    fn moved(&mut self, time: DateTime<Utc>) -> Result<DateTime<Utc>, String> {
        let Some(first_day) = self.target.first_day else { return Ok(time) };
        let days =
            *self.shift_days.get_or_insert_with(|| (first_day - time.date_naive()).num_days());
        let by = Days::new(days.unsigned_abs());
        let moved = if days < 0 { time.checked_sub_days(by) } else { time.checked_add_days(by) };
        moved.ok_or_else(|| "usage_time is out of range".to_owned())
    }
}

impl<R: Read> Iterator for UsageFile<R> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let mut record = StringRecord::new();
        let number = self.reader.position().line();
        match self.reader.read_record(&mut record) {
            Ok(false) => None,
            Ok(true) => Some(Line {
                number: record.position().map_or(number, csv::Position::line),
                usage: self.usage(&record),
            }),
            Err(error) => Some(Line { number, usage: Err(error.to_string()) }),
        }
    }
}

/// A UUID is the request id itself; of any other text one is made, which is the wallet's own.
fn request_id(wallet: &str, text: &str) -> String {
    text.parse::<Uuid>()
        .unwrap_or_else(|_| {
            Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{wallet}/{text}").as_bytes())
        })
        .to_string()
}

fn money(currency: &str, text: &str) -> Result<Money, String> {
    let amount = parse_decimal(text, PRICE_DECIMALS).map_err(|error| error.to_string())?;
    let units = i64::try_from(amount.trunc()).map_err(|_| "it is too large".to_owned())?;
    let nanos = amount.fract() * rust_decimal::Decimal::from(1_000_000_000);
    let nanos = i32::try_from(nanos).map_err(|_| "it has too many decimals".to_owned())?;
    Ok(Money { currency_code: currency.to_owned(), units, nanos })
}

#[cfg(test)]
mod tests {
    use super::{Target, UsageFile};

    const WALLET: &str = "tenants/acme/customers/c/wallets/w";

    fn read(text: &str, first_day: Option<&str>) -> Vec<(u64, Result<String, String>)> {
        let first_day = first_day.map(|day| day.parse().unwrap());
        let target = Target { wallet: WALLET.to_owned(), currency: "USD".to_owned(), first_day };
        let shown = |usage: payterms_proto::wallet::v1::RecordUsageRequest| {
            let (price, time) = (usage.unit_price.unwrap(), usage.usage_time.unwrap());
            format!(
                "{} {} {}.{:09} {time}",
                usage.product,
                usage.quantity.unwrap().value,
                price.units,
                price.nanos
            )
        };
        UsageFile::open(text.as_bytes(), target)
            .unwrap()
            .map(|line| (line.number, line.usage.map(shown)))
            .collect()
    }

    #[test]
    fn each_line_is_a_use_or_says_why_not() {
        let file = "product,request_id,usage_time,quantity,unit_price\n\
                    sms,u-1,2026-06-01T09:00:00Z,120,0.05\n\
                    call, u-2 ,2026-06-01T23:30:00+02:00,1.5,12.000001\n\
                    sms,u-3,yesterday,1,0.05\n\
                    sms,u-4,2026-06-02T09:00:00Z,1,much\n\
                    sms,,2026-06-02T09:00:00Z,1,0.05\n\
                    sms,u-6\n\
                    sms,u-7,2026-06-02T09:00:00Z,12,5,0.01\n\
                    sms,u-8,2026-06-02T09:00:00Z,1,0.05,\n";
        let lines = read(file, None);
        assert_eq!(lines[0], (2, Ok("sms 120 0.050000000 2026-06-01T09:00:00Z".to_owned())));
        assert_eq!(lines[1], (3, Ok("call 1.5 12.000001000 2026-06-01T21:30:00Z".to_owned())));
        let wrong = [
            "usage_time \"yesterday\": write an instant",
            "unit_price much",
            "request_id is empty",
            "it has 2 of 5 columns",
            "it has 6 of 5 columns",
            "it has 6 of 5 columns",
        ];
        assert_eq!(lines.len(), 2 + wrong.len());
        for ((number, usage), part) in lines[2..].iter().zip(wrong) {
            assert!(usage.as_ref().unwrap_err().contains(part), "{number}: {usage:?}");
        }
        let moved = read(file, Some("2026-11-01"));
        assert_eq!(moved[0].1.as_deref(), Ok("sms 120 0.050000000 2026-11-01T09:00:00Z"));
    }

    #[test]
    fn the_first_line_names_each_column_once_and_no_others() {
        let refused = |names: &str| {
            let target =
                Target { wallet: WALLET.to_owned(), currency: "USD".to_owned(), first_day: None };
            UsageFile::open(names.as_bytes(), target).unwrap_err()
        };
        let missing = refused("product,quantity\n");
        assert!(
            missing.ends_with("these are missing: request_id, usage_time, unit_price"),
            "{missing}"
        );
        let unknown = refused("request_id,usage_time,product,quantity,unit_price,currency,\n");
        assert!(unknown.ends_with("these are not known: \"currency\", \"\""), "{unknown}");
        let twice = refused("request_id,usage_time,product,quantity,unit_price,quantity\n");
        assert!(twice.ends_with("these are named twice: quantity"), "{twice}");
    }

    #[test]
    fn the_demo_file_is_short_enough_to_be_moved_to_any_day() {
        let file = include_str!("../demo/usage.csv");
        let days = |line: &str| {
            line.split(',').nth(1).unwrap()[..10].parse::<chrono::NaiveDate>().unwrap()
        };
        let (first, last) = (file.lines().nth(1).unwrap(), file.lines().next_back().unwrap());
        // docs/operating.md moves it to begin 33 days ago; uses are taken of the last 35 days, and
        // of none to come.
        assert!((0..33).contains(&(days(last) - days(first)).num_days()), "{first} {last}");
    }

    #[test]
    fn a_line_has_the_same_request_id_each_time() {
        let id = "3df6149e-c999-56a6-a013-e34e040f617f";
        assert_eq!(super::request_id(WALLET, id), id);
        assert_eq!(super::request_id(WALLET, "u-1"), super::request_id(WALLET, "u-1"));
        assert_ne!(super::request_id(WALLET, "u-1"), super::request_id("another", "u-1"));
    }
}
