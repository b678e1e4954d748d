//! Files of banks, read by their forms.

use super::{ReadFile, account_hash, read_bank_file};
use crate::commands::bank_files::{CsvMapping, DateOrder, Reading};
use chrono::NaiveDate;
use payterms_credit_domain::{
    Feature,
    bank::{BankData, Returned},
};
use payterms_kernel::{Refusal, TenantId};

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
        currency_column: String::new(),
        status_column: String::new(),
        direction_column: String::new(),
        text_columns: Vec::new(),
    }
}

fn read(file: &[u8], mapping: Option<CsvMapping>) -> Result<ReadFile, Refusal> {
    let today = NaiveDate::from_ymd_opt(2026, 7, 15).unwrap();
    read_bank_file(&tenant(), file, &Reading { mapping, preset: None }, today)
}

#[test]
fn a_csv_file_is_read_by_its_mapping() {
    let file = "\u{feff}Date;Who;Amount;Balance\n30.06.2026;Müller;1.234,50;2.000,00\n29.06.2026;Rent;-900,00;765,50\n";
    let statement = read(file.as_bytes(), Some(mapping())).unwrap().statements.remove(0);
    assert_eq!(
        statement.bookings.iter().map(|booking| booking.amount).collect::<Vec<_>>(),
        [-900_000_000, 1_234_500_000],
        "the oldest first"
    );
    assert_eq!(
        (statement.closing, statement.covers.0),
        (Some(2_000_000_000), NaiveDate::from_ymd_opt(2026, 6, 29).unwrap()),
        "the newest stands first"
    );
    assert_eq!(
        statement.account,
        account_hash(&tenant(), "de0212030000"),
        "however its number is written"
    );
    assert_ne!(
        statement.account,
        account_hash(&"globex".parse().unwrap(), "de0212030000"),
        "another tenant's hash tells nothing"
    );
}

#[test]
fn a_row_that_cannot_be_used_is_a_finding_and_a_file_of_such_rows_is_refused() {
    let head = "Date;Who;Amount;Balance\n";
    let mixed = read(
        format!("{head}30.06.2026;x;1,00;1,00\n31.02.2026;x;1,00;\n").as_bytes(),
        Some(mapping()),
    )
    .unwrap();
    assert_eq!(
        (mixed.statements[0].bookings.len(), mixed.finding_count, mixed.findings[0].kind.as_str()),
        (1, 1, "BAD_DAY")
    );
    let refused = |file: &str| read(file.as_bytes(), Some(mapping())).unwrap_err().message;
    for amount in ["NaN", "--1", "+-1", "1.2.345", "1,2,3", ""] {
        assert!(
            refused(&format!("{head}30.06.2026;x;{amount};1,00\n"))
                .contains("Nothing of the file can be used"),
            "{amount}"
        );
    }
    assert!(refused("Datum;Who;Amount;Balance\n").contains("Date"));
    assert!(refused(head).contains("Nothing") || refused(head).contains("no"));
    let many = format!("{head}{}", "30.06.2026;x;1,00;1,00\n".repeat(20_001));
    assert!(refused(&many).contains("20000"));
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
    let statement = read(file.as_bytes(), None).unwrap().statements.remove(0);
    let bookings: Vec<_> = statement
        .bookings
        .iter()
        .map(|booking| (booking.amount, booking.party.as_str(), booking.returned))
        .collect();
    assert_eq!(
        bookings,
        [(10_000_000, "Globex", None), (-7_000_000, "", Some(Returned::Deposit))],
        "what is pending is not booked"
    );
    assert_eq!(
        (statement.closing, statement.covers.1),
        (Some(-50_250_000), NaiveDate::from_ymd_opt(2026, 5, 31).unwrap())
    );
    assert!(statement.whole && statement.reports_returns);
    assert!(read(b"<Document/>", None).is_err());
    assert!(read(b"%PDF-1.4", None).unwrap_err().message.contains("PDF"));
}

#[test]
fn one_account_in_two_formats_is_one_and_its_bookings_are_the_same() {
    let entry = |amount: &str, side: &str, day: &str, name: &str| {
        format!(
            "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>\
             <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>"
        )
    };
    let camt = format!(
        "<Document><BkToCstmrStmt><Stmt><FrToDt><FrDtTm>2026-06-01T00:00:00</FrDtTm><ToDtTm>2026-06-30T23:59:59</ToDtTm></FrToDt>\
         <Acct><Id><IBAN>DE89 3704 0044 0532 0130 00</IBAN></Id><Ccy>EUR</Ccy></Acct>{}{}</Stmt></BkToCstmrStmt></Document>",
        entry("100.00", "CRDT", "2026-06-05", "Globex GmbH"),
        entry("100.00", "CRDT", "2026-06-05", "Globex GmbH"),
    );
    let mt940 = "\r\n:20:STARTUMS\r\n:25:37040044/532013000\r\n:28C:1/1\r\n:60F:C260601EUR0,00\r\n:61:2606050605C100,00NTRFNONREF\r\n\
                 :86:166?00GUTSCHRIFT?32GLOBEX\r\n:61:2606050605C100,00NTRFNONREF\r\n:86:166?00GUTSCHRIFT?32GLOBEX\r\n:62F:C260630EUR200,00\r\n-";
    let files = [read(camt.as_bytes(), None).unwrap(), read(mt940.as_bytes(), None).unwrap()];
    assert_eq!([files[0].format, files[1].format], ["CAMT_053", "MT940"]);
    let statements: Vec<_> = files.into_iter().flat_map(|file| file.statements).collect();
    assert!(statements.iter().all(|statement| statement.whole), "{statements:?}");
    let euro = payterms_kernel::Currency::parse("EUR").unwrap();
    let data = BankData::of(euro, &statements, &|_| false);
    let features = data.features(NaiveDate::from_ymd_opt(2026, 7, 15).unwrap());
    assert_eq!((data.coverage().accounts, features[&Feature::MonthlyInflow]), (1, 200_000_000));
    assert_eq!(
        (features[&Feature::SuspectedDuplicates], features[&Feature::ReturnedPayments]),
        (0, 0)
    );
}
