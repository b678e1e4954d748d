//! CAMT: versions, envelopes, encodings, batches, returns, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::NaiveDate;
use payterms_bank_files::{
    BankFile, Entry, FileError, FindingKind, Format, Kind, Limits, Source, Status, read,
};

fn try_read(file: &[u8]) -> Result<BankFile, FileError> {
    read(file, Source::Detect, NaiveDate::from_ymd_opt(2026, 7, 20).unwrap(), Limits::default())
}

fn statement(entries: &str) -> String {
    let account = "<Acct><Id><IBAN>DE89 3704 0044 0532 0130 00</IBAN></Id><Ccy>EUR</Ccy></Acct>";
    format!(
        "<Document><BkToCstmrStmt><Stmt><Id>S</Id>{account}{entries}</Stmt></BkToCstmrStmt></Document>"
    )
}

fn file(entries: &str) -> BankFile {
    try_read(statement(entries).as_bytes()).unwrap()
}

fn entry(amount: &str, side: &str, rest: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-06-01</Dt></BookgDt>{rest}</Ntry>"
    )
}

fn part(rest: &str) -> String {
    format!("<TxDtls>{rest}</TxDtls>")
}

fn details(parts: &[String]) -> String {
    format!("<NtryDtls>{}</NtryDtls>", parts.concat())
}

fn amounts(file: &BankFile) -> Vec<String> {
    file.entries().map(|entry| entry.amount.to_string()).collect()
}

fn kinds(file: &BankFile) -> Vec<FindingKind> {
    file.findings.iter().map(|finding| finding.kind).collect()
}

fn first(file: &BankFile) -> &Entry {
    file.entries().next().unwrap()
}

#[test]
fn every_version_of_each_message_is_read_in_any_envelope() {
    for (message, report, number, format) in [
        ("BkToCstmrAcctRpt", "Rpt", "052", Format::Camt052),
        ("BkToCstmrStmt", "Stmt", "053", Format::Camt053),
        ("BkToCstmrDbtCdtNtfctn", "Ntfctn", "054", Format::Camt054),
    ] {
        for version in 2..=13 {
            let status = if version < 7 { "<Sts>BOOK</Sts>" } else { "<Sts><Cd>BOOK</Cd></Sts>" };
            let body = format!(
                "<c:{message}><c:{report}><c:Id>1</c:Id><c:Acct><c:Id><c:Othr><c:Id>1 2-3</c:Id></c:Othr></c:Id></c:Acct>{}</c:{report}></c:{message}>",
                entry("5.00", "CRDT", "")
                    .replace("<Sts>BOOK</Sts>", status)
                    .replace("</", "\0")
                    .replace('<', "<c:")
                    .replace('\0', "</c:"),
            );
            let namespace =
                format!("urn:iso:std:iso:20022:tech:xsd:camt.{number}.001.{version:02}");
            for (before, after) in [
                ("", ""),
                ("<Envelope xmlns='urn:x'><AppHdr><Fr/></AppHdr><Body>", "</Body></Envelope>"),
            ] {
                let text = format!(
                    "<?xml version='1.0'?>{before}<c:Document xmlns:c='{namespace}'>{body}</c:Document>{after}"
                );
                let read = try_read(text.as_bytes()).unwrap();
                assert_eq!(
                    (read.format, read.version, amounts(&read)),
                    (format, Some(version), vec!["5.00 EUR".to_owned()]),
                    "{text}"
                );
                assert_eq!(
                    (read.statements[0].account.as_str(), first(&read).status),
                    ("1 2-3", Status::Booked)
                );
            }
        }
    }
    let newer = statement("")
        .replace("<Document>", "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.14'>");
    assert_eq!(
        kinds(&try_read(newer.as_bytes()).unwrap()),
        [FindingKind::OtherVersion, FindingKind::NoEntries]
    );
}

