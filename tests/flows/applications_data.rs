//! Uploaded statements: several accounts and files put together, and files that mean harm.

use crate::{
    applications::{Desk, desk, known, mapping},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
};
use payterms_proto::{
    common::v1::CsvMapping,
    credit::v1::{
        CreditApplication, Feature, Programme, WithdrawApplicationRequest,
        credit_application::State,
    },
    google::r#type::Date,
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason};
use std::fmt::Write;
use tonic::Code;
use tonic_types::StatusExt;

on_both!(
    what_several_files_tell_is_put_together,
    hostile_csv_files_change_nothing,
    hostile_xml_files_change_nothing,
    numbers_are_read_as_they_are_written,
    amounts_and_times_beyond_all_bounds_are_decided_on,
    texts_of_a_bank_are_cleaned,
    a_withdrawal_counts_once_it_was_submitted,
);

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn date(month: i32, day: i32) -> Option<Date> {
    Some(Date { year: 2025, month, day })
}

/// A file of the usual account over months of 2025: 10,000 in and 3,000 out in each.
fn months(from: i32, to: i32, last: i32) -> (Vec<u8>, CsvMapping) {
    let mut file = "Date,Who,Amount\n".to_owned();
    for month in from..=to {
        writeln!(file, "2025-{month:02}-05,Globex,\"10,000.00\"\n2025-{month:02}-06,Rent,-3000")
            .unwrap();
        match month {
            // Twice in one file is two; in two files they are the same two.
            10 => file.push_str("2025-10-08,Globex,100.00\n2025-10-08,Globex,100.00\n"),
            11 => file.push_str("2025-11-10,Own account,-1000.00\n"),
            _ => {}
        }
    }
    (
        file.into_bytes(),
        CsvMapping {
            balance_column: String::new(),
            from_date: date(from, 1),
            to_date: date(to, last),
            ..mapping()
        },
    )
}

fn entry(day: &str, amount: &str, side: &str, party: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"USD\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>\
         <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{party}</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>"
    )
}

fn camt(account: &str, entries: &str) -> String {
    format!(
        "<Document><BkToCstmrStmt><Stmt><FrToDt><FrDtTm>2025-01-01T00:00:00</FrDtTm><ToDtTm>2025-12-31T23:59:59</ToDtTm></FrToDt>\
         <Acct><Id><IBAN>{account}</IBAN></Id><Ccy>USD</Ccy></Acct><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>\
         <Amt Ccy=\"USD\">9000</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2025-12-31</Dt></Dt></Bal>{entries}</Stmt></BkToCstmrStmt></Document>"
    )
}

async fn what_several_files_tell_is_put_together(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    // One account without July, October told by two files; another one as CAMT; a third in euros.
    for (file, mapping) in [months(1, 6, 30), months(8, 10, 31), months(10, 12, 31)] {
        desk.send(&name, file, Some(mapping)).await.unwrap();
    }
    let mut entries: String = (1..=12)
        .map(|month| entry(&format!("2025-{month:02}-07"), "2000.00", "CRDT", "Initech"))
        .collect();
    entries.push_str(&entry("2025-11-10", "1000.00", "CRDT", "Own account"));
    desk.send(&name, camt("GB94BARC10201530093459", &entries).into_bytes(), None).await.unwrap();
    let (file, euros) = months(1, 12, 31);
    let euros = CsvMapping {
        account: "DE89370400440532013000".into(),
        currency_code: "EUR".into(),
        ..euros
    };
    desk.send(&name, file, Some(euros)).await.unwrap();
    desk.submit(&name).await.unwrap();
    let read = desk.read(&desk.reviewer, &name).await;
    let data = read.bank_data.unwrap();
    assert_eq!((data.account_count, data.ignored_count, data.until_date), (2, 1, date(12, 31)));
    let gaps: Vec<_> =
        data.gaps.iter().map(|bank_gap| (bank_gap.from_date, bank_gap.to_date)).collect();
    assert_eq!(gaps, [(date(7, 1), date(7, 31))]);
    let advice = read.advice.unwrap();
    let told = |feature: Feature| known(&advice, feature).unwrap_or_default();
    assert_eq!(told(Feature::MonthsOfHistory), "5", "from the gap on");
    assert_eq!(
        (told(Feature::MonthlyInflow), told(Feature::MonthlyOutflow)),
        ("12040".into(), "3000".into()),
        "without the own transfer"
    );
    assert_eq!(told(Feature::PayerConcentration), "0.8338", "50,200 of 60,200, cut to four digits");
    assert_eq!(known(&advice, Feature::LowestBalance), None, "one account tells no balance");
    assert_eq!(
        known(&advice, Feature::ReturnedPayments),
        None,
        "a CSV file does not say what came back"
    );
    invariants::hold(world).await;
}

