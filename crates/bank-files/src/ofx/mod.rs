//! OFX 1 (SGML) and 2 (XML): statements of accounts and of credit cards.

mod sgml;

use crate::{
    account,
    amount::{self, Fault},
    clean, codes,
    finding::{FileError, FindingKind, Place},
    model::{Balance, BankFile, Entry, Format, Kind, Reference, ReferenceKind, Statement, Status},
    reader::Context,
    xml::Element,
};
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};
use std::borrow::Cow;

/// Whether a text seems to be OFX.
pub(crate) fn is_ofx(text: &str) -> bool {
    let start = text.trim_start();
    let head: String = start.chars().take(2_000).collect();
    start.starts_with("OFXHEADER")
        || start.starts_with("<OFX>")
        || head.starts_with('<') && (head.contains("<?OFX") || head.contains("<OFX>"))
}

/// Reads a file.
pub(crate) fn read(text: &str, mut context: Context) -> Result<BankFile, FileError> {
    let start = text
        .find("<OFX")
        .filter(|at| !text.get(*at..).is_some_and(|rest| rest.starts_with("<OFXHEADER")));
    let start = start.ok_or_else(|| FileError::new("The file holds no OFX."))?;
    let head = text.get(..start).unwrap_or_default();
    let version = if head.contains("<?") { 2 } else { 1 };
    let root = sgml::tree(text.get(start..).unwrap_or_default(), context.limits.elements)?;
    let mut reports = Vec::new();
    find_reports(&root, &mut reports);
    if reports.is_empty() {
        return Err(FileError::new(
            "The file holds no statement of an account (STMTRS or CCSTMTRS).",
        ));
    }
    let mut statements = Vec::new();
    for (at, report) in reports.into_iter().enumerate() {
        statements.extend(statement(report, at.saturating_add(1), &mut context)?);
    }
    Ok(BankFile {
        format: Format::Ofx,
        version: Some(version),
        preset: None,
        statements,
        findings: context.findings,
    })
}

fn find_reports<'a>(element: &'a Element, found: &mut Vec<&'a Element>) {
    for child in &element.children {
        if matches!(child.name.as_str(), "STMTRS" | "CCSTMTRS") {
            found.push(child);
        } else {
            find_reports(child, found);
        }
    }
}

fn find_all<'a>(element: &'a Element, name: &str, found: &mut Vec<&'a Element>) {
    for child in &element.children {
        if child.name == name {
            found.push(child);
        } else {
            find_all(child, name, found);
        }
    }
}

/// What is the same for all entries of a statement.
struct Account {
    currency: Currency,
    is_card: bool,
    /// Whether the amounts have no signs, so that the type says what went out.
    unsigned: bool,
}

