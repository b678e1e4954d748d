//! However the entries of an account are cut into files: at days, they become the same lines as in
//! one file; inside a day, none is dropped and none is booked twice.

use crate::bank::import;
use payterms_proto::invoicing::v1::{BankLine, bank_line::State};
use payterms_suite::Session;
use payterms_testkit::{World, on_both};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{collections::BTreeMap, fmt::Write};

on_both!(
    files_that_are_cut_at_days_hold_the_same_lines,
    files_that_are_cut_inside_a_day_drop_and_double_nothing
);

const DAYS: u32 = 6;
const MONTHS: u64 = 12;

/// An entry: day of February, amount, payer, text, reference; an amount below zero is a return.
#[derive(Debug, Clone)]
struct Entry {
    day: u32,
    amount: i32,
    payer: &'static str,
    text: &'static str,
    reference: String,
}

/// Days with none to four entries, many of them alike.
fn month(random: &mut StdRng) -> Vec<Entry> {
    let mut entries = Vec::new();
    for day in 1..=DAYS {
        for number in 0..random.random_range(0..5) {
            let reference = match random.random_range(0..4) {
                0 => format!("R{day}-{number}"),
                1 => "NONREF".to_owned(),
                2 => "R7".to_owned(),
                _ => String::new(),
            };
            entries.push(Entry {
                day,
                amount: *[500, 500, 700, -500].choose(random).unwrap(),
                payer: ["Alpha LLC", "Beta LLC", ""].choose(random).unwrap(),
                text: ["rent", "thank you", ""].choose(random).unwrap(),
                reference,
            });
        }
    }
    entries
}

/// A statement of an account; with a period it holds its days wholly.
fn file(account: u64, number: usize, period: Option<(u32, u32)>, entries: &[Entry]) -> Vec<u8> {
    let mut text = format!(
        "<Document><BkToCstmrStmt><GrpHdr><MsgId>{account}-{number}</MsgId></GrpHdr><Stmt>"
    );
    if let Some((first, last)) = period {
        let stated = format!(
            "<FrDtTm>2026-02-0{first}T00:00:00</FrDtTm><ToDtTm>2026-02-0{last}T23:59:59</ToDtTm>"
        );
        write!(text, "<FrToDt>{stated}</FrToDt>").unwrap();
    }
    write!(text, "<Acct><Id><Othr><Id>ACCOUNT{account}</Id></Othr></Id><Ccy>USD</Ccy></Acct>")
        .unwrap();
    for entry in entries {
        let side = if entry.amount < 0 {
            "DBIT</CdtDbtInd><RvslInd>true</RvslInd>"
        } else {
            "CRDT</CdtDbtInd>"
        };
        let amount = entry.amount.abs() / 100;
        write!(
            text,
            "<Ntry><Amt Ccy=\"USD\">{amount}.00</Amt><CdtDbtInd>{side}<Sts>BOOK</Sts><BookgDt><Dt>2026-02-0{}</Dt></BookgDt>\
             <AcctSvcrRef>{}</AcctSvcrRef><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>{}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>{}</Ustrd>\
             </RmtInf></TxDtls></NtryDtls></Ntry>",
            entry.day, entry.reference, entry.payer, entry.text
        )
        .unwrap();
    }
    text.push_str("</Stmt></BkToCstmrStmt></Document>");
    text.into_bytes()
}

/// How often each day and amount occurs.
fn counts<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<(u32, i64), usize> {
    let mut counts = BTreeMap::new();
    entries
        .into_iter()
        .for_each(|entry| *counts.entry((entry.day, i64::from(entry.amount))).or_default() += 1);
    counts
}

fn counts_of_lines<'a>(
    lines: impl IntoIterator<Item = &'a BankLine>,
) -> BTreeMap<(u32, i64), usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let day = u32::try_from(line.book_date.unwrap().day).unwrap();
        *counts.entry((day, line.amount.as_ref().unwrap().units * 100)).or_default() += 1;
    }
    counts
}

/// Takes a file in; a day without entries makes a file of which nothing can be used.
async fn lines_of(owner: &Session, file: Vec<u8>, entries: &[Entry]) -> Vec<BankLine> {
    if entries.is_empty() { Vec::new() } else { import(owner, file).await.unwrap().bank_lines }
}

async fn files_that_are_cut_at_days_hold_the_same_lines(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    for account in 0..MONTHS {
        let mut random = StdRng::seed_from_u64(account);
        let entries = month(&mut random);
        let mut lines = Vec::new();
        // Windows in any order and over each other, and one over what none of them may hold.
        let window = |random: &mut StdRng| {
            let from = random.random_range(1..=DAYS);
            (from, random.random_range(from..=DAYS))
        };
        let mut windows: Vec<_> = (0..4).map(|_| window(&mut random)).collect();
        windows.push((1, DAYS));
        for (number, (from, to)) in windows.into_iter().enumerate() {
            let these_entries: Vec<_> =
                entries.iter().filter(|entry| (from..=to).contains(&entry.day)).cloned().collect();
            lines.extend(
                lines_of(
                    &owner,
                    file(account, number, Some((from, to)), &these_entries),
                    &these_entries,
                )
                .await,
            );
        }
        assert!(
            lines.iter().all(|line| line.state() != State::SuspectedDuplicate),
            "month {account}: {lines:#?}"
        );
        assert_eq!(counts_of_lines(&lines), counts(&entries), "month {account}: {entries:#?}");
    }
}

async fn files_that_are_cut_inside_a_day_drop_and_double_nothing(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    for account in 100..100 + MONTHS {
        let mut random = StdRng::seed_from_u64(account);
        let entries = month(&mut random);
        let (one, other) =
            (random.random_range(0..=entries.len()), random.random_range(0..=entries.len()));
        let (from, to) = (one.min(other), one.max(other));
        let (first, second) = (&entries[..to], &entries[from..]);
        let mut lines = lines_of(&owner, file(account, 1, None, first), first).await;
        lines.extend(lines_of(&owner, file(account, 2, None, second), second).await);
        let expected = counts(&entries);
        let (all, sure) = (
            counts_of_lines(&lines),
            counts_of_lines(lines.iter().filter(|line| line.state() != State::SuspectedDuplicate)),
        );
        for (content, count) in &expected {
            let found = all.get(content).copied().unwrap_or(0);
            assert!(
                found >= *count,
                "month {account} drops {content:?}: {found} of {count} in {entries:#?} cut at {from} and {to}"
            );
        }
        for (content, count) in &sure {
            let most = expected.get(content).copied().unwrap_or(0);
            assert!(
                *count <= most,
                "month {account} doubles {content:?}: {count} of {most} in {entries:#?} cut at {from} and {to}"
            );
        }
    }
}
