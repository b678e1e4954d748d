//! Uploaded statements: several accounts and files put together, and numbers as they are written.

use crate::{
    applications::{desk, known, mapping},
    invariants,
};
use payterms_proto::{
    common::v1::CsvMapping,
    credit::v1::{Feature, Programme, credit_application::State},
    google::r#type::Date,
};
use payterms_testkit::{World, on_both};
use std::fmt::Write;

on_both!(
    what_several_files_tell_is_put_together,
    numbers_are_read_as_they_are_written,
    amounts_and_times_beyond_all_bounds_are_decided_on,
);

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn date(month: i32, day: i32) -> Option<Date> {
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

pub(crate) fn entry(day: &str, amount: &str, side: &str, party: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"USD\">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{day}</Dt></BookgDt>\
         <NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{party}</Nm></Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>"
    )
}

pub(crate) fn camt(account: &str, entries: &str) -> String {
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
