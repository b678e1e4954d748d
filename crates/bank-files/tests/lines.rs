//! MT940 and OFX: what is read of them, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::NaiveDate;
use payterms_bank_files::{
    BankFile, FileError, FindingKind, Format, Kind, Limits, ReferenceKind, Source, Status,
    account_key, read,
};

fn try_read(file: &[u8]) -> Result<BankFile, FileError> {
    read(file, Source::Detect, NaiveDate::from_ymd_opt(2026, 7, 20).unwrap(), Limits::default())
}

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

fn kinds(file: &BankFile) -> Vec<FindingKind> {
    file.findings.iter().map(|finding| finding.kind).collect()
}

fn amounts(file: &BankFile) -> Vec<String> {
    file.entries().map(|entry| entry.amount.to_string()).collect()
}

#[test]
fn pages_of_mt940_are_one_statement_with_all_forms_of_information() {
    let read = try_read(include_bytes!("files/two-pages.sta")).unwrap();
    assert_eq!((read.format, read.findings.as_slice()), (Format::Mt940, &[][..]));
    let [statement] = read.statements.as_slice() else { unreachable!("{:?}", read.statements) };
    assert_eq!(account_key(&statement.account), "DE89370400440532013000");
    assert_eq!(
        (statement.id.as_str(), statement.sequence.as_str(), statement.is_whole()),
        ("STARTUMSE 2026-06-04", "12", true)
    );
    assert_eq!(statement.period, Some((day(6, 1), day(6, 4))));
    assert_eq!(
        amounts(&read),
        ["100.00 EUR", "-50.00 EUR", "-100.00 EUR", "-1.50 EUR", "51.50 EUR"]
    );
    let entries = &statement.entries;
    assert_eq!(
        (entries[0].party.as_str(), entries[0].party_account.as_str()),
        ("Alpha GmbH und Co", "DE02120300000000202051")
    );
    assert!(
        entries[0].search.iter().any(|text| text.contains("INV-2026-000048")),
        "{:?}",
        entries[0].search
    );
    assert!(entries[0].text.contains("INV-2026-000048"), "{}", entries[0].text);
    assert_eq!(
        (entries[0].references.len(), entries[0].reference(ReferenceKind::AccountServicer)),
        (1, Some("B-1"))
    );
    let returned: Vec<_> = entries
        .iter()
        .map(|entry| {
            entry.returned.as_ref().map(|returned| (returned.own_payment, returned.code.as_str()))
        })
        .collect();
    assert_eq!(returned, [None, Some((false, "AM04")), Some((false, "REVERSAL")), None, None]);
    assert!(entries[2].reversal);
    assert_eq!(
        (entries[3].kind, entries[3].charges.unwrap().to_string(), entries[3].value_on),
        (Kind::Fee, "0.50 EUR".to_owned(), Some(day(2, 28)))
    );
    assert_eq!(
        (entries[4].party.as_str(), entries[4].party_account.as_str()),
        ("Gamma BV", "NL02ABNA0123456789")
    );
    assert_eq!(entries[4].reference(ReferenceKind::EndToEnd), Some("E-9"));
    assert!(entries[4].search.contains(&"INV-2026-000049".to_owned()), "{:?}", entries[4].search);
}

fn mt940(lines: &str) -> BankFile {
    try_read(format!(":20:S1\n:25:DE89370400440532013000EUR\n:28C:1\n:60F:C260531EUR1,00\n{lines}\n:62F:C260604EUR1,00\n").as_bytes())
        .unwrap()
}

#[test]
fn each_line_of_mt940_that_cannot_be_read_is_a_finding() {
    for (line, kind) in [
        (":61:260601C0,00NTRFNONREF", FindingKind::ZeroAmount),
        (":61:260601CNTRF", FindingKind::NoAmount),
        (":61:260601X1,00NTRF", FindingKind::NoSide),
        (":61:269901C1,00NTRF", FindingKind::BadDay),
        (":61:26", FindingKind::Unreadable),
        (":61:2609010901C1,00NTRF", FindingKind::FutureDay),
        (":61:260601C1,005NTRF", FindingKind::BadAmount),
    ] {
        let read = mt940(&format!("{line}\n:86:text of it\n:61:260601D2,NTRFNONREF"));
        assert_eq!(
            (amounts(&read), kinds(&read)),
            (vec!["-2.00 EUR".to_owned()], vec![kind]),
            "{line}"
        );
        assert_eq!(read.findings[0].place.line, 5);
        assert!(read.findings[0].message.contains("text of it"), "{line}");
    }
    assert_eq!(mt940("").statements[0].account, "DE89370400440532013000");
    let expected = mt940(":61:260605EC5,00NTRFNONREF");
    assert_eq!(
        (expected.entries().next().unwrap().status, kinds(&expected)),
        (Status::Pending, vec![FindingKind::NotBooked])
    );
    // A booking at the turn of the year, and one without a day of its own.
    let read = mt940(":61:2601021231C1,00NTRF\n:61:260606C1,00NTRF");
    assert_eq!(
        read.entries().map(|entry| entry.booked_on).collect::<Vec<_>>(),
        [NaiveDate::from_ymd_opt(2025, 12, 31).unwrap(), day(6, 4)]
    );
}