fn statement(
    report: &Element,
    number: usize,
    context: &mut Context,
) -> Result<Option<Statement>, FileError> {
    let place = Place { statement: number, ..Place::default() };
    let number = report.first_text(&["BANKACCTFROM/ACCTID", "CCACCTFROM/ACCTID"]);
    if number.is_empty() {
        context.note(
            place,
            FindingKind::NoAccount,
            "The statement names no account (ACCTID); it is not read.",
        )?;
        return Ok(None);
    }
    let Ok(currency) = amount::currency(report.text_at("CURDEF")) else {
        context.note(
            place,
            FindingKind::UnknownCurrency,
            "The statement names no currency that one can pay in (CURDEF); it is not read.",
        )?;
        return Ok(None);
    };
    let is_card =
        report.name == "CCSTMTRS" || report.text_at("BANKACCTFROM/ACCTTYPE") == "CREDITLINE";
    if is_card {
        let message = "The statement is of a credit card or line: what comes in pays its debt or gives back a purchase; it is no income.";
        context.note(place, FindingKind::CardAccount, message)?;
    }
    // Some banks do not close the list, so that its entries stand beside it.
    let (mut entries, mut pending) = (Vec::new(), Vec::new());
    find_all(report, "STMTTRN", &mut entries);
    find_all(report, "STMTTRNP", &mut pending);
    let account = Account { currency, is_card, unsigned: are_unsigned(&entries) };
    let list_day = |name: &str| day(report.first_text(&[&format!("BANKTRANLIST/{name}"), name]));
    let period = list_day("DTSTART").zip(list_day("DTEND")).filter(|(from, to)| from <= to);
    let balance = day(report.text_at("LEDGERBAL/DTASOF"))
        .zip(money(report.text_at("LEDGERBAL/BALAMT"), currency).ok());
    let mut made = Statement {
        account: account::shown_account(number),
        currency: Some(currency),
        period,
        closing: balance.map(|(on, amount)| Balance { on, amount }),
        ..Statement::default()
    };
    let all = entries
        .iter()
        .map(|entry| (*entry, Status::Booked))
        .chain(pending.iter().map(|entry| (*entry, Status::Pending)));
    for (at, (element, status)) in all.enumerate() {
        let place = Place { entry: at.saturating_add(1), ..place };
        match entry(element, status, &account, place, context.today) {
            Ok(entry) => {
                if entry.status != Status::Booked {
                    context.note(
                        place,
                        FindingKind::NotBooked,
                        format!("It is not booked ({}).", clean::clean(&entry.text, 80)),
                    )?;
                }
                context.push(&mut made.entries, entry)?;
            }
            Err((kind, message)) => {
                let text =
                    clean::clean(element.first_text(&["NAME", "PAYEE/NAME", "MEMO", "FITID"]), 80);
                context.note(
                    place,
                    kind,
                    if text.is_empty() { message } else { format!("{message} ({text})") },
                )?;
            }
        }
    }
    if made
        .entries
        .first()
        .zip(made.entries.last())
        .is_some_and(|(first, last)| first.booked_on > last.booked_on)
    {
        made.entries.reverse();
    }
    if entries.is_empty() && made.entries.is_empty() {
        context.note(place, FindingKind::NoEntries, "The statement holds no entries.")?;
    }
    Ok(Some(made))
}

/// Types of what went out, where no amount has a sign.
const WENT_OUT: [&str; 9] =
    ["DEBIT", "CHECK", "PAYMENT", "FEE", "SRVCHG", "POS", "DIRECTDEBIT", "REPEATPMT", "CASH"];

fn are_unsigned(entries: &[&Element]) -> bool {
    entries.iter().all(|entry| !entry.text_at("TRNAMT").starts_with('-'))
        && entries.iter().any(|entry| entry.text_at("TRNTYPE") == "DEBIT")
        && entries.iter().any(|entry| entry.text_at("TRNTYPE") == "CREDIT")
}

/// `20260630120000[-5:EST]`: the day as the bank writes it.
fn day(text: &str) -> Option<NaiveDate> {
    let digits = text.get(..8).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let number = |part: Option<&str>| part?.parse::<u32>().ok();
    let year = i32::try_from(number(digits.get(..4))?).ok()?;
    NaiveDate::from_ymd_opt(year, number(digits.get(4..6))?, number(digits.get(6..))?)
}

/// An amount with its sign; the decimal sign is a point or a comma, and some banks group by the
/// other one.
fn money(text: &str, currency: Currency) -> Result<Money, Fault> {
    let text = text.trim();
    // A single comma before three digits may be a decimal sign or that of a group.
    if !text.contains('.')
        && currency.exponent() < 3
        && text.rsplit_once(',').is_some_and(|(_, fraction)| fraction.len() == 3)
    {
        return Err((
            FindingKind::BadAmount,
            format!("Its amount {:?} can be read in two ways.", clean::clean(text, 40)),
        ));
    }
    let plain = match (text.rfind(','), text.rfind('.')) {
        (Some(comma), Some(point)) if comma > point => text.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => text.replace(',', ""),
        (Some(_), None) => text.replace(',', "."),
        _ => text.to_owned(),
    };
    amount::decimal(currency, &plain)
}

