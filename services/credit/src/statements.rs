//! Bank statements that an applicant uploads: CAMT.053, or CSV with a mapping. A file is hostile until it is read; of an
//! account only a hash is kept.

use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    xml::{self, Element},
};
use payterms_credit_domain::bank::{Booking, Statement};
use payterms_kernel::{Currency, Kind, Money, Refusal, TenantId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bookings of one file.
pub const MOST_BOOKINGS: usize = 20_000;
/// Characters of a party's name and of a reference.
const MOST_TEXT: usize = 140;
/// Rows that are told to be wrong.
const TOLD: usize = 10;

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
    /// The column of what came in or, below zero, went out; empty: two columns tell it.
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
    /// What tells the account from others: a hash, as of statements.
    pub account: String,
    /// Its currency, by its code.
    pub currency: String,
    /// The first and the last day that it covers; none: those of its bookings.
    pub covers: (Option<NaiveDate>, Option<NaiveDate>),
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "BANK_FILE_INVALID", what)
}

/// What tells an account from others, without its number.
#[must_use]
pub fn hashed(tenant: &TenantId, account: &str) -> String {
    let plain: String = account.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase();
    hex::encode(Sha256::digest(format!("{tenant}/{plain}")).get(..12).unwrap_or_default())
}

/// A text of the bank's without control characters, cut where it is too long.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TEXT).collect::<String>().trim().to_owned()
}

/// Reads a file; none: no mapping, so it is CAMT.053.
///
/// # Errors
/// `BANK_FILE_INVALID` with what is wrong.
pub fn read(tenant: &TenantId, file: &[u8], mapping: Option<&CsvMapping>) -> Result<Vec<Statement>, Refusal> {
    match mapping {
        Some(mapping) => Ok(vec![csv(file, mapping)?]),
        None => camt(tenant, file),
    }
}

/// A statement of a linked account, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    account: String,
    currency: String,
    covers: (NaiveDate, NaiveDate),
    closing: Option<i64>,
    bookings: Vec<Booking>,
}

/// What is kept of linked accounts that were read.
///
/// # Errors
/// A fault of ours.
pub fn keep(told: &[Statement]) -> Result<Vec<u8>, AppError> {
    let kept = |own: &Statement| Kept {
        account: own.account.clone(),
        currency: own.currency.code().to_owned(),
        covers: own.covers,
        closing: own.closing,
        bookings: own.bookings.clone(),
    };
    serde_json::to_vec(&told.iter().map(kept).collect::<Vec<_>>()).map_err(|error| AppError::Fault(error.to_string()))
}

/// Reads what was kept.
///
/// # Errors
/// A fault of ours.
pub fn kept(content: &[u8]) -> Result<Vec<Statement>, AppError> {
    let kept: Vec<Kept> = serde_json::from_slice(content).map_err(|error| AppError::Fault(error.to_string()))?;
    let told = |own: Kept| {
        let currency = Currency::parse(&own.currency).ok_or_else(|| AppError::Fault(format!("a currency {:?}", own.currency)))?;
        Ok(Statement { account: own.account, currency, covers: own.covers, closing: own.closing, bookings: own.bookings })
    };
    kept.into_iter().map(told).collect()
}

