//! CSV: mappings, presets, and what is set apart.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::NaiveDate;
use payterms_bank_files::{
    BankFile, CsvMapping, DateOrder, FileError, FindingKind, Kind, Limits, Preset, ReferenceKind,
    Source, Status, read,
};
use payterms_kernel::Currency;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 7, 20).unwrap()
}

fn detected(text: &str) -> BankFile {
    read(text.as_bytes(), Source::Detect, today(), Limits::default()).unwrap()
}

fn mapping() -> CsvMapping {
    CsvMapping {
        date_column: "Date".to_owned(),
        date_order: DateOrder::MonthDayYear,
        amount_column: "Amount".to_owned(),
        text_columns: vec!["Text".to_owned()],
        account: "A1".to_owned(),
        currency: Currency::parse("USD"),
        ..CsvMapping::default()
    }
}

fn try_mapped(text: &str, mapping: &CsvMapping) -> Result<BankFile, FileError> {
    read(text.as_bytes(), Source::Csv(mapping), today(), Limits::default())
}

fn mapped(text: &str, mapping: &CsvMapping) -> BankFile {
    try_mapped(text, mapping).unwrap()
}

fn amounts(file: &BankFile) -> Vec<String> {
    file.entries().map(|entry| format!("{} {}", entry.booked_on, entry.amount)).collect()
}