fn entry(
    element: &Element,
    status: Status,
    account: &Account,
    place: Place,
    today: NaiveDate,
) -> Result<Entry, Fault> {
    let written = element.first_text(&["DTPOSTED", "DTTRAN", "DTUSER"]);
    if written.is_empty() {
        return Err((FindingKind::NoDay, "It has no day of booking (DTPOSTED).".to_owned()));
    }
    let booked_on = day(written).ok_or_else(|| {
        (FindingKind::BadDay, format!("{:?} is no day.", clean::clean(written, 40)))
    })?;
    let kind = element.text_at("TRNTYPE");
    let status = match element.text_at("CORRECTACTION") {
        "REPLACE" => {
            let message = format!(
                "It replaces an earlier entry, {:?}: a person has to look at both.",
                clean::name(element.text_at("CORRECTFITID"))
            );
            return Err((FindingKind::Unreadable, message));
        }
        "DELETE" => Status::Information,
        _ if kind == "HOLD" => Status::Pending,
        _ => status,
    };
    if booked_on > today && status == Status::Booked {
        return Err((
            FindingKind::FutureDay,
            format!("Its day of booking, {booked_on}, is after today, {today}."),
        ));
    }
    let symbol = element.text_at("CURRENCY/CURSYM");
    if !symbol.is_empty() && symbol != account.currency.code() {
        return Err((
            FindingKind::OtherCurrency,
            format!(
                "It is in {:?}, the account in {}.",
                clean::clean(symbol, 10),
                account.currency
            ),
        ));
    }
    let amount = money(element.text_at("TRNAMT"), account.currency)?;
    if amount.is_zero() {
        return Err((
            FindingKind::ZeroAmount,
            "Its amount is 0.00: nothing came in or went out.".to_owned(),
        ));
    }
    let amount =
        if account.unsigned && WENT_OUT.contains(&kind) { amount.negated() } else { amount };
    let name = element.first_text(&["NAME", "PAYEE/NAME"]);
    let (extended, memo) = (element.text_at("EXTDNAME"), element.text_at("MEMO"));
    let party = if clean::is_placeholder(extended) { name } else { extended };
    let came_in = amount.is_positive();
    let sense = sense(kind, &[name, memo], account.is_card && came_in);
    let reason = [name, memo].into_iter().find_map(codes::ach_return_in);
    let other = element.first_text(&["BANKACCTTO/ACCTID", "CCACCTTO/ACCTID"]);
    Ok(Entry {
        place,
        status,
        booked_on,
        value_on: day(element.text_at("DTAVAIL")),
        amount,
        reversal: false,
        returned: reason.filter(|_| !account.is_card).and_then(|reason| {
            codes::Meaning { is_return: true, ..codes::Meaning::default() }
                .returned(came_in, reason)
        }),
        kind: sense,
        code: clean::clean(kind, 60),
        references: references(element),
        party: clean::name(party),
        party_account: if other.is_empty() { String::new() } else { account::shown_account(other) },
        text: clean::shown([party, name, memo].map(Cow::from)),
        // A long text is cut after the name and goes on in the memo.
        search: clean::search_texts([
            name.into(),
            memo.into(),
            format!("{name}{memo}").into(),
            extended.into(),
            element.text_at("REFNUM").into(),
        ]),
        named_amounts: Vec::new(),
        charges: None,
        part_of: None,
    })
}

/// What the type says of an entry; what comes in on a card pays its debt or gives back a purchase.
fn sense(kind: &str, texts: &[&str], into_card: bool) -> Kind {
    let pays = |text: &&str| {
        ["PAYMENT", "PYMT", "AUTOPAY", "THANK YOU"]
            .iter()
            .any(|word| text.to_uppercase().contains(word))
    };
    match kind {
        _ if into_card && (kind == "PAYMENT" || texts.iter().any(pays)) => Kind::OwnTransfer,
        _ if into_card => Kind::Refund,
        "INT" => Kind::Interest,
        "FEE" | "SRVCHG" => Kind::Fee,
        "ATM" | "CASH" => Kind::Cash,
        _ => Kind::Other,
    }
}

fn references(element: &Element) -> Vec<Reference> {
    let paths = [
        ("FITID", ReferenceKind::AccountServicer),
        ("SRVRTID", ReferenceKind::Bank),
        ("REFNUM", ReferenceKind::Bank),
        ("CHECKNUM", ReferenceKind::Cheque),
    ];
    let all = paths
        .into_iter()
        .map(|(path, kind)| Reference { kind, value: clean::name(element.text_at(path)) });
    all.filter(|reference| !clean::is_placeholder(&reference.value)).collect()
}