fn camt(tenant: &TenantId, file: &[u8]) -> Result<Vec<Statement>, Refusal> {
    let root = xml::tree(file).map_err(invalid)?;
    let report = root.at("Document/BkToCstmrStmt").ok_or_else(|| invalid("The file holds no statement (BkToCstmrStmt): send CAMT.053."))?;
    let mut statements = Vec::new();
    let mut count = 0_usize;
    for (place, own) in report.all("Stmt").enumerate() {
        let wrong = |what: &str| invalid(format!("Statement {} has no {what}.", place.saturating_add(1)));
        let account = [own.text_at("Acct/Id/IBAN"), own.text_at("Acct/Id/Othr/Id")].into_iter().find(|id| !id.is_empty());
        let account = hashed(tenant, account.ok_or_else(|| wrong("account"))?);
        let closing = own.all("Bal").find(|bal| bal.text_at("Tp/CdOrPrtry/Cd") == "CLBD");
        let known = [own.text_at("Acct/Ccy"), closing.and_then(|bal| bal.at("Amt")).map_or("", |amount| amount.currency.as_str())];
        let first = own.all("Ntry").find_map(|entry| entry.at("Amt")).map_or("", |amount| amount.currency.as_str());
        let code = known.into_iter().chain([first]).find(|code| !code.is_empty()).unwrap_or_default();
        let currency = Currency::parse(code).ok_or_else(|| wrong("known currency"))?;
        let mut bookings = Vec::new();
        for entry in own.all("Ntry").filter(|entry| [entry.text_at("Sts"), entry.text_at("Sts/Cd")].contains(&"BOOK")) {
            count = count.saturating_add(1);
            if count > MOST_BOOKINGS {
                return Err(invalid("The file has more than 20,000 bookings. Cut it in two."));
            }
            bookings.push(booking(entry, currency).ok_or_else(|| wrong("day or proper amount in a booking"))?);
        }
        let told = closing.and_then(|bal| signed(bal, currency)).zip(closing.and_then(|bal| day(bal.text_at("Dt/Dt"))));
        let days = || bookings.iter().map(|own| own.day);
        let from = day(own.text_at("FrToDt/FrDtTm")).or_else(|| days().min());
        let to = day(own.text_at("FrToDt/ToDtTm")).or(told.map(|(_, on)| on)).or_else(|| days().max());
        let covers = from.zip(to).filter(|(from, to)| from <= to).ok_or_else(|| wrong("period"))?;
        statements.push(Statement { account, currency, covers, closing: told.map(|(amount, _)| amount), bookings });
    }
    if statements.is_empty() {
        return Err(invalid("The file holds no statement (Stmt)."));
    }
    Ok(statements)
}

fn day(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}

/// An amount with the sign of its side.
fn signed(own: &Element, currency: Currency) -> Option<i64> {
    let amount = own.at("Amt").filter(|amount| amount.currency.is_empty() || amount.currency == currency.code())?;
    // The side tells the sign.
    let micros = Money::parse(currency, amount.text.trim()).ok().filter(|amount| !amount.is_negative())?.micros();
    match own.text_at("CdtDbtInd") {
        "CRDT" => Some(micros),
        "DBIT" => Some(micros.saturating_neg()),
        _ => None,
    }
}

/// Codes of the bank for payments that came back.
const RETURNS: [&str; 4] = ["RRTN", "UPDD", "URDD", "RPCR"];

fn booking(entry: &Element, currency: Currency) -> Option<Booking> {
    let booked = ["BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt"].into_iter().find_map(|path| day(entry.text_at(path)))?;
    let amount = signed(entry, currency)?;
    let details = entry.at("NtryDtls/TxDtls").unwrap_or(entry);
    let party = if amount > 0 { "Dbtr" } else { "Cdtr" };
    let names = [format!("RltdPties/{party}/Nm"), format!("RltdPties/{party}/Pty/Nm")];
    let party = names.iter().map(|path| details.text_at(path)).find(|name| !name.is_empty()).unwrap_or_default();
    let returned = matches!(entry.text_at("RvslInd"), "true" | "1")
        || details.at("RtrInf").is_some()
        || RETURNS.contains(&entry.text_at("BkTxCd/Domn/Fmly/SubFmlyCd"));
    Some(Booking { day: booked, amount, party: clean(party), reference: clean(entry.text_at("AcctSvcrRef")), returned })
}