fn kinds(file: &BankFile) -> Vec<FindingKind> {
    file.findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn every_bad_row_is_a_finding_of_its_line_and_the_others_are_read() {
    let text = "Date,Text,Amount\n06/01/2026,a,1.00\n,b,2.00\n02/30/2026,c,3.00\n07/21/2026,d,4.00\n06/02/2026,e,\n06/03/2026,f,x\n\
                06/04/2026,g,0.00\n06/05/2026,h,€5\n06/06/2026,i,6.00,7.00\nTotal,,\n06/07/26,\"j, k\",\"(1,000.00)\"\n";
    let read = mapped(text, &mapping());
    assert_eq!(amounts(&read), ["2026-06-01 1.00 USD", "2026-06-07 -1000.00 USD"]);
    let found: Vec<_> =
        read.findings.iter().map(|finding| (finding.place.line, finding.kind)).collect();
    let wanted = [
        (3, FindingKind::NoDay),
        (4, FindingKind::BadDay),
        (5, FindingKind::FutureDay),
        (6, FindingKind::NoAmount),
        (7, FindingKind::BadAmount),
        (8, FindingKind::ZeroAmount),
        (9, FindingKind::OtherCurrency),
        (10, FindingKind::Unreadable),
        (11, FindingKind::NoBooking),
    ];
    assert_eq!(found, wanted);
}

#[test]
fn columns_that_change_what_a_row_means_are_used_though_no_mapping_names_them() {
    let status = "Date,Text,Amount,Status\n06/01/2026,a,1.00,Posted\n06/02/2026,b,2.00,Pending\n06/03/2026,c,3.00,REVERTED\n";
    let read = mapped(status, &mapping());
    let found: Vec<_> = read.entries().map(|entry| (entry.status, entry.reversal)).collect();
    assert_eq!(
        found,
        [(Status::Booked, false), (Status::Pending, false), (Status::Information, true)]
    );
    assert_eq!(kinds(&read), [FindingKind::NotBooked, FindingKind::NotBooked]);
    let direction = "Date,Text,Amount,Type\n06/01/2026,a,1.00,Credit\n06/02/2026,b,2.00,Debit\n";
    assert_eq!(
        amounts(&mapped(direction, &mapping())),
        ["2026-06-01 1.00 USD", "2026-06-02 -2.00 USD"]
    );
    let named = CsvMapping { status_column: "Status".to_owned(), ..mapping() };
    let read = mapped(&status.replace("Posted", "Seen"), &named);
    assert_eq!(
        (read.entries().next().unwrap().status, kinds(&read)[0]),
        (Status::Unstated, FindingKind::NoStatus)
    );
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let german = CsvMapping {
        decimal_comma: true,
        separator: Some(';'),
        date_order: DateOrder::DayMonthYear,
        ..mapping()
    };
    for (text, mapping, part) in [
        (
            "Date,Text,Amount,Amount\n06/01/2026,a,1.00,2.00\n",
            mapping(),
            "more than one column named \"Amount\"",
        ),
        ("Date,Text,Sum\n06/01/2026,a,1.00\n", mapping(), "no column named \"Amount\""),
        ("Date;Text;Amount\n06/13/2026;a;1,00\n06/05/2026;b;1,00\n", german, "month, day, year"),
        ("Date,Text,Amount\n13/06/2026,a,1.00\n05/06/2026,b,1.00\n", mapping(), "day, month, year"),
        (
            "Date,Text,Amount\n",
            CsvMapping { credit_column: "C".to_owned(), ..mapping() },
            "one of both",
        ),
        (
            "Date,Text,Amount\n",
            CsvMapping { amount_column: String::new(), ..mapping() },
            "no column for the day",
        ),
        ("Date,Text,Amount\n", CsvMapping { separator: Some('x'), ..mapping() }, "separator"),
        (
            "Date,Amount,Text\n06/01/2026,1.00,\"a\n06/02/2026,1.00,b\n",
            mapping(),
            "line 2 is not closed",
        ),
    ] {
        let refused = try_mapped(text, &mapping).unwrap_err();
        assert!(refused.message.contains(part), "{part} in {refused}");
    }
    let open =
        format!("Date,Text,Amount\n06/01/2026,\"a,1.00\n{}", "06/02/2026,b,1.00\n".repeat(30));
    assert!(try_mapped(&open, &mapping()).unwrap_err().message.contains("line 2 is not closed"));
}

#[test]
fn periods_bound_the_rows_and_two_columns_tell_the_sign() {
    let day = |day| NaiveDate::from_ymd_opt(2026, 6, day);
    let two = CsvMapping {
        amount_column: String::new(),
        credit_column: "In".to_owned(),
        debit_column: "Out".to_owned(),
        balance_column: "Balance".to_owned(),
        period: (day(1), day(30)),
        ..mapping()
    };
    let text = "Date,Text,In,Out,Balance\n07/01/2026,a,1.00,,9\n06/30/2026,b,,2.00,8.00\n06/29/2026,c,3.00,0.00,10.00\n06/28/2026,d,1.00,1.00,7.00\n";
    let read = mapped(text, &two);
    assert_eq!(amounts(&read), ["2026-06-29 3.00 USD", "2026-06-30 -2.00 USD"], "oldest first");
    assert_eq!(kinds(&read), [FindingKind::OutsidePeriod, FindingKind::BadAmount]);
    let statement = &read.statements[0];
    assert_eq!(statement.closing.unwrap().amount.to_string(), "8.00 USD");
    assert_eq!(
        (statement.period, statement.opening, statement.is_whole()),
        (day(1).zip(day(30)), None, false)
    );
}

#[test]
fn exports_of_american_banks_are_detected() {
    let older = "\"06/05/2026\",\"-8,000.00\",\"*\",\"\",\"RENT\"\n\"06/01/2026\",\"4000.00\",\"*\",\"101\",\"Globex\"\n";
    let read = detected(older);
    assert_eq!(
        (read.preset, amounts(&read)),
        (
            Some(Preset::WellsFargo),
            vec!["2026-06-01 4000.00 USD".to_owned(), "2026-06-05 -8000.00 USD".to_owned()]
        )
    );
    assert_eq!(read.entries().next().unwrap().reference(ReferenceKind::Cheque), Some("101"));
    let newer = "\"DATE\",\"DESCRIPTION\",\"AMOUNT\",\"CHECK #\",\"STATUS\"\n\"06/02/2026\",\"X\",\"-1.00\",\"\",\"Pending\"\n\"06/01/2026\",\"Globex\",\"4.00\",\"\",\"Posted\"\n";
    let read = detected(newer);
    assert_eq!(
        (read.preset, kinds(&read)),
        (Some(Preset::WellsFargo), vec![FindingKind::NotBooked])
    );
    let citi = "Status,Date,Description,Debit,Credit\nCleared,06/02/2026,\"RENT\",8000.00,\nCleared,06/01/2026,\"GLOBEX\",,-4000.00\n";
    let read = detected(citi);
    assert_eq!(
        (read.preset, amounts(&read)),
        (
            Some(Preset::Citi),
            vec!["2026-06-01 4000.00 USD".to_owned(), "2026-06-02 -8000.00 USD".to_owned()]
        )
    );
    let capital = "Account Number,Transaction Description,Transaction Date,Transaction Type,Transaction Amount,Balance\n\
                   1234,Withdrawal to RENT,06/02/26,Debit,8000,2000.00\n1234,Deposit from GLOBEX,06/01/26,Credit,4000.00,10000.00\n";
    let read = detected(capital);
    assert_eq!(
        (read.preset, read.statements[0].account.as_str()),
        (Some(Preset::CapitalOne), "1234")
    );
    assert_eq!(amounts(&read), ["2026-06-01 4000.00 USD", "2026-06-02 -8000.00 USD"]);
    let card = "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit\n2026-06-01,2026-06-02,1234,SHOP,X,10.00,\n2026-06-03,2026-06-03,1234,CAPITAL ONE AUTOPAY PYMT,Payment,,500.00\n2026-06-04,2026-06-04,1234,SHOP,X,,3.00\n";
    let read = detected(card);
    assert_eq!(kinds(&read), [FindingKind::CardAccount]);
    assert_eq!(
        read.entries().map(|entry| entry.kind).collect::<Vec<_>>(),
        [Kind::Other, Kind::OwnTransfer, Kind::Refund]
    );
}

#[test]
fn codes_and_texts_of_exports_say_what_came_back() {
    let header = "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n";
    let rows = "DEBIT,06/03/2026,\"RETURNED DEPOSIT ITEM\",-30.00,DEPOSIT_RETURN,70.00,,\n\
                CREDIT,06/02/2026,\"ACH RETURN R01 RENT\",20.00,ACH_CREDIT,100.00,,\n\
                CREDIT,06/01/2026,\"ORIG CO NAME:Globex ORIG ID:123 DESC DATE:\",80.00,ACH_CREDIT,80.00,,\n";
    let read = detected(&format!("{header}{rows}"));
    let found: Vec<_> = read
        .entries()
        .map(|entry| {
            entry.returned.as_ref().map(|returned| (returned.own_payment, returned.code.as_str()))
        })
        .collect();
    assert_eq!(found, [None, Some((true, "R01")), Some((false, "DEPOSIT_RETURN"))]);
    assert_eq!(read.entries().next().unwrap().party, "Globex");
}

#[test]
fn exports_of_european_banks_are_detected() {
    let ing = "\"Datum\";\"Naam / Omschrijving\";\"Rekening\";\"Tegenrekening\";\"Code\";\"Af Bij\";\"Bedrag (EUR)\";\"Mutatiesoort\";\"Mededelingen\";\"Saldo na mutatie\";\"Tag\"\n\
               \"20260602\";\"Huur\";\"NL91ABNA0417164300\";\"\";\"OV\";\"Af\";\"1.000,00\";\"Overschrijving\";\"Omschrijving: juni\";\"2.000,50\";\"\"\n\
               \"20260601\";\"Globex BV\";\"NL91ABNA0417164300\";\"NL02ABNA0123456789\";\"OV\";\"Bij\";\"3.000,50\";\"Overschrijving\";\"Kenmerk: INV-7\";\"3.000,50\";\"\"\n";
    for text in [ing.to_owned(), ing.replace("\";\"", "\",\"")] {
        let read = detected(&text);
        assert_eq!(
            (read.preset, amounts(&read)),
            (
                Some(Preset::Ing),
                vec!["2026-06-01 3000.50 EUR".to_owned(), "2026-06-02 -1000.00 EUR".to_owned()]
            )
        );
        let first = read.entries().next().unwrap();
        assert_eq!(
            (first.party.as_str(), first.party_account.as_str()),
            ("Globex BV", "NL02ABNA0123456789")
        );
        assert!(first.search.iter().any(|text| text.contains("INV-7")));
        assert_eq!(
            (
                read.statements[0].account.as_str(),
                read.statements[0].closing.unwrap().amount.to_string()
            ),
            ("NL91ABNA0417164300", "2000.50 EUR".to_owned())
        );
    }
    let lloyds = "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount,Balance\n\
                  02/06/2026,CPT,'30-00-00,12345678,LNK CASH,20.00,,80.00\n01/06/2026,FPI,'30-00-00,12345678,GLOBEX,,100.00,100.00\n";
    let read = detected(lloyds);
    assert_eq!(
        (read.preset, amounts(&read)),
        (
            Some(Preset::Lloyds),
            vec!["2026-06-01 100.00 GBP".to_owned(), "2026-06-02 -20.00 GBP".to_owned()]
        )
    );
    assert_eq!(
        (read.statements[0].account.as_str(), read.entries().nth(1).unwrap().kind),
        ("30-00-00 12345678", Kind::Cash)
    );
    let sparkasse = "\"Auftragskonto\";\"Buchungstag\";\"Valutadatum\";\"Buchungstext\";\"Verwendungszweck\";\"Glaeubiger ID\";\"Mandatsreferenz\";\"Kundenreferenz (End-to-End)\";\"Sammlerreferenz\";\"Lastschrift Ursprungsbetrag\";\"Auslagenersatz Ruecklastschrift\";\"Beguenstigter/Zahlungspflichtiger\";\"Kontonummer/IBAN\";\"BIC (SWIFT-Code)\";\"Betrag\";\"Waehrung\";\"Info\"\n\
        \"DE89370400440532013000\";\"03.06.26\";\"03.06.26\";\"LASTSCHRIFT\";\"x\";\"\";\"\";\"\";\"\";\"\";\"\";\"Strom\";\"\";\"\";\"-9,00\";\"EUR\";\"Umsatz vorgemerkt\"\n\
        \"DE89370400440532013000\";\"02.06.26\";\"02.06.26\";\"RUECKLASTSCHRIFT\";\"x\";\"\";\"\";\"\";\"\";\"\";\"\";\"M\u{FC}ller\";\"\";\"\";\"-1.335,00\";\"EUR\";\"Umsatz gebucht\"\n\
        \"DE89370400440532013000\";\"01.06.26\";\"01.06.26\";\"GUTSCHR. UEBERWEISUNG\";\"RE INV-8\";\"\";\"M-1\";\"NOTPROVIDED\";\"\";\"\";\"\";\"M\u{FC}ller\";\"DE02120300000000202051\";\"\";\"1.335,00\";\"EUR\";\"Umsatz gebucht\"\n";
    let latin: Vec<u8> = sparkasse.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let read =
        payterms_bank_files::read(&latin, Source::Detect, today(), Limits::default()).unwrap();
    assert_eq!(
        (read.preset, kinds(&read)),
        (Some(Preset::Sparkasse), vec![FindingKind::NotBooked])
    );
    let entries: Vec<_> = read.entries().collect();
    assert_eq!((entries[0].party.as_str(), entries[0].references.len()), ("Müller", 1));
    assert!(!entries[1].returned.as_ref().unwrap().own_payment);
}

#[test]
fn exports_of_wise_and_revolut_have_a_statement_for_each_currency() {
    let wise = "\"TransferWise ID\",Date,Amount,Currency,Description,\"Payment Reference\",\"Running Balance\",\"Payer Name\",\"Payee Name\",\"Total fees\",\"Transaction Details Type\"\n\
                T-2,02-06-2026,-5.00,EUR,\"Converted\",,95.00,,,0.00,CONVERSION\nT-3,02-06-2026,5.40,USD,\"Converted\",,5.40,,,0.00,CONVERSION\n\
                T-1,01-06-2026,100.00,EUR,\"Received money from Globex with reference INV-9\",INV-9,100.00,Globex,,0.00,DEPOSIT\n";
    let read = detected(wise);
    let found: Vec<_> = read
        .statements
        .iter()
        .map(|statement| {
            (
                statement.currency.unwrap().code(),
                statement.entries.len(),
                statement.closing.unwrap().amount.to_string(),
            )
        })
        .collect();
    assert_eq!(found, [("EUR", 2, "95.00 EUR".to_owned()), ("USD", 1, "5.40 USD".to_owned())]);
    assert_eq!(
        read.entries().map(|entry| (entry.party.as_str(), entry.kind)).collect::<Vec<_>>(),
        [("Globex", Kind::Other), ("", Kind::OwnTransfer), ("", Kind::OwnTransfer)]
    );
    let history = "ID,Status,Direction,\"Created on\",\"Finished on\",\"Source fee amount\",\"Source fee currency\",\"Source name\",\"Source amount (after fees)\",\"Source currency\",\"Target name\",\"Target amount (after fees)\",\"Target currency\",Reference\n\
                   T-1,COMPLETED,OUT,2026-06-01 10:00:00,2026-06-02 10:00:00,0.50,EUR,Me,99.50,EUR,Initech,108.00,USD,INV-1\n\
                   T-2,COMPLETED,IN,2026-06-01 10:00:00,2026-06-03 10:00:00,0,USD,Globex,50.00,USD,Me,50.00,USD,INV-2\n\
                   T-3,CANCELLED,OUT,2026-06-04 10:00:00,,0.50,EUR,Me,9.50,EUR,Initech,9.50,EUR,\n";
    let read = detected(history);
    assert_eq!(
        amounts(&read),
        ["2026-06-02 -100.00 EUR", "2026-06-04 -10.00 EUR", "2026-06-03 50.00 USD"]
    );
    assert_eq!(
        (read.entries().next().unwrap().charges.unwrap().to_string(), kinds(&read)),
        ("0.50 EUR".to_owned(), vec![FindingKind::NotBooked])
    );
    let revolut = "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n\
                   TOPUP,Current,2026-06-01 08:00:00,2026-06-01 08:00:00,Payment from Globex,100.00,0.00,EUR,COMPLETED,100.00\n\
                   ATM,Current,2026-06-02 08:00:00,2026-06-02 08:00:00,Cash,-50.00,1.50,EUR,COMPLETED,48.50\n\
                   CHARGE,Current,2026-06-03 08:00:00,2026-06-03 08:00:00,Plan fee,0.00,8.50,EUR,COMPLETED,40.00\n\
                   CARD_PAYMENT,Current,2026-06-04 08:00:00,,Shop,-9.00,0.00,EUR,PENDING,\nCARD_PAYMENT,Current,2026-06-04 08:00:00,,Shop,-7.00,0.00,EUR,REVERTED,\n";
    let read = detected(revolut);
    let booked: Vec<_> = read
        .entries()
        .filter(|entry| entry.status == Status::Booked)
        .map(|entry| (entry.amount.to_string(), entry.kind))
        .collect();
    assert_eq!(
        booked,
        [
            ("100.00 EUR".to_owned(), Kind::Other),
            ("-51.50 EUR".to_owned(), Kind::Cash),
            ("-8.50 EUR".to_owned(), Kind::Fee)
        ]
    );
    assert_eq!(
        (kinds(&read), read.statements[0].closing.unwrap().amount.to_string()),
        (vec![FindingKind::NotBooked; 2], "40.00 EUR".to_owned())
    );
}

#[test]
fn a_sign_that_differs_from_those_of_its_column_is_set_apart() {
    let two = CsvMapping {
        amount_column: String::new(),
        credit_column: "In".to_owned(),
        debit_column: "Out".to_owned(),
        ..mapping()
    };
    let text = "Date,Text,In,Out\n06/01/2026,a,5.00,\n06/02/2026,b,6.00,\n06/03/2026,c,-7.00,\n06/04/2026,d,,-1.00\n06/05/2026,e,,-2.00\n06/06/2026,f,,3.00\n";
    let read = mapped(text, &two);
    assert_eq!(
        amounts(&read),
        [
            "2026-06-01 5.00 USD",
            "2026-06-02 6.00 USD",
            "2026-06-04 -1.00 USD",
            "2026-06-05 -2.00 USD"
        ]
    );
    assert_eq!(kinds(&read), [FindingKind::BadAmount, FindingKind::BadAmount]);
    let single = mapped("Date,Text,In,Out\n06/01/2026,a,-5.00,\n", &two);
    assert_eq!((amounts(&single).len(), kinds(&single)), (0, vec![FindingKind::BadAmount]));
}

#[test]
fn exports_that_were_put_together_have_their_header_again() {
    let read = mapped(
        "Date,Text,Amount\n06/01/2026,a,1.00\nDate,Text,Amount\n06/02/2026,b,2.00\n",
        &mapping(),
    );
    assert_eq!((amounts(&read).len(), kinds(&read)), (2, vec![FindingKind::NoBooking]));
}

#[test]
fn a_preset_that_does_not_fit_is_refused() {
    let refused =
        read(b"a,b\n1,2\n", Source::Preset(Preset::Chase), today(), Limits::default()).unwrap_err();
    assert!(refused.message.contains("CHASE"), "{refused}");
    let limits = Limits { elements: 5, ..Limits::default() };
    let refused = read(b"a,b,c\n1,2,3\n", Source::Detect, today(), limits).unwrap_err();
    assert!(refused.message.contains("5 fields"), "{refused}");
}