impl Desk {
    /// A file is refused, with a reason that the applicant can act on, and nothing has changed.
    async fn refuses(&self, before: &CreditApplication, file: Vec<u8>, csv: Option<CsvMapping>) {
        let text = String::from_utf8_lossy(file.get(..60).unwrap_or(&file)).into_owned();
        let refused = self.send(&before.name, file, csv).await.expect_err(&text);
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::InvalidArgument, "BANK_FILE_INVALID"),
            "{text}: {refused:?}"
        );
        assert!(refused.message().len() < 400, "{text}: {}", refused.message());
        assert_eq!(&self.read(&self.reviewer, &before.name).await, before, "{text}");
    }
}

async fn hostile_csv_files_change_nothing(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let before = desk.read(&desk.reviewer, &name).await;
    let head = "Date,Who,Amount,Balance\n";
    let day = "2025-02-03";
    let amounts = [
        "NaN",
        "inf",
        "1e400",
        "1E3",
        "--1",
        "-+1",
        "+-1",
        "0x10",
        "1.2.3",
        "",
        ".",
        "\u{663}",
        "1.0000001",
        "1,00",
    ];
    let beyond = ["99999999999999999999", "9223372036855", "-9223372036855", "1\u{0}"];
    for amount in amounts.iter().chain(&beyond) {
        desk.refuses(&before, format!("{head}{day},x,{amount},1\n").into_bytes(), Some(mapping()))
            .await;
    }
    for wrong in
        ["2025-02-31", "2025-13-01", "0000-00-00", "2025-02", "20\u{662}5-02-03", "", "tomorrow"]
    {
        desk.refuses(&before, format!("{head}{wrong},x,1,1\n").into_bytes(), Some(mapping())).await;
    }
    let points = CsvMapping {
        date_order: payterms_proto::common::v1::csv_mapping::DateOrder::DayMonthYear.into(),
        ..mapping()
    };
    desk.refuses(&before, format!("{head}31.02.2025,x,1,1\n").into_bytes(), Some(points)).await;
    let rows =
        |count: usize| format!("{head}{}", format!("{day},x,1,1\n").repeat(count)).into_bytes();
    desk.refuses(&before, rows(20_001), Some(mapping())).await;
    // Separators, shapes and letters that are not those of the mapping.
    for file in [
        format!("Date;Who;Amount;Balance\n{day};x;1;1\n"),
        format!("{head}{day};x;1;1\n"),
        format!("{head}{day},x,1,1,1\n"),
        format!("{head}{day},\"x,1,1\n{day},x,1,1\n"),
        format!("Date,Who,Balance\n{day},x,1\n"),
        format!("Date\u{0},Who,Amount,Balance\n{day},x,1,1\n"),
        "\u{feff}".to_owned(),
        "\n".repeat(10_000),
        "\u{0}".repeat(10_000),
        ",".repeat(100_000),
    ] {
        desk.refuses(&before, file.into_bytes(), Some(mapping())).await;
    }
    let wide: Vec<u8> = head.encode_utf16().flat_map(u16::to_le_bytes).collect();
    desk.refuses(&before, wide, Some(mapping())).await;
    desk.refuses(&before, format!("{head}2024-12-31,x,1,1\n").into_bytes(), Some(mapping())).await;
    let backwards = CsvMapping { from_date: date(12, 31), to_date: date(1, 1), ..mapping() };
    desk.refuses(&before, rows(1), Some(backwards)).await;
    // What is wrong with the request itself is told field by field.
    for wrong in [
        CsvMapping { separator: "|".into(), ..mapping() },
        CsvMapping { party_column: "Who\u{0}".into(), ..mapping() },
        CsvMapping { currency_code: "XXX".into(), ..mapping() },
        CsvMapping { from_date: date(2, 31), ..mapping() },
    ] {
        let refused = desk.send(&name, rows(1), Some(wrong)).await.unwrap_err();
        assert_eq!(
            (refused.code(), payterms_testkit::violations(&refused).len()),
            (Code::InvalidArgument, 1),
            "{refused:?}"
        );
    }
    let long =
        desk.send(&name, vec![b'x'; 2 * 1_024 * 1_024 + 1], Some(mapping())).await.unwrap_err();
    assert_eq!(long.code(), Code::InvalidArgument);
    assert_eq!(desk.read(&desk.reviewer, &name).await, before);
    let most = desk.send(&name, rows(20_000), Some(mapping())).await.unwrap();
    assert_eq!(
        (most.state(), most.files[0].booking_count),
        (State::AwaitingBankData, 20_000),
        "as many as may be"
    );
    invariants::hold(world).await;
}

