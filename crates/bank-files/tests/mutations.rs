//! No bytes make a reader panic or run away: each sample file with bytes changed, cut out, repeated
//! and swapped, by a fixed sequence, and by proptest. What a mutated file yields keeps the promises
//! of the model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use chrono::NaiveDate;
use payterms_bank_files::{BankFile, CsvMapping, DateOrder, Limits, Preset, Source, Status, read};
use payterms_kernel::Currency;
use proptest::prelude::*;
use std::path::PathBuf;

/// Mutations of each file by the fixed sequence.
const ROUNDS: u64 = 20;
/// Pieces that readers look for, to be put anywhere.
const PIECES: [&[u8]; 24] = [
    b"<",
    b">",
    b"</",
    b"&",
    b"&#0;",
    b"<!DOCTYPE x>",
    b"<![CDATA[",
    b"]]>",
    b"\"",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xFF\xFE",
    b":61:",
    b":86:",
    b":20:",
    b"-}",
    b"?20",
    b"/REMI/",
    b",",
    b"999999999999999999999999",
    b"2026-02-30",
    b"-0.00",
    b"\xC3\xBC",
];

fn files() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect()
}

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 7, 20).unwrap()
}

fn mapping() -> CsvMapping {
    CsvMapping {
        date_column: "Date".to_owned(),
        date_order: DateOrder::MonthDayYear,
        amount_column: "Amount".to_owned(),
        party_column: "Who".to_owned(),
        account: "A1".to_owned(),
        currency: Currency::parse("USD"),
        ..CsvMapping::default()
    }
}

/// What holds of every file that is read.
fn check(file: &BankFile) {
    let limits = Limits::default();
    assert!(file.entries().count() <= limits.entries && file.findings.len() <= limits.entries);
    for statement in &file.statements {
        assert!(statement.period.is_none_or(|(from, to)| from <= to && to <= today()));
        for entry in &statement.entries {
            assert!(!entry.amount.is_zero() && entry.amount.is_at_minor_unit());
            assert!(statement.currency.is_none_or(|currency| currency == entry.amount.currency()));
            assert!(entry.status != Status::Booked || entry.booked_on <= today());
            assert!(
                entry.text.chars().count() <= 2_000 && entry.text.chars().all(|c| !c.is_control())
            );
            assert!(
                entry
                    .search
                    .iter()
                    .chain([&entry.party, &entry.code])
                    .all(|text| text.chars().all(|c| !c.is_control()))
            );
        }
    }
    assert!(
        file.findings
            .iter()
            .all(|finding| finding.message.len() < 1_000 && finding.message.ends_with(['.', ')']))
    );
}

fn read_all(bytes: &[u8]) {
    let mapping = mapping();
    for source in [Source::Detect, Source::Csv(&mapping), Source::Preset(Preset::Chase)] {
        match read(bytes, source, today(), Limits::default()) {
            Ok(file) => check(&file),
            Err(error) => {
                assert!(error.message.len() < 1_000 && error.message.ends_with('.'), "{error}");
            }
        }
    }
}

/// A sequence of numbers that is the same each time (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below.max(1)).unwrap()).unwrap()
    }
}

fn mutated(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut made = bytes.to_vec();
    for _ in 0..=numbers.next(4) {
        let at = numbers.next(made.len());
        let end = at.saturating_add(numbers.next(40)).min(made.len());
        match numbers.next(6) {
            0 if at < made.len() => made[at] = u8::try_from(numbers.next(256)).unwrap(),
            1 => drop(made.drain(at..end)),
            2 => {
                let piece = made[at..end].to_vec();
                let to = numbers.next(made.len());
                made.splice(to..to, piece);
            }
            3 => made.truncate(at),
            _ => drop(made.splice(at..at, PIECES[numbers.next(PIECES.len())].iter().copied())),
        }
    }
    made
}

#[test]
fn the_samples_are_read_and_keep_the_promises() {
    for (name, bytes) in files() {
        let found = read(&bytes, Source::Detect, today(), Limits::default());
        assert!(found.is_ok() || name == "multi-currency.csv", "{name}");
        read_all(&bytes);
    }
}

#[test]
fn no_mutation_of_a_sample_makes_a_reader_panic() {
    for (at, (_, bytes)) in files().into_iter().enumerate() {
        let mut numbers = Numbers(u64::try_from(at).unwrap());
        for _ in 0..ROUNDS {
            read_all(&mutated(&bytes, &mut numbers));
        }
    }
}

/// Files that are small for what they make a careless reader do: each is read to its end, whatever
/// comes of it.
#[test]
fn files_that_are_made_to_be_slow_are_read_to_their_end() {
    let entry = |rest: &str| {
        let head = "<Ntry><Amt Ccy=\"EUR\">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-06-01</Dt></BookgDt>";
        format!(
            "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>A</IBAN></Id></Acct>{head}{rest}</Ntry></Stmt></BkToCstmrStmt></Document>"
        )
    };
    let many = |piece: &str, count: usize| piece.repeat(count);
    let rows = |field: &str| format!("Date,Amount,Who\n06/01/2026,{field},a\n");
    for file in [
        entry(&many("<NtryDtls><TxDtls><Amt Ccy=\"EUR\">1.00</Amt></TxDtls></NtryDtls>", 5_000)),
        entry(&format!(
            "<NtryDtls>{}</NtryDtls>",
            (0..10_000)
                .map(|number| format!("<TxDtls><AddtlTxInf>{number}</AddtlTxInf></TxDtls>"))
                .collect::<Vec<_>>()
                .concat()
        )),
        entry(&many("<X/>", 20_000)),
        rows(&many("-", 40_000)),
        rows(&many("(", 40_000)),
        many("Date,Amount,", 10_000),
        many("status,", 40_000),
        many("\"", 200_001),
        format!(
            ":20:a\n:25:b\n:60F:C260531EUR1,00\n:61:260601C1,00NTRF\n:86:{}\n",
            many("/NAME/", 60_000)
        ),
        format!(
            ":20:a\n:25:b\n:60F:C260531EUR1,00\n:61:260601C1,00NTRF\n:86:166{}\n",
            many("?20EREF+", 40_000)
        ),
        format!("<OFX><STMTRS><CURDEF>USD<ACCTID>1{}</STMTRS></OFX>", many("<A><B>&", 20_000)),
        format!("<a {}/>", many("xmlns='camt.053.001.08' ", 20_000)),
    ] {
        read_all(file.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn no_edit_of_a_sample_makes_a_reader_panic(which in 0_usize..64, edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, prop::collection::vec(any::<u8>(), 0..12)), 1..5)) {
        let files = files();
        let mut bytes = files[which % files.len()].1.clone();
        for (at, length, put) in edits {
            let start = at.index(bytes.len().saturating_add(1));
            let end = start.saturating_add(length).min(bytes.len());
            bytes.splice(start..end, put);
        }
        read_all(&bytes);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,200}", head in prop::sample::select(vec!["", "<OFX>", "<Document><BkToCstmrStmt><Stmt>", ":20:x\n:25:1\n:60F:C260531EUR1,00\n:61:", "Date,Amount,Who\n", "Details,Posting Date,Description,Amount,Type,Balance\n"])) {
        read_all(format!("{head}{text}").as_bytes());
    }
}