fn csv(file: &[u8], mapping: &CsvMapping) -> Result<Statement, Refusal> {
    let file = std::str::from_utf8(file).map_err(|_| invalid("The file is not in UTF-8."))?;
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let currency = Currency::parse(&mapping.currency).ok_or_else(|| invalid("The mapping has no known currency."))?;
    let mut reader = csv::ReaderBuilder::new().delimiter(mapping.separator).flexible(false).from_reader(file.as_bytes());
    let names = reader.headers().map_err(|error| invalid(format!("The file is no CSV: {error}.")))?.clone();
    let column = |name: &str| -> Result<Option<usize>, Refusal> {
        if name.is_empty() {
            return Ok(None);
        }
        let place = names.iter().position(|own| own.trim() == name);
        place.map(Some).ok_or_else(|| invalid(format!("The file has no column {name:?}. Its first row names its columns.")))
    };
    let (date, amount) = (column(&mapping.date.0)?, column(&mapping.amount)?);
    let (credit, debit) = (column(&mapping.sides.0)?, column(&mapping.sides.1)?);
    let (balance, party, reference) = (column(&mapping.balance)?, column(&mapping.party)?, column(&mapping.reference)?);
    let (mut bookings, mut balances, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (place, row) in reader.records().enumerate() {
        if place >= MOST_BOOKINGS {
            return Err(invalid("The file has more than 20,000 bookings. Cut it in two."));
        }
        let line = place.saturating_add(2);
        let row = row.map_err(|error| invalid(format!("Row {line} cannot be read: {error}.")))?;
        let text = |place: Option<usize>| place.and_then(|place| row.get(place)).unwrap_or_default().trim();
        let number = |place: Option<usize>| number(text(place), mapping.decimal_comma, currency);
        let booked = written(text(date), mapping.date.1);
        let moved = match amount {
            Some(_) => number(amount),
            None => match (number(credit).map(i64::saturating_abs), number(debit).map(i64::saturating_abs)) {
                (Some(came), None | Some(0)) => Some(came),
                (None | Some(0), Some(went)) => Some(went.saturating_neg()),
                _ => None,
            },
        };
        let (Some(booked), Some(moved)) = (booked, moved) else {
            wrong.push(line.to_string());
            continue;
        };
        balances.push((booked, number(balance)));
        let (party, reference) = (clean(text(party)), clean(text(reference)));
        bookings.push(Booking { day: booked, amount: moved, party, reference, returned: false });
    }
    if !wrong.is_empty() {
        let (rows, more) = (wrong.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", "), wrong.len().saturating_sub(TOLD));
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(invalid(format!("Rows {rows}{more} have no date or no amount in the form that the mapping tells.")));
    }
    let days = || bookings.iter().map(|own| own.day);
    let covers = mapping.covers.0.or_else(|| days().min()).zip(mapping.covers.1.or_else(|| days().max()));
    let covers = covers.filter(|(from, to)| from <= to && days().all(|day| *from <= day && day <= *to));
    let covers = covers.ok_or_else(|| invalid("The file has no booking, or one outside the period that the mapping tells."))?;
    Ok(Statement { account: mapping.account.clone(), currency, covers, closing: closing(&balances), bookings })
}

/// The balance after the last booking: the last row's, or the first one's of a file that begins with the newest.
fn closing(balances: &[(NaiveDate, Option<i64>)]) -> Option<i64> {
    let (first, last) = (balances.first()?, balances.last()?);
    if first.0 > last.0 { first.1 } else { last.1 }
}

