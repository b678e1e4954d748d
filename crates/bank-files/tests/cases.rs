//! The small files that each show one structure of banks' files: what of each is read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use chrono::NaiveDate;
use payterms_bank_files::{
    BankFile, CsvMapping, DateOrder, FindingKind, Limits, Preset, ReferenceKind, Source, Status,
    read,
};
use payterms_kernel::Money;

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 7, 20).unwrap()
}

fn file(name: &str) -> BankFile {
    let bytes =
        std::fs::read(format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    read(&bytes, Source::Detect, today(), Limits::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn mapped(name: &str, mapping: &CsvMapping) -> BankFile {
    let bytes =
        std::fs::read(format!("{}/tests/files/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    read(&bytes, Source::Csv(mapping), today(), Limits::default()).unwrap()
}

/// Amount, party and whether a text to search holds the number.
fn lines(file: &BankFile, number: &str) -> Vec<(String, String, bool)> {
    let holds = |texts: &[String]| texts.iter().any(|text| text.contains(number));
    file.entries()
        .map(|entry| (entry.amount.to_string(), entry.party.clone(), holds(&entry.search)))
        .collect()
}

fn one(amount: &str, party: &str) -> Vec<(String, String, bool)> {
    vec![(amount.to_owned(), party.to_owned(), true)]
}

/// Sums of what came in, by month: what is booked and did not come back.
fn inflow(file: &BankFile) -> Vec<String> {
    let mut months: std::collections::BTreeMap<String, Money> = std::collections::BTreeMap::new();
    for entry in
        file.entries().filter(|entry| entry.status == Status::Booked && entry.amount.is_positive())
    {
        let month = months
            .entry(entry.booked_on.format("%m").to_string())
            .or_insert_with(|| Money::zero(entry.amount.currency()));
        *month = month.plus(entry.amount).unwrap();
    }
    months.into_values().map(|sum| sum.to_string()).collect()
}

#[test]
fn numbers_are_found_wherever_the_standard_puts_text() {
    for (name, number, party) in [
        ("wise-no-txdtls.xml", "INV-2026-000001", ""),
        ("addtl-tx-inf.xml", "INV-2026-000003", "Alpha LLC"),
        ("rfrd-doc-inf.xml", "INV-2026-000005", "Alpha LLC"),
        ("ustrd-split-35.xml", "INV-2026-000004", "Alpha LLC"),
        ("no-status.xml", "INV-2026-000045", "Alpha"),
    ] {
        let read = file(name);
        assert_eq!(lines(&read, number), one("100.00 USD", party), "{name}");
        let entry = read.entries().next().unwrap();
        assert!(entry.text.contains(number), "{name}: {}", entry.text);
    }
    let two = file("two-invoices.xml");
    assert_eq!(lines(&two, "INV-2026-000007 and INV-2026-000008"), one("200.00 USD", "Alpha LLC"));
}

#[test]
fn two_entries_with_one_reference_of_the_bank_are_two() {
    let read = file("same-acctsvcrref.xml");
    let found: Vec<_> = read
        .entries()
        .map(|entry| {
            (
                entry.reference(ReferenceKind::AccountServicer).unwrap(),
                entry.reference(ReferenceKind::EntryRef).unwrap(),
                entry.party.as_str(),
            )
        })
        .collect();
    assert_eq!(found, [("BATCH-1", "1", "Alpha"), ("BATCH-1", "2", "Beta")]);
}

#[test]
fn a_bundle_net_of_charges_shows_its_parts_and_names_the_difference() {
    let read = file("bundle-net-of-charges.xml");
    assert_eq!(
        read.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::PartsDiffer]
    );
    let parts: Vec<_> = read.entries().collect();
    assert_eq!(parts.len(), 2);
    for (part, (party, number)) in
        parts.iter().zip([("Alpha LLC", "INV-2026-000011"), ("Beta LLC", "INV-2026-000012")])
    {
        assert_eq!(
            (part.amount.to_string(), part.party.as_str(), part.search.as_slice()),
            ("100.00 USD".to_owned(), party, &[number.to_owned()][..])
        );
        assert_eq!(part.charges.unwrap().to_string(), "2.00 USD");
        let batch = part.part_of.as_ref().unwrap();
        assert_eq!(
            (
                batch.entry_amount.to_string(),
                batch.difference.unwrap().to_string(),
                batch.by_charges
            ),
            ("196.00 USD".to_owned(), "-4.00 USD".to_owned(), true)
        );
    }
}

#[test]
fn what_the_bank_takes_back_is_a_deposit_that_came_back() {
    let read = file("reversal-of-a-credit.xml");
    let entry = read.entries().next().unwrap();
    assert_eq!((entry.amount.to_string(), entry.reversal), ("-100.00 USD".to_owned(), true));
    assert!(!entry.returned.as_ref().unwrap().own_payment);
    assert_eq!(entry.search, ["INV-2026-000004"]);
}

#[test]
fn an_entry_of_nothing_is_a_finding_beside_the_good_one() {
    let read = file("zero-entry.xml");
    assert_eq!(lines(&read, "INV-2026-000015"), one("100.00 USD", "Alpha LLC"));
    let [finding] = read.findings.as_slice() else { panic!("{:?}", read.findings) };
    assert_eq!(
        (finding.kind, finding.place.to_string()),
        (FindingKind::ZeroAmount, "statement 1, entry 1".to_owned())
    );
    assert!(
        finding.kind.sets_apart() && finding.message.contains("INTEREST"),
        "{}",
        finding.message
    );
}

#[test]
fn an_entry_without_a_status_is_said_to_be_so() {
    let read = file("no-status.xml");
    assert_eq!(read.entries().map(|entry| entry.status).collect::<Vec<_>>(), [Status::Unstated]);
    assert_eq!(
        read.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::NoStatus]
    );
}

#[test]
fn statements_for_underwriting_have_their_inflow() {
    let daily = file("nonref-five-a-day.xml");
    assert_eq!(inflow(&daily), vec!["10000.00 USD"; 6]);
    assert!(daily.entries().all(|entry| entry.references.is_empty()), "NONREF is no reference");
    let urdd = file("urdd.xml");
    assert!(urdd.entries().all(|entry| entry.returned.is_none()));
    assert_eq!(urdd.entries().filter(|entry| entry.code.ends_with("URDD")).count(), 4);
    let bounced = file("bounced-deposits.xml");
    let back: Vec<_> = bounced
        .entries()
        .filter_map(|entry| Some((entry.amount.to_string(), entry.returned.as_ref()?.own_payment)))
        .collect();
    assert_eq!(back, [("-30000.00 USD".to_owned(), false), ("-30000.00 USD".to_owned(), false)]);
    let dated = file("bal-dttm.xml");
    let statement = &dated.statements[0];
    assert_eq!(inflow(&dated), vec!["10000.00 USD"; 6]);
    assert_eq!(statement.closing.unwrap().amount.to_string(), "32000.00 USD");
    assert_eq!(
        (statement.closing.unwrap().on, statement.period),
        (day(6, 30), Some((day(1, 1), day(6, 30))))
    );
}

fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

#[test]
fn exports_of_banks_are_read_as_downloaded() {
    for (name, preset) in
        [("chase.csv", Preset::Chase), ("bank-of-america.csv", Preset::BankOfAmerica)]
    {
        let read = file(name);
        assert_eq!(read.preset, Some(preset));
        assert_eq!(inflow(&read), vec!["10000.00 USD"; 6], "{name}");
        let statement = &read.statements[0];
        assert_eq!(
            (statement.entries.len(), statement.closing.unwrap().amount.to_string()),
            (30, "32000.00 USD".to_owned()),
            "{name}"
        );
        let first = &statement.entries[0];
        assert_eq!(
            (first.booked_on, first.party.as_str()),
            (day(1, 5), "Globex"),
            "{name}: oldest first"
        );
    }
    let summary = &file("bank-of-america.csv").statements[0];
    assert_eq!((summary.period, summary.is_whole()), (Some((day(1, 1), day(6, 30))), true));
    assert_eq!(
        file("bank-of-america.csv").findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::NoBooking]
    );
}

#[test]
fn currencies_of_one_file_are_never_summed() {
    let usd = payterms_kernel::Currency::parse("USD");
    let mut mapping = CsvMapping {
        date_column: "Date".to_owned(),
        date_order: DateOrder::MonthDayYear,
        amount_column: "Amount".to_owned(),
        party_column: "Who".to_owned(),
        account: "A1".to_owned(),
        currency: usd,
        ..CsvMapping::default()
    };
    // With and without a word of the column.
    for column in ["", "Currency"] {
        column.clone_into(&mut mapping.currency_column);
        let read = mapped("multi-currency.csv", &mapping);
        assert_eq!(inflow(&read), vec!["6000.00 USD"; 6]);
        assert_eq!(
            read.findings
                .iter()
                .filter(|finding| finding.kind == FindingKind::OtherCurrency)
                .count(),
            6
        );
        assert_eq!(read.findings[0].place.line, 2);
    }
    mapping.currency = None;
    let read = mapped("multi-currency.csv", &mapping);
    let statements: Vec<_> = read
        .statements
        .iter()
        .map(|statement| (statement.currency.unwrap().code(), statement.entries.len()))
        .collect();
    assert_eq!(statements, [("JPY", 6), ("USD", 24)]);
}