#[test]
fn ofx_is_read_as_sgml_and_as_xml() {
    let read = try_read(include_bytes!("files/export-1.ofx")).unwrap();
    assert_eq!(
        (read.format, read.version, kinds(&read)),
        (Format::Ofx, Some(1), vec![FindingKind::ZeroAmount])
    );
    assert_eq!(amounts(&read), ["4000.00 USD", "-1000.50 USD", "-8000.00 USD"], "oldest first");
    let statement = &read.statements[0];
    assert_eq!(
        (statement.account.as_str(), statement.period),
        ("US-ACC-1", Some((day(6, 1), day(6, 30))))
    );
    assert_eq!(statement.closing.unwrap().amount.to_string(), "32000.00 USD");
    assert!(
        statement.entries[0].search.iter().any(|text| text.contains("INV-2026-000048")),
        "cut between name and memo"
    );
    assert!(
        statement.entries[0].text.contains("AT&T") && statement.entries[2].party == "Rent & Co"
    );
    assert_eq!(statement.entries[1].reference(ReferenceKind::Cheque), Some("1001"));
    let read = try_read(include_bytes!("files/export-2.ofx")).unwrap();
    assert_eq!(
        (read.version, kinds(&read)),
        (Some(2), vec![FindingKind::NotBooked, FindingKind::Unreadable, FindingKind::CardAccount])
    );
    assert_eq!(amounts(&read), ["100.50 EUR", "-9.00 EUR", "-3.00 EUR", "50.00 EUR"]);
    let entries: Vec<_> = read.entries().collect();
    assert_eq!(
        (entries[0].party.as_str(), entries[0].search.contains(&"INV-7 & more".to_owned())),
        ("Müller", true)
    );
    assert_eq!(entries[1].returned.as_ref().unwrap().code, "R01");
    assert_eq!((entries[2].status, entries[3].kind), (Status::Pending, Kind::OwnTransfer));
    assert_eq!(read.statements[0].account, "DE89370400440532013000");
}

#[test]
fn amounts_of_ofx_without_signs_have_those_of_their_types() {
    let file = String::from_utf8_lossy(include_bytes!("files/export-1.ofx"))
        .replace("<TRNAMT>-", "<TRNAMT>");
    assert_eq!(
        amounts(&try_read(file.as_bytes()).unwrap()),
        ["4000.00 USD", "-1000.50 USD", "-8000.00 USD"]
    );
}

#[test]
fn an_amount_of_ofx_that_can_be_read_in_two_ways_is_a_finding() {
    let file =
        String::from_utf8_lossy(include_bytes!("files/export-1.ofx")).replace("-8000.00", "-8,000");
    let read = try_read(file.as_bytes()).unwrap();
    assert_eq!(
        (amounts(&read).len(), kinds(&read)),
        (2, vec![FindingKind::BadAmount, FindingKind::ZeroAmount])
    );
}

#[test]
fn what_is_hostile_or_cut_off_is_refused() {
    let whole = String::from_utf8_lossy(include_bytes!("files/export-1.ofx")).into_owned();
    let deep = format!("<OFX>{}", "<A>".repeat(5_000));
    let long = format!("<OFX><STMTRS>{}</STMTRS></OFX>", "<A>1".repeat(600_000));
    for (file, part) in [
        (whole.get(..900).unwrap_or_default(), "middle"),
        (&whole.replace("<OFX>", "<OFX><!ENTITY a \"b\">"), "document type"),
        (deep.as_str(), "too deep"),
        (long.as_str(), "too deep or too long"),
        ("<OFX></OFX>", "no statement of an account"),
        ("OFXHEADER:100\n", "no OFX"),
        ("{1:F01}", "no statement (:20:)"),
    ] {
        let refused = try_read(file.as_bytes()).unwrap_err();
        assert!(refused.message.contains(part), "{part} in {refused}");
    }
    let cut = try_read(b":20:S1\n:25:1\n:60F:C260531EUR1,00\n:61:260601C1,00NTRF\n").unwrap();
    assert_eq!(
        (amounts(&cut).len(), kinds(&cut)),
        (1, vec![FindingKind::Unreadable]),
        "no closing balance"
    );
    let none = try_read(b":20:S1\n:25:1\n:60F:C260531DEM1,00\n:61:260601C1,00NTRF\n").unwrap();
    assert_eq!((none.statements.len(), kinds(&none)), (0, vec![FindingKind::UnknownCurrency]));
}