async fn hostile_xml_files_change_nothing(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let before = desk.read(&desk.reviewer, &name).await;
    let whole = camt("GB94BARC10201530093459", &entry("2025-01-07", "1.00", "CRDT", "Initech"));
    let laugh = |number: i32| {
        format!("<!ENTITY l{number} \"{}\">", format!("&l{};", number - 1).repeat(10))
    };
    let laughs = (1..10).map(laugh).collect::<Vec<_>>().concat();
    let named = camt("GB94BARC10201530093459", &entry("2025-01-07", "1.00", "CRDT", "&l9;"));
    let mut files = vec![
        format!("<?xml version=\"1.0\"?><!DOCTYPE Document [<!ENTITY l0 \"ha\">{laughs}]>{named}"),
        format!("<!DOCTYPE Document [<!ENTITY l9 SYSTEM \"file:///etc/passwd\">]>{named}"),
        format!("<!DOCTYPE Document SYSTEM \"http://127.0.0.1/a.dtd\">{whole}"),
        named,
        "<a>".repeat(100_000),
        format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000)),
        format!("<Document>{}</Document>", "<a/>".repeat(200_001)),
        "<Document><BkToCstmrStmt></BkToCstmrStmt></Document>".to_owned(),
        "<Document><BkToCstmrStmt><Stmt/></BkToCstmrStmt></Document>".to_owned(),
        whole.replace("BkToCstmrStmt", "BkToCstmrAcctRpt"),
        whole.replace("<IBAN>GB94BARC10201530093459</IBAN>", ""),
        whole.replace("USD", "XXX"),
        whole.replace("2025-01-07", "2025-02-31"),
        whole.replace("</Stmt></BkToCstmrStmt>", "</BkToCstmrStmt></Stmt>"),
        whole.replacen("<Amt Ccy=\"USD\">1.00</Amt>", "<Amt Ccy=\"EUR\">1.00</Amt>", 1),
        whole.replace("<CdtDbtInd>CRDT</CdtDbtInd><Sts>", "<CdtDbtInd>BOTH</CdtDbtInd><Sts>"),
    ];
    files.extend(
        ["NaN", "1e400", "--1", "-1.00", "1,00", "", "99999999999999999999", "1.0000001"]
            .map(|text| whole.replace("1.00", text)),
    );
    // Cut anywhere.
    files.extend((1..whole.len()).step_by(37).map(|end| whole[..end].to_owned()));
    for file in files {
        desk.refuses(&before, file.into_bytes(), None).await;
    }
    desk.refuses(
        &before,
        whole
            .replace("Initech", "\u{0}")
            .bytes()
            .map(|byte| if byte == 0 { 0xFF } else { byte })
            .collect(),
        None,
    )
    .await;
    let read = desk.send(&name, whole.into_bytes(), None).await.unwrap();
    assert_eq!(
        (read.files[0].account_count, read.files[0].booking_count),
        (1, 1),
        "the same file without harm"
    );
    invariants::hold(world).await;
}

async fn numbers_are_read_as_they_are_written(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let before = desk.read(&desk.reviewer, &name).await;
    let file = |amount: &str| {
        format!("Date;Who;Amount;Balance\n2025-02-03;Globex;{amount};1\n").into_bytes()
    };
    let of = |decimal_comma| CsvMapping { separator: ";".into(), decimal_comma, ..mapping() };
    // A decimal comma that the mapping does not tell would make a hundred times as much of it.
    for (amount, comma) in [
        ("1234,56", false),
        ("1,50", false),
        ("1.50", true),
        ("1234.5", true),
        ("1,2,3", false),
        ("1,234,56", false),
    ] {
        desk.refuses(&before, file(amount), Some(of(comma))).await;
    }
    let rows = |amounts: &[&str]| {
        let row = |(day, amount): (usize, &&str)| format!("2025-02-{day:02};Globex;{amount};1\n");
        format!("Date;Who;Amount;Balance\n{}", (1..).zip(amounts).map(row).collect::<String>())
            .into_bytes()
    };
    desk.send(
        &name,
        rows(&["1,234,567.50", "12,34,567.50", "+1234567.5", "- 7.00"]),
        Some(of(false)),
    )
    .await
    .unwrap();
    desk.send(
        &name,
        rows(&["1.234.567,50", "1234567,5", "-3,00"]),
        Some(CsvMapping { account: "another".into(), ..of(true) }),
    )
    .await
    .unwrap();
    desk.submit(&name).await.unwrap();
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(
        known(&advice, Feature::MonthlyInflow).as_deref(),
        Some("514403.125"),
        "a twelfth of five times 1,234,567.50"
    );
    assert_eq!(
        known(&advice, Feature::MonthlyOutflow).as_deref(),
        Some("0.833333"),
        "a twelfth of ten"
    );
}

