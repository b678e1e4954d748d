//! Uploaded statements that mean harm: they are refused and change nothing, and their texts are
//! cleaned.

use crate::{
    applications::{Desk, desk, known, mapping},
    applications_data::{camt, date, entry},
    invariants,
};
use payterms_proto::{
    common::v1::CsvMapping,
    credit::v1::{CreditApplication, Feature, Programme, credit_application::State},
};
use payterms_testkit::{World, on_both, reason};
use std::fmt::Write;
use tonic::Code;

on_both!(
    hostile_csv_files_change_nothing,
    hostile_xml_files_change_nothing,
    texts_of_a_bank_are_cleaned,
);

impl Desk {
    /// A file is refused, with a reason that the applicant can act on, and nothing has changed.
    pub(crate) async fn refuses(
        &self,
        before: &CreditApplication,
        file: Vec<u8>,
        csv: Option<CsvMapping>,
    ) {
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
