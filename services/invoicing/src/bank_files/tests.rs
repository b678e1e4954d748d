//! What a file is read as: its bookings, the lines of each, and what is not taken in.

use super::{ReadFile, read_bank_file};
use payterms_chassis::bank_file::Reading;
use payterms_kernel::Reason;

const FILE: &str = include_str!("../../../../crates/suite/demo/statement.xml");

fn read(file: &[u8]) -> Result<ReadFile, payterms_kernel::Refusal> {
    read_bank_file(file, &Reading::default(), "2026-12-31".parse().unwrap())
}

#[test]
fn credits_are_lines_and_all_else_is_listed() {
    let found = read(FILE.as_bytes()).unwrap();
    let lines: Vec<_> = found
        .statements
        .iter()
        .flat_map(|read_statement| &read_statement.bookings)
        .flat_map(|booking| &booking.lines)
        .collect();
    assert_eq!((lines.len(), found.ignored, found.findings.len()), (4, 2, 2), "{found:?}");
    let first = &lines[0].shown;
    assert_eq!(
        (first.amount.to_string().as_str(), first.payer.as_str()),
        ("1210.00 USD", "Müller & Söhne GmbH")
    );
    assert_eq!(first.numbers, ["INV-2026-000099"], "{first:?}");
}

fn entry(day: &str, rest: &str) -> String {
    let fixed = "<Amt Ccy=\"EUR\">98.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>";
    format!("<Ntry>{fixed}<BookgDt><Dt>{day}</Dt></BookgDt>{rest}</Ntry>")
}

fn part(amount: &str, side: &str) -> String {
    format!("<TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd></TxDtls>")
}

fn file(entries: &str) -> String {
    format!(
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>GB01</IBAN></Id></Acct>{entries}</Stmt></BkToCstmrStmt></Document>"
    )
}

#[test]
fn a_batch_is_one_booking_with_a_line_for_each_part() {
    let amounts = |parts: &[String]| {
        let details = format!("<NtryDtls>{}</NtryDtls>", parts.concat());
        let found = read(file(&entry("2026-06-01", &details)).as_bytes()).unwrap();
        let bookings = &found.statements[0].bookings;
        assert_eq!((bookings.len(), bookings[0].compared.amount), (1, 98_000_000), "{found:?}");
        let shown = bookings[0]
            .lines
            .iter()
            .map(|line| (line.shown.amount.to_string(), line.shown.parts_differ));
        shown.collect::<Vec<_>>()
    };
    let of = |amount: &str, differ| (format!("{amount} EUR"), differ);
    assert_eq!(
        amounts(&[part("90.00", "CRDT"), part("8.00", "CRDT")]),
        [of("90.00", false), of("8.00", false)]
    );
    assert_eq!(
        amounts(&[part("90.00", "CRDT"), part("9.00", "CRDT")]),
        [of("90.00", true), of("9.00", true)]
    );
    assert_eq!(amounts(&["<TxDtls/>".to_owned(), "<TxDtls/>".to_owned()]), [of("98.00", false)]);
}

#[test]
fn the_same_bytes_are_the_same_statement_and_other_bytes_are_not() {
    let print = |text: &str| read(text.as_bytes()).unwrap().statements[0].claim.fingerprint.clone();
    let [one, other] = ["2026-06-01", "2026-06-02"].map(|day| file(&entry(day, "")));
    assert_eq!(print(&one), print(&one));
    assert_ne!(print(&one), print(&other));
}

#[test]
fn what_is_hostile_or_no_statement_is_refused_with_a_sentence() {
    let deep = format!("<Document>{}", "<a>".repeat(5_000));
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><Document>&a;</Document>";
    for text in [
        "",
        "not xml at all",
        "<Document><BkToCstmrStmt>",
        "<Document><Other/></Document>",
        bomb,
        deep.as_str(),
    ] {
        let refused = read(text.as_bytes()).unwrap_err();
        assert_eq!(refused.reason, Reason::BANK_FILE_INVALID, "{text}");
        assert!(refused.message.len() > 10, "{}", refused.message);
    }
    let unusable = read(file("<Ntry><Amt Ccy=\"EUR\">1.00</Amt></Ntry>").as_bytes()).unwrap_err();
    assert!(unusable.message.contains("statement 1, entry 1"), "{}", unusable.message);
}