#[test]
fn what_cannot_be_used_is_a_finding_and_the_rest_is_read() {
    let good = entry("1.00", "CRDT", "");
    for (bad, kind) in [
        (good.replace("1.00", "0.00"), FindingKind::ZeroAmount),
        (good.replace("1.00", "-1.00"), FindingKind::BadAmount),
        (good.replace("1.00", "1.001"), FindingKind::BadAmount),
        (good.replace("1.00", ""), FindingKind::NoAmount),
        (good.replace("<Amt Ccy=\"EUR\">1.00</Amt>", ""), FindingKind::NoAmount),
        (good.replace("CRDT", "CREDIT"), FindingKind::NoSide),
        (good.replace("EUR", "XXX"), FindingKind::UnknownCurrency),
        (good.replace("EUR", "USD"), FindingKind::OtherCurrency),
        (good.replace("2026-06-01", "2026-02-30"), FindingKind::BadDay),
        (good.replace("2026-06-01", "01.06.2026"), FindingKind::BadDay),
        (good.replace("2026-06-01", "2026-07-21"), FindingKind::FutureDay),
        (good.replace("BookgDt", "Other"), FindingKind::NoDay),
    ] {
        let read = file(&format!("{bad}{good}"));
        assert_eq!(
            (amounts(&read), kinds(&read)),
            (vec!["1.00 EUR".to_owned()], vec![kind]),
            "{bad}"
        );
        assert_eq!(read.findings[0].place.to_string(), "statement 1, entry 1");
    }
    for (status, kind, found) in [
        ("PDNG", FindingKind::NotBooked, Status::Pending),
        ("INFO", FindingKind::NotBooked, Status::Information),
        ("SEEN", FindingKind::NoStatus, Status::Unstated),
    ] {
        let read = file(&good.replace("BOOK", status));
        assert_eq!((first(&read).status, kinds(&read)), (found, vec![kind]));
    }
    assert_eq!(kinds(&file("")), [FindingKind::NoEntries]);
}

#[test]
fn parts_of_a_batch_are_shown_with_the_amounts_that_they_state() {
    let amount = |path: &str, amount: &str, currency: &str| {
        let open: Vec<_> = path.split('/').map(|text| format!("<{text}>")).collect();
        let close: Vec<_> = path.rsplit('/').map(|text| format!("</{text}>")).collect();
        let (open, close) = (open.concat(), close.concat());
        let open = open.replace("<Amt>", &format!("<Amt Ccy=\"{currency}\">"));
        part(&format!("{open}{amount}{close}"))
    };
    for path in ["Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"] {
        let parts = [amount(path, "90.00", "EUR"), amount(path, "8.00", "EUR")];
        let read = file(&entry("98.00", "DBIT", &details(&parts)));
        assert_eq!(
            (amounts(&read), kinds(&read)),
            (vec!["-90.00 EUR".to_owned(), "-8.00 EUR".to_owned()], vec![]),
            "{path}"
        );
        let batch = first(&read).part_of.as_ref().unwrap();
        assert_eq!((batch.number, batch.count, batch.difference), (1, 2, None));
        assert_eq!(first(&read).place.to_string(), "statement 1, entry 1, part 1");
        let differs = file(&entry("97.00", "CRDT", &details(&parts)));
        assert_eq!((amounts(&differs).len(), kinds(&differs)), (2, vec![FindingKind::PartsDiffer]));
        assert_eq!(
            first(&differs).part_of.as_ref().unwrap().difference.unwrap().to_string(),
            "-1.00 EUR"
        );
    }
    let mixed = [
        part("<Amt Ccy=\"EUR\">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>"),
        part("<Amt Ccy=\"EUR\">2.00</Amt><CdtDbtInd>DBIT</CdtDbtInd>"),
    ];
    assert_eq!(
        amounts(&file(&entry("98.00", "CRDT", &details(&mixed)))),
        ["100.00 EUR", "-2.00 EUR"]
    );
    for unstated in [
        [part(""), part("")],
        [amount("AmtDtls/InstdAmt/Amt", "1.00", "USD"), amount("Amt", "8.00", "EUR")],
    ] {
        let read = file(&entry("98.00", "CRDT", &details(&unstated)));
        assert_eq!(
            (amounts(&read), kinds(&read)),
            (vec!["98.00 EUR".to_owned()], vec![FindingKind::PartsUnstated])
        );
    }
    let zero = file(&entry(
        "8.00",
        "CRDT",
        &details(&[amount("Amt", "0.00", "EUR"), amount("Amt", "8.00", "EUR")]),
    ));
    assert_eq!(
        (amounts(&zero), kinds(&zero)),
        (vec!["8.00 EUR".to_owned()], vec![FindingKind::ZeroAmount])
    );
}

