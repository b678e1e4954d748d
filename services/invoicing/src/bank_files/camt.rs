//! Bank statements in CAMT.053 (ISO 20022, versions 02 to 08): which credits were booked. The file is
//! hostile until it is read: no entities, bounded depth and size.

use chrono::NaiveDate;
use payterms_chassis::xml::{self, Element};
use payterms_invoicing_domain::bank::Shown;
use payterms_kernel::{Currency, Kind, Money, Refusal};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Credit lines in one file.
const MOST_LINES: usize = 1_000;
/// Characters of a payer's name and of the text.
const MOST_TEXT: usize = 500;

/// References of banks that identify nothing.
const PLACEHOLDERS: [&str; 3] = ["NONREF", "NOTPROVIDED", "NOT PROVIDED"];

/// What a file says. A line's reference is made of what every file tells of it alike: the bank's own
/// reference, else payer and text, with day, amount and the how-manieth of such it is. `NtryRef` is not:
/// many banks number each statement's entries from 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Credits {
    /// The booked credits, in the file's order.
    pub lines: Vec<Shown>,
    /// How many entries are something else.
    pub ignored: usize,
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "BANK_FILE_INVALID", what)
}

/// Reads a file.
///
/// # Errors
/// `BANK_FILE_INVALID`.
pub fn read(file: &[u8]) -> Result<Credits, Refusal> {
    let root = xml::tree(file).map_err(invalid)?;
    let report = root.at("Document/BkToCstmrStmt").ok_or_else(|| invalid("The file holds no statement (BkToCstmrStmt): send CAMT.053."))?;
    let mut found = Credits::default();
    let mut alike = HashMap::new();
    for statement in report.all("Stmt") {
        let account = [statement.text_at("Acct/Id/IBAN"), statement.text_at("Acct/Id/Othr/Id")].into_iter().find(|id| !id.is_empty());
        let account = clean(account.ok_or_else(|| invalid("A statement names no account."))?);
        for (place, entry) in statement.all("Ntry").enumerate() {
            let status = [entry.text_at("Sts"), entry.text_at("Sts/Cd")].into_iter().find(|own| !own.is_empty()).unwrap_or_default();
            let reversed = matches!(entry.text_at("RvslInd"), "true" | "1");
            if entry.text_at("CdtDbtInd") == "CRDT" && status == "BOOK" && !reversed {
                lines(&mut found, &mut alike, &account, (place, entry))?;
            } else {
                found.ignored = found.ignored.saturating_add(1);
            }
        }
    }
    Ok(found)
}

/// How often a line with the same content was seen before.
type Alike = HashMap<String, u32>;

/// The lines of an entry: one for each transaction where it bundles several.
fn lines(found: &mut Credits, alike: &mut Alike, account: &str, (place, entry): (usize, &Element)) -> Result<(), Refusal> {
    let wrong = |what: &str| invalid(format!("Entry {} of account {account} has no {what}.", place.saturating_add(1)));
    let day =
        [entry.text_at("BookgDt/Dt"), entry.text_at("BookgDt/DtTm"), entry.text_at("ValDt/Dt")].into_iter().find(|day| !day.is_empty());
    let booked_on: NaiveDate = day.and_then(|day| day.get(..10)?.parse().ok()).ok_or_else(|| wrong("booking date"))?;
    let own = entry.at("Amt").ok_or_else(|| wrong("amount"))?;
    let currency = Currency::parse(&own.currency).ok_or_else(|| wrong("known currency"))?;
    let whole = Money::parse(currency, own.text.trim()).map_err(|_| wrong("proper amount"))?;
    if !whole.is_positive() || whole.round_down_to_minor_unit() != whole {
        return Err(wrong("amount in whole minor units"));
    }
    let parts: Vec<_> = entry.all("NtryDtls").flat_map(|details| details.all("TxDtls")).collect();
    let mut of_entry = Alike::new();
    for (details, amount) in bundled(&parts, whole).unwrap_or_else(|| vec![(only(&parts).unwrap_or(entry), whole)]) {
        if found.lines.len() == MOST_LINES {
            return Err(invalid("The file has more than 1,000 credit lines. Cut it in two."));
        }
        let text = remittance(details);
        let payer =
            [details.text_at("RltdPties/Dbtr/Nm"), details.text_at("RltdPties/Dbtr/Pty/Nm")].into_iter().find(|own| !own.is_empty());
        let payer = clean(payer.unwrap_or_default());
        let bank = clean(Some(entry.text_at("AcctSvcrRef")).filter(|own| !PLACEHOLDERS.contains(own)).unwrap_or_default());
        let content = format!("{account} {bank} {booked_on} {amount}");
        // Without the bank's word only their number tells equal bookings of one day apart.
        let (content, among) = if bank.is_empty() { (format!("{content} {payer} {text}"), &mut *alike) } else { (content, &mut of_entry) };
        let seen = among.entry(content.clone()).and_modify(|seen| *seen = seen.saturating_add(1)).or_insert(1);
        let hash = hex::encode(Sha256::digest(format!("{content} {seen}")).get(..12).unwrap_or_default());
        let reference = if bank.is_empty() { hash } else { format!("{bank}/{hash}") };
        found.lines.push(Shown { account: account.to_owned(), reference, booked_on, amount, payer, text });
    }
    Ok(())
}

