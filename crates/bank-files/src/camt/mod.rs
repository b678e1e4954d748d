//! CAMT.052, 053 and 054 (ISO 20022, versions 02 to 13): the message in its envelope, its
//! statements with balances and period.

mod amounts;
mod details;
mod entry;

use crate::{
    account, amount, clean,
    finding::{FileError, FindingKind, Place},
    model::{Balance, BankFile, Format, Statement},
    reader::Context,
    xml::{self, Element},
};
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};

/// The oldest and the newest version whose elements were compared with what is read here.
const VERSIONS: std::ops::RangeInclusive<u8> = 2..=13;

/// A message: its element, its format, and what its reports are called.
struct Message<'a> {
    element: &'a Element,
    format: Format,
    report: &'static str,
    version: Option<u8>,
}

/// Reads a text that begins with `<`.
pub(crate) fn read(text: &str, mut context: Context) -> Result<BankFile, FileError> {
    let root = xml::tree(text, context.limits.elements)?;
    let mut messages = Vec::new();
    find_messages(&root, None, &mut messages)?;
    let first = messages
        .first()
        .ok_or_else(|| FileError::new("The file holds no message that is read here: send CAMT.052, 053 or 054, MT940, OFX, or CSV."))?;
    let (format, version) = (first.format, first.version);
    if messages.iter().any(|message| message.format != format) {
        return Err(FileError::new(
            "The file holds CAMT messages of several kinds, which tell the same bookings twice. Send each by itself.",
        ));
    }
    if let Some(version) = version.filter(|version| !VERSIONS.contains(version)) {
        let note = format!(
            "{} version {version} is newer than this reader; it was read as version {}.",
            format.name(),
            VERSIONS.end()
        );
        context.note(Place::default(), FindingKind::OtherVersion, note)?;
    }
    let mut statements: Vec<Statement> = Vec::new();
    let mut reports = 0_usize;
    for message in &messages {
        for report in message.element.all(message.report) {
            reports = reports.saturating_add(1);
            statements.extend(statement(report, message, reports, &mut context)?);
        }
    }
    if reports == 0 {
        return Err(FileError::new(format!("The file holds no statement ({}).", first.report)));
    }
    Ok(BankFile { format, version, preset: None, statements, findings: context.findings })
}

/// All messages below an element, whatever envelope is around them; `seen` is the version that an
/// element above declares.
fn find_messages<'a>(
    element: &'a Element,
    seen: Option<u8>,
    found: &mut Vec<Message<'a>>,
) -> Result<(), FileError> {
    let seen = version_in(&element.namespaces).or(seen);
    let kinds = [
        ("BkToCstmrStmt", Format::Camt053, "Stmt"),
        ("BkToCstmrAcctRpt", Format::Camt052, "Rpt"),
        ("BkToCstmrDbtCdtNtfctn", Format::Camt054, "Ntfctn"),
    ];
    if let Some((_, format, report)) = kinds.into_iter().find(|(name, ..)| element.name == *name) {
        if seen == Some(1) {
            return Err(FileError::new(
                "The file is of version 01 of CAMT: versions 02 to 13 are read.",
            ));
        }
        found.push(Message { element, format, report, version: seen });
        return Ok(());
    }
    if kinds
        .iter()
        .any(|(name, ..)| element.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('V')))
    {
        return Err(FileError::new(
            "The file is of version 01 of CAMT: versions 02 to 13 are read.",
        ));
    }
    element.children.iter().try_for_each(|child| find_messages(child, seen, found))
}

/// The version in `urn:iso:std:iso:20022:tech:xsd:camt.053.001.08`.
fn version_in(namespaces: &str) -> Option<u8> {
    let (_, rest) = namespaces.split_once("camt.05")?;
    let digits = rest.strip_prefix(['2', '3', '4'])?.strip_prefix(".001.")?;
    digits.get(..2)?.parse().ok()
}