#[test]
fn a_batch_counts_once_towards_the_balances() {
    let balance = |kind: &str, amount: &str, day: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )
    };
    let parts =
        details(&[part("<Amt Ccy=\"EUR\">100.00</Amt>"), part("<Amt Ccy=\"EUR\">100.00</Amt>")]);
    let body = format!(
        "{}{}{}{}",
        balance("PRCD", "10.00", "2026-05-31"),
        balance("CLBD", "196.00", "2026-06-02"),
        entry("196.00", "CRDT", &parts),
        entry("10.00", "DBIT", "")
    );
    let read = file(&body);
    assert!(read.statements[0].is_whole());
    let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
    assert_eq!(
        read.statements[0].period,
        Some((day(6, 1), day(6, 2))),
        "the day after the earlier closing balance"
    );
    assert!(
        !file(&body.replace(">10.00</Amt><CdtDbtInd>DBIT", ">11.00</Amt><CdtDbtInd>DBIT"))
            .statements[0]
            .is_whole()
    );
}

#[test]
fn codes_say_what_came_back_and_of_what_kind_the_rest_is() {
    let code = |domain: &str, family: &str, sub: &str| {
        format!(
            "<BkTxCd><Domn><Cd>{domain}</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        )
    };
    let proprietary = |code: &str, issuer: &str| {
        format!("<BkTxCd><Prtry><Cd>{code}</Cd><Issr>{issuer}</Issr></Prtry></BkTxCd>")
    };
    let reason = |path: &str, code: &str| {
        details(&[part(&format!("<RtrInf><Rsn><{path}>{code}</{path}></Rsn></RtrInf>"))])
    };
    for (rest, side, own_payment, written) in [
        (code("PMNT", "RDDT", "UPDD"), "CRDT", Some(true), "UPDD"),
        (code("PMNT", "IDDT", "UPDD"), "DBIT", Some(false), "UPDD"),
        (code("PMNT", "RCDT", "URDD"), "CRDT", None, ""),
        (code("PMNT", "ICDT", "RRTN") + &reason("Cd", "AC04"), "CRDT", Some(true), "AC04"),
        (code("PMNT", "IDDT", "ESDD") + &reason("Prtry", "R01"), "DBIT", Some(false), "R01"),
        (proprietary("NMSC+109+00900", "DK"), "DBIT", Some(false), "NMSC+109+00900"),
        (proprietary("NRTI", ""), "CRDT", Some(true), "NRTI"),
        (proprietary("555", "BAI"), "DBIT", Some(false), "555"),
        (proprietary("109", "BANK"), "DBIT", None, ""),
        ("<RvslInd>true</RvslInd>".to_owned(), "CRDT", Some(true), "REVERSAL"),
        ("<RvslInd>true</RvslInd>".to_owned() + &code("ACMT", "MDOP", "CHRG"), "CRDT", None, ""),
    ] {
        let read = file(&entry("1.00", side, &rest));
        let found = first(&read)
            .returned
            .as_ref()
            .map(|returned| (returned.own_payment, returned.code.as_str()));
        assert_eq!(found, own_payment.map(|own_payment| (own_payment, written)), "{rest}");
    }
    assert_eq!(
        first(&file(&entry("1.00", "CRDT", &code("LDAS", "FTLN", "DDWN")))).kind,
        Kind::Loan
    );
    assert_eq!(
        first(&file(&entry("1.00", "CRDT", &details(&[part("<Purp><Cd>LOAN</Cd></Purp>")])))).kind,
        Kind::Loan
    );
    assert_eq!(
        first(&file(&entry("1.00", "CRDT", &code("PMNT", "RCDT", "ESCT")))).code,
        "PMNT/RCDT/ESCT"
    );
}

#[test]
fn the_other_side_is_never_the_holder_of_the_account() {
    let parties = |rest: &str| details(&[part(&format!("<RltdPties>{rest}</RltdPties>"))]);
    let both = "<Dbtr><Nm>Payer</Nm></Dbtr><DbtrAcct><Id><IBAN>GB33BUKB20201555555555</IBAN></Id></DbtrAcct><Cdtr><Pty><Nm>Payee</Nm></Pty></Cdtr>";
    let party = |side: &str, rest: &str| {
        let read = file(&entry("1.00", side, rest));
        (first(&read).party.clone(), first(&read).party_account.clone())
    };
    assert_eq!(
        party("CRDT", &parties(both)),
        ("Payer".to_owned(), "GB33BUKB20201555555555".to_owned())
    );
    assert_eq!(party("DBIT", &parties(both)).0, "Payee");
    assert_eq!(
        party("DBIT", &parties("<Dbtr><Nm>Payer</Nm></Dbtr>")).0,
        "",
        "who pays himself is nobody"
    );
    let back = format!("<RvslInd>true</RvslInd>{}", parties(both));
    assert_eq!(
        (party("DBIT", &back).0.as_str(), party("CRDT", &back).0.as_str()),
        ("Payer", "Payee")
    );
}

#[test]
fn documents_with_stated_amounts_are_named_with_them() {
    let strd = |number: &str, amount: &str| {
        format!(
            "<Strd><RfrdDocInf><Nb>{number}</Nb></RfrdDocInf><RfrdDocAmt><RmtdAmt Ccy=\"EUR\">{amount}</RmtdAmt></RfrdDocAmt></Strd>"
        )
    };
    let rest = details(&[part(&format!(
        "<RmtInf>{}{}</RmtInf>",
        strd("INV-1", "60.00"),
        strd("INV-2", "40.00")
    ))]);
    let read = file(&entry("100.00", "CRDT", &rest));
    let named: Vec<_> = first(&read)
        .named_amounts
        .iter()
        .map(|(number, amount)| (number.as_str(), amount.to_string()))
        .collect();
    assert_eq!(named, [("INV-1", "60.00 EUR".to_owned()), ("INV-2", "40.00 EUR".to_owned())]);
    assert_eq!(first(&read).search, ["INV-1", "INV-2"]);
}

#[test]
fn what_is_hostile_or_no_statement_is_refused_with_a_sentence() {
    let deep = format!("<Document>{}", "<a>".repeat(5_000));
    let long = format!("<Document>{}</Document>", "<a/>".repeat(600_000));
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><Document>&a;</Document>";
    for (file, part) in [
        ("", "empty"),
        ("not xml at all", "no known format"),
        ("<Document><BkToCstmrStmt>", "middle"),
        ("<Document><BkToCstmrStmt></Document>", "well-formed"),
        ("<Document><Other/></Document>", "no message"),
        ("<Document><BkToCstmrStmt></BkToCstmrStmt></Document>", "no statement (Stmt)"),
        ("<Document><BkToCstmrDbtCdtNtfctn/></Document>", "no statement (Ntfctn)"),
        ("<Document><BkToCstmrStmtV01/></Document>", "version 01"),
        ("<D><BkToCstmrStmt><Stmt/></BkToCstmrStmt><BkToCstmrAcctRpt/></D>", "several kinds"),
        (bomb, "document type"),
        ("<Document>&evil;</Document>", "entities"),
        (deep.as_str(), "too deep"),
        (long.as_str(), "too deep or too long"),
        ("%PDF-1.7", "a PDF"),
    ] {
        let refused = try_read(file.as_bytes()).unwrap_err();
        assert!(refused.message.contains(part), "{part} in {refused}");
    }
    let no_account =
        try_read(b"<Document><BkToCstmrStmt><Stmt><Ntry/></Stmt></BkToCstmrStmt></Document>")
            .unwrap();
    assert_eq!(
        (kinds(&no_account), no_account.statements.len()),
        (vec![FindingKind::NoAccount], 0)
    );
    let limits = Limits { entries: 2, ..Limits::default() };
    let three = statement(&entry("1.00", "CRDT", "").repeat(3));
    let refused = read(
        three.as_bytes(),
        Source::Detect,
        NaiveDate::from_ymd_opt(2026, 7, 20).unwrap(),
        limits,
    )
    .unwrap_err();
    assert!(refused.message.contains("more than 2 entries"), "{refused}");
}