fn only<'a>(parts: &[&'a Element]) -> Option<&'a Element> {
    parts.first().filter(|_| parts.len() == 1).copied()
}

/// The parts of a bundle with their amounts. None where they are not its credits alone: with charges
/// netted, in another currency, or without amounts the entry is one line, for a person to match.
fn bundled<'a>(parts: &[&'a Element], whole: Money) -> Option<Vec<(&'a Element, Money)>> {
    if parts.len() < 2 {
        return None;
    }
    let mut sum = Money::zero(whole.currency());
    let mut told = Vec::with_capacity(parts.len());
    for part in parts {
        let said = part.at("Amt").or_else(|| part.at("AmtDtls/TxAmt/Amt"))?;
        let amount = Money::parse(Currency::parse(&said.currency)?, said.text.trim()).ok()?;
        sum = sum.plus(amount).ok()?;
        let credited = matches!(part.text_at("CdtDbtInd"), "" | "CRDT") && amount.is_positive();
        told.push((*part, Some(amount).filter(|_| credited)?));
    }
    Some(told).filter(|_| sum == whole)
}

/// What the payer wrote: the creditor's reference first, then free text, then the end-to-end id.
fn remittance(details: &Element) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for own in details.all("RmtInf") {
        parts.extend(own.all("Strd").map(|strd| strd.text_at("CdtrRefInf/Ref")));
        parts.extend(own.all("Ustrd").map(|text| text.text.trim()));
    }
    parts.push(details.text_at("Refs/EndToEndId"));
    let told: Vec<_> = parts.into_iter().filter(|part| !part.is_empty() && *part != "NOTPROVIDED").collect();
    clean(&told.join(" "))
}