fn statement(
    report: &Element,
    message: &Message<'_>,
    number: usize,
    context: &mut Context,
) -> Result<Option<Statement>, FileError> {
    let place = Place { statement: number, ..Place::default() };
    let account = report.first_text(&[
        "Acct/Id/IBAN",
        "Acct/Id/Othr/Id",
        "Acct/Id/BBAN",
        "Acct/Id/PrtryAcct/Id",
        "Acct/Prxy/Id",
    ]);
    if account.is_empty() {
        let count = report.all("Ntry").count();
        context.note(
            place,
            FindingKind::NoAccount,
            format!("The statement names no account; its {count} entries are not read."),
        )?;
        return Ok(None);
    }
    let currency = account_currency(report);
    let opening = balance(report, &["OPBD", "PRCD"], currency);
    let closing = balance(report, &["CLBD"], currency);
    let mut read = Statement {
        account: account::shown_account(account),
        currency,
        id: clean::name(report.text_at("Id")),
        sequence: clean::name(report.first_text(&["ElctrncSeqNb", "LglSeqNb", "RptgSeq/EQSeq"])),
        page: clean::name(page(report, message)),
        period: period(report, opening, closing),
        opening: opening.map(|(balance, _)| balance),
        closing: closing.map(|(balance, _)| balance),
        entries: Vec::new(),
    };
    let mut entries = 0_usize;
    for ntry in report.all("Ntry") {
        entries = entries.saturating_add(1);
        entry::read(ntry, &mut read, Place { entry: entries, ..place }, context)?;
    }
    if entries == 0 {
        context.note(place, FindingKind::NoEntries, "The statement holds no entries.")?;
    }
    Ok(Some(read))
}

/// The page of the statement; version 02 states it for the whole message.
fn page<'a>(report: &'a Element, message: &Message<'a>) -> &'a str {
    let page = report.first_text(&["StmtPgntn/PgNb", "RptPgntn/PgNb", "NtfctnPgntn/PgNb"]);
    if page.is_empty() { message.element.text_at("GrpHdr/MsgPgntn/PgNb") } else { page }
}

/// The account's currency: as stated, else that of a balance, else of the first entry that has one.
fn account_currency(report: &Element) -> Option<Currency> {
    let amounts =
        report.all("Bal").chain(report.all("Ntry")).filter_map(|element| element.at("Amt"));
    let mut codes = std::iter::once(report.text_at("Acct/Ccy"))
        .chain(amounts.map(|amount| amount.currency.as_str()));
    codes.find_map(|code| Currency::parse(code.trim()))
}

/// The first balance of one of the kinds, in the order of the kinds, and its kind.
fn balance(
    report: &Element,
    kinds: &[&'static str],
    currency: Option<Currency>,
) -> Option<(Balance, &'static str)> {
    let currency = currency?;
    kinds.iter().find_map(|kind| {
        let mut of_kind = report.all("Bal").filter(|bal| {
            bal.first_text(&["Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry", "Tp/Cd"]) == *kind
        });
        of_kind.find_map(|bal| Some((signed_balance(bal, currency)?, *kind)))
    })
}

fn signed_balance(bal: &Element, currency: Currency) -> Option<Balance> {
    let written = bal
        .at("Amt")
        .filter(|written| written.currency.is_empty() || written.currency == currency.code())?;
    let on = day(bal.first_text(&["Dt/Dt", "Dt/DtTm", "Dt"]))?;
    let amount =
        amount::decimal(currency, &written.text).ok().filter(|amount| !amount.is_negative())?;
    Some(Balance { on, amount: signed(amount, bal.text_at("CdtDbtInd"))? })
}

/// An amount with the sign of its side.
fn signed(amount: Money, side: &str) -> Option<Money> {
    match side {
        "CRDT" => Some(amount),
        "DBIT" => Some(amount.negated()),
        _ => None,
    }
}

/// As stated, else by the balances: a closing balance of the day before (`PRCD`) opens the next
/// day.
fn period(
    report: &Element,
    opening: Option<(Balance, &str)>,
    closing: Option<(Balance, &str)>,
) -> Option<(NaiveDate, NaiveDate)> {
    let stated = |part: &str| {
        day(report.first_text(&[&format!("FrToDt/{part}DtTm"), &format!("FrToDt/{part}Dt")]))
    };
    if let (Some(from), Some(to)) = (stated("Fr"), stated("To")) {
        return (from <= to).then_some((from, to));
    }
    let (opening, kind) = opening?;
    let to = closing?.0.on;
    let from = if kind == "PRCD" { opening.on.succ_opt()? } else { opening.on };
    Some((from.min(to), to))
}

/// The day of a date or a date with a time, as it stands: banks state both in their own time.
fn day(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok().filter(|_| {
        text.chars().nth(10).is_none_or(|next| matches!(next, 'T' | 'Z' | '+' | '-' | ' '))
    })
}