async fn amounts_and_times_beyond_all_bounds_are_decided_on(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let most = "99999999999.99";
    let rows = |sign: &str| {
        let row =
            |day: i32| format!("2025-{:02}-02,Globex,{sign}{most},{sign}{most}\n", day % 12 + 1);
        format!("Date,Who,Amount,Balance\n{}", (0..60).map(row).collect::<Vec<_>>().concat())
            .into_bytes()
    };
    let ever = |day: i32, year: i32| Some(Date { year, month: day, day });
    for (sign, account) in [("", "one"), ("", "another"), ("-", "a third")] {
        let csv_mapping = CsvMapping {
            account: account.into(),
            from_date: ever(1, 1),
            to_date: ever(12, 9999),
            ..mapping()
        };
        desk.send(&name, rows(sign), Some(csv_mapping)).await.unwrap();
    }
    assert_eq!(desk.submit(&name).await.unwrap().state(), State::InReview);
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(
        known(&advice, Feature::MonthsOfHistory).as_deref(),
        Some("240"),
        "twenty years are enough"
    );
    assert!(known(&advice, Feature::LowestBalance).is_some());
    invariants::hold(world).await;
}

async fn texts_of_a_bank_are_cleaned(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let parties = [
        "=HYPERLINK(\"\"http://evil.example\"\")",
        "@SUM(A1:A9)",
        "+1+1",
        "\u{1}\u{7}\u{1b}[31m",
        "\u{202e}xobelG",
        "'; DROP --",
    ];
    let long = "x".repeat(100_000);
    let mut file = "Date,Who,Amount,Balance\n".to_owned();
    for (day, party) in (1..).zip(parties.iter().copied().chain([long.as_str()])) {
        writeln!(file, "2025-02-{day:02},\"{party}\",100,\"{party}\"").unwrap();
    }
    let read = desk.send(&name, file.into_bytes(), Some(mapping())).await.unwrap();
    assert_eq!(read.files[0].booking_count, 7);
    assert_eq!(desk.submit(&name).await.unwrap().state(), State::InReview);
    let advice = desk.read(&desk.reviewer, &name).await.advice.unwrap();
    assert_eq!(
        known(&advice, Feature::PayerConcentration).as_deref(),
        Some("0.1428"),
        "seven payers, whatever they are called"
    );
    assert_eq!(
        known(&advice, Feature::LowestBalance),
        None,
        "a balance that is no number is not known"
    );
    invariants::hold(world).await;
}

impl Desk {
    pub(crate) async fn withdraw(&self, name: &str) -> CreditApplication {
        let request = WithdrawApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            ..Default::default()
        };
        self.admin
            .applications()
            .withdraw_application(request)
            .await
            .unwrap()
            .into_inner()
            .credit_application
            .unwrap()
    }
}

async fn a_withdrawal_counts_once_it_was_submitted(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 30, ..Programme::default() }).await;
    let early = desk.start().await.unwrap().name;
    assert_eq!(desk.withdraw(&early).await.reapply_time, None);
    let name = desk.submitted().await;
    let back = desk.withdraw(&name).await;
    let until = START + 30 * DAY;
    assert_eq!(
        (back.state(), back.reapply_time.map(|timestamp| timestamp.seconds)),
        (State::Withdrawn, Some(until))
    );
    let refused = desk.start().await.unwrap_err();
    let text = refused.get_error_details().error_info().unwrap().metadata["until"].clone();
    assert_eq!(
        (reason(&refused).as_str(), text.as_str()),
        ("COOL_DOWN_ACTIVE", "2026-01-31T00:00:00+00:00")
    );
    advance(world, until - 1).await;
    assert_eq!(reason(&desk.start().await.unwrap_err()), "COOL_DOWN_ACTIVE");
    advance(world, until).await;
    assert_eq!(desk.start().await.unwrap().state(), State::Started);
    invariants::hold(world).await;
    credit_agrees(world).await;
}
