//! Files of banks, read by their forms.

use super::{account_hash, read_bank_file};
use crate::commands::bank_files::{CsvMapping, DateOrder};
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
        account: account_hash(&tenant(), "DE02 1203 0000"),
        currency: "EUR".into(),
        covers: (None, None),
    }
}

#[test]
fn a_csv_file_is_read_by_its_mapping() {
    let file = "\u{feff}Date;Who;Amount;Balance\n30.06.2026;Müller;1.234,50;2.000,00\n29.06.2026;Rent;-900,00;765,50\n";
    let statement = read_bank_file(&tenant(), file.as_bytes(), Some(&mapping())).unwrap().remove(0);
    assert_eq!(statement.bookings.iter().map(|booking| booking.amount).collect::<Vec<_>>(), [1_234_500_000, -900_000_000]);
    assert_eq!(
        (statement.closing, statement.covers.0),
        (Some(2_000_000_000), NaiveDate::from_ymd_opt(2026, 6, 29).unwrap()),
        "the newest stands first"
    );
    assert_eq!(statement.account, account_hash(&tenant(), "de0212030000"), "however its number is written");
    assert_ne!(statement.account, account_hash(&"globex".parse().unwrap(), "de0212030000"), "another tenant's hash tells nothing");
}

#[test]
fn what_is_wrong_with_a_csv_file_is_told() {
    let refused = |file: &str, mapping: CsvMapping| read_bank_file(&tenant(), file.as_bytes(), Some(&mapping)).unwrap_err().message;
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
    let statement = read_bank_file(&tenant(), file.as_bytes(), None).unwrap().remove(0);
    let read: Vec<_> = statement.bookings.iter().map(|booking| (booking.amount, booking.party.as_str(), booking.returned)).collect();
    assert_eq!(read, [(10_000_000, "Globex", false), (-7_000_000, "", true)], "what is pending is not booked");
    assert_eq!((statement.closing, statement.covers.1), (Some(-50_250_000), NaiveDate::from_ymd_opt(2026, 5, 31).unwrap()));
    let negative = file.replace(">10.00<", ">-10.00<");
    assert!(read_bank_file(&tenant(), negative.as_bytes(), None).unwrap_err().message.contains("proper amount"), "the side tells the sign");
    assert!(read_bank_file(&tenant(), b"<Document/>", None).unwrap_err().message.contains("no statement"));
    assert!(read_bank_file(&tenant(), b"%PDF-1.4", None).is_err());
}