fn written(text: &str, order: DateOrder) -> Option<NaiveDate> {
    let parts: Vec<_> = text.split(['-', '.', '/']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match order {
        DateOrder::YearMonthDay => (a, b, c),
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
    };
    let plain = |text: &str| text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if !plain(year) || !plain(month) || !plain(day) || year.len() != 4 {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// A plain decimal, in millionths; none where it is none. A sign of groups stands between groups alone: a decimal sign
/// that the mapping does not tell would make the amount larger.
fn number(text: &str, decimal_comma: bool, currency: Currency) -> Option<i64> {
    let (group, point) = if decimal_comma { ('.', ',') } else { (',', '.') };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1_i64, digits.trim()),
        None => (1, text.strip_prefix('+').unwrap_or(text).trim()),
    };
    let (whole, fraction) = digits.split_once(point).map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let groups: Vec<&str> = whole.split(group).collect();
    let grouped = match groups.as_slice() {
        [first, middle @ .., last] => {
            (1..=3).contains(&first.len()) && last.len() == 3 && middle.iter().all(|own| (2..=3).contains(&own.len()))
        }
        _ => true,
    };
    if !grouped || !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let plain = groups.concat() + &fraction.map(|own| format!(".{own}")).unwrap_or_default();
    Money::parse(currency, &plain).ok()?.micros().checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::{CsvMapping, DateOrder, hashed, read};
    use chrono::NaiveDate;
    use payterms_kernel::TenantId;

    fn tenant() -> TenantId {
        "acme".parse().unwrap()
    }

    fn mapping() -> CsvMapping {
        CsvMapping {
            date: ("Date".into(), DateOrder::DayMonthYear),
            amount: "Amount".into(),
            sides: (String::new(), String::new()),
            balance: "Balance".into(),
            party: "Who".into(),
            reference: String::new(),
            separator: b';',
            decimal_comma: true,
            account: hashed(&tenant(), "DE02 1203 0000"),
            currency: "EUR".into(),
            covers: (None, None),
        }
    }

    #[test]
    fn a_csv_file_is_read_by_its_mapping() {
        let file = "\u{feff}Date;Who;Amount;Balance\n30.06.2026;Müller;1.234,50;2.000,00\n29.06.2026;Rent;-900,00;765,50\n";
        let own = read(&tenant(), file.as_bytes(), Some(&mapping())).unwrap().remove(0);
        assert_eq!(own.bookings.iter().map(|own| own.amount).collect::<Vec<_>>(), [1_234_500_000, -900_000_000]);
        assert_eq!(
            (own.closing, own.covers.0),
            (Some(2_000_000_000), NaiveDate::from_ymd_opt(2026, 6, 29).unwrap()),
            "the newest stands first"
        );
        assert_eq!(own.account, hashed(&tenant(), "de0212030000"), "however its number is written");
        assert_ne!(own.account, hashed(&"globex".parse().unwrap(), "de0212030000"), "another tenant's hash tells nothing");
    }

    #[test]
    fn what_is_wrong_with_a_csv_file_is_told() {
        let refused = |file: &str, mapping: CsvMapping| read(&tenant(), file.as_bytes(), Some(&mapping)).unwrap_err().message;
        let head = "Date;Who;Amount;Balance\n";
        assert!(refused(&format!("{head}2026-06-30;x;1,00;1,00\n31.02.2026;x;1,00;\n"), mapping()).contains("Rows 2, 3"));
        for amount in ["NaN", "--1", "+-1", "1.50", "1234.5", "1.2.345", "1,2,3", ""] {
            assert!(refused(&format!("{head}30.06.2026;x;{amount};1,00\n"), mapping()).contains("Rows 2"), "{amount}");
        }
        assert!(refused("Datum;Who;Amount;Balance\n", mapping()).contains("no column \"Date\""));
        assert!(refused(&format!("{head}30.06.2026;x\n"), mapping()).contains("Row 2"));
        assert!(refused(head, mapping()).contains("no booking"));
        let many = format!("{head}{}", "30.06.2026;x;1,00;1,00\n".repeat(20_001));
        assert!(refused(&many, mapping()).contains("20,000"));
    }

    #[test]
    fn a_camt_file_is_read_with_its_period_its_balance_and_its_returns() {
        let file = "<Document><BkToCstmrStmt><Stmt><FrToDt><FrDtTm>2026-05-01T00:00:00</FrDtTm><ToDtTm>2026-05-31T23:59:59</ToDtTm></FrToDt>\
            <Acct><Id><IBAN>GB33BUKB20201555555555</IBAN></Id><Ccy>USD</Ccy></Acct>\
            <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"USD\">50.25</Amt><CdtDbtInd>DBIT</CdtDbtInd><Dt><Dt>2026-05-31</Dt></Dt></Bal>\
            <Ntry><Amt Ccy=\"USD\">10.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-05-02</Dt></BookgDt>\
            <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>Globex</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>\
            <Ntry><Amt Ccy=\"USD\">7.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><RvslInd>true</RvslInd><BookgDt><Dt>2026-05-03</Dt></BookgDt></Ntry>\
            <Ntry><Amt Ccy=\"USD\">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>PDNG</Sts><BookgDt><Dt>2026-05-04</Dt></BookgDt></Ntry>\
            </Stmt></BkToCstmrStmt></Document>";
        let own = read(&tenant(), file.as_bytes(), None).unwrap().remove(0);
        let told: Vec<_> = own.bookings.iter().map(|own| (own.amount, own.party.as_str(), own.returned)).collect();
        assert_eq!(told, [(10_000_000, "Globex", false), (-7_000_000, "", true)], "what is pending is not booked");
        assert_eq!((own.closing, own.covers.1), (Some(-50_250_000), NaiveDate::from_ymd_opt(2026, 5, 31).unwrap()));
        let negative = file.replace(">10.00<", ">-10.00<");
        assert!(read(&tenant(), negative.as_bytes(), None).unwrap_err().message.contains("proper amount"), "the side tells the sign");
        assert!(read(&tenant(), b"<Document/>", None).unwrap_err().message.contains("no statement"));
        assert!(read(&tenant(), b"%PDF-1.4", None).is_err());
    }
}