/// A text of the bank's without control characters, cut where it is too long.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TEXT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::read;

    const FILE: &str = include_str!("../../../../crates/suite/demo/statement.xml");

    #[test]
    fn credits_are_read_and_all_else_is_passed_over() {
        let found = read(FILE.as_bytes()).unwrap();
        assert_eq!((found.lines.len(), found.ignored), (4, 2), "{found:?}");
        let texts: Vec<_> = found.lines.iter().map(|line| (line.amount.to_string(), line.payer.clone())).collect();
        assert_eq!(texts[0], ("1,210.00 USD".replace(',', ""), "Müller & Söhne GmbH".to_owned()));
        assert!(found.lines[0].text.contains("INV"), "{:?}", found.lines[0]);
        let mut references: Vec<_> = found.lines.iter().map(|line| line.reference.clone()).collect();
        references.dedup();
        assert_eq!(references.len(), 4, "each line has a reference of its own");
    }

    fn file(entries: &[&str]) -> Vec<super::Shown> {
        let head = "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>GB01</IBAN></Id></Acct>";
        read(format!("{head}{}</Stmt></BkToCstmrStmt></Document>", entries.concat()).as_bytes()).unwrap().lines
    }

    fn entry(amount: &str, day: &str, rest: &str) -> String {
        let fixed = "<CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>";
        format!("<Ntry><Amt Ccy=\"EUR\">{amount}</Amt>{fixed}<BookgDt><Dt>{day}</Dt></BookgDt>{rest}</Ntry>")
    }

    fn part(amount: &str, side: &str) -> String {
        format!("<TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd></TxDtls>")
    }

    #[test]
    fn a_line_is_known_again_and_no_other_passes_for_it() {
        let reference = |lines: &[super::Shown], at: usize| lines[at].reference.clone();
        let [one, other] = ["2026-06-01", "2026-06-02"].map(|day| entry("10.00", day, "<NtryRef>1</NtryRef>"));
        assert_ne!(reference(&file(&[&one]), 0), reference(&file(&[&other]), 0), "each statement numbers from 1");
        let [one, other] = ["10.00", "11.00"].map(|amount| entry(amount, "2026-06-01", "<AcctSvcrRef>NONREF</AcctSvcrRef>"));
        let both = file(&[&one, &other, &one]);
        assert_eq!(both.iter().map(|line| &line.reference).collect::<std::collections::BTreeSet<_>>().len(), 3);
        assert_eq!(reference(&file(&[&other]), 0), reference(&both, 1), "wherever it stands in a file");
        let booked = entry("10.00", "2026-06-01", "<AcctSvcrRef>B7</AcctSvcrRef>");
        assert!(reference(&file(&[&booked]), 0).starts_with("B7/"));
        let twice = file(&[&booked, &booked]);
        assert_eq!(twice[0].reference, twice[1].reference, "the bank's word stands for one booking");
        assert!(file(&[&entry("10.00", "2026-06-01", "<RvslInd>1</RvslInd>")]).is_empty());
    }

    #[test]
    fn a_bundle_is_cut_only_where_its_credits_make_it_up() {
        let amounts = |parts: &[String]| {
            let details = format!("<NtryDtls>{}</NtryDtls>", parts.concat());
            file(&[&entry("98.00", "2026-06-01", &details)]).iter().map(|line| line.amount.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(amounts(&[part("90.00", "CRDT"), part("8.00", "CRDT")]), ["90.00 EUR", "8.00 EUR"]);
        assert_eq!(amounts(&[part("100.00", "CRDT"), part("2.00", "DBIT")]), ["98.00 EUR"]);
        assert_eq!(amounts(&[part("90.00", "CRDT"), part("9.00", "CRDT")]), ["98.00 EUR"]);
        assert_eq!(amounts(&["<TxDtls/>".to_owned(), "<TxDtls/>".to_owned()]), ["98.00 EUR"]);
    }

    #[test]
    fn what_is_hostile_or_no_statement_is_refused_with_a_sentence() {
        let deep = format!("<Document>{}", "<a>".repeat(5_000));
        let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><Document>&a;</Document>";
        for (file, part) in [
            ("", "no statement"),
            ("not xml at all", "no statement"),
            ("<Document><BkToCstmrStmt>", "middle"),
            ("<Document><BkToCstmrStmt></Document>", "well-formed"),
            ("<Document><Other/></Document>", "no statement"),
            (bomb, "document type"),
            ("<Document><BkToCstmrStmt><Stmt><Ntry/></Stmt></BkToCstmrStmt></Document>", "no account"),
            ("<Document>&evil;</Document>", "entities"),
            (deep.as_str(), "too deep"),
        ] {
            let refused = read(file.as_bytes()).unwrap_err();
            assert_eq!(refused.reason, "BANK_FILE_INVALID", "{file}");
            assert!(refused.message.contains(part), "{part} in {}", refused.message);
        }
        assert!(read(&[0xFF, 0xFE, b'<', 0x00]).is_err());
    }
}
