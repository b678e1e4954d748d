//! The law's table of movements and the ledger name the same kinds of transfer, and each movement
//! has a verb or a job that exists (docs/domain/wallet.md#movements).

use prost_reflect::DescriptorPool;
use std::{collections::BTreeSet, fs, path::Path};

/// The page with the table.
const PAGE: &str = "docs/domain/wallet.md";
/// The head of the table.
const HEAD: &str = "| movement | debit → credit | verb or job | kind |";
/// The file that names the kinds in the ledger, and the head of their list.
const LEDGER: (&str, &str) = ("services/wallet/src/store/transfers.rs", "const KINDS:");
/// What brings credit, whichever verb it is, has no verb of its own.
const WHATEVER: &str = "whatever brings credit";

/// Notes each kind that only one of both has, and each row without a verb or job that exists.
pub fn check(root: &Path, wrong: &mut Vec<String>) {
    let page = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let ledger = fs::read_to_string(root.join(LEDGER.0)).unwrap_or_default();
    let (rows, kinds) = (rows(&page), kinds(&ledger));
    if rows.is_empty() || kinds.is_empty() {
        wrong.push(format!(
            "{PAGE}: the table of movements or the kinds of {} are not found",
            LEDGER.0
        ));
        return;
    }
    let texts: BTreeSet<&str> = rows.iter().flat_map(|row| row.kinds.iter().copied()).collect();
    wrong.extend(
        kinds
            .difference(&texts)
            .map(|kind| format!("{PAGE}: the table of movements has no row for the kind {kind}")),
    );
    wrong.extend(
        texts.difference(&kinds).map(|kind| format!("{PAGE}: the ledger has no kind {kind}")),
    );
    let known = verbs(root);
    for Row { movement, causes, .. } in &rows {
        if causes.is_empty() {
            wrong.push(format!("{PAGE}: {movement}: no verb or job makes it"));
        }
        for cause in causes.iter().filter(|cause| **cause != WHATEVER && !known.contains(**cause)) {
            wrong.push(format!("{PAGE}: {movement}: there is no verb or job {cause}"));
        }
    }
}

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    movement: &'a str,
    causes: Vec<&'a str>,
    kinds: Vec<&'a str>,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let lines = page
        .lines()
        .skip_while(|line| *line != HEAD)
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    lines
        .filter_map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [movement, _, causes, kinds] = cells.as_slice() else { return None };
            let mut named = marked(causes);
            if causes.contains(WHATEVER) {
                named.push(WHATEVER);
            }
            Some(Row { movement, causes: named, kinds: marked(kinds) })
        })
        .collect()
}

/// What stands in backquotes.
fn marked(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn kinds(ledger: &str) -> BTreeSet<&str> {
    let list = ledger
        .lines()
        .skip_while(|line| !line.starts_with(LEDGER.1))
        .skip(1)
        .take_while(|line| line.starts_with(' '));
    list.filter_map(|line| line.split('"').nth(1)).collect()
}

/// Every method of the contract, and every job.
fn verbs(root: &Path) -> BTreeSet<String> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap_or_default();
    let mut known: BTreeSet<String> = pool
        .services()
        .flat_map(|service| {
            service.methods().map(|method| method.name().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    for file in crate::tidy::rust_files(&root.join("services")) {
        let text = fs::read_to_string(file).unwrap_or_default();
        let jobs = text.lines().filter(|line| line.contains("const JOB: &str"));
        known.extend(jobs.filter_map(|line| line.split('"').nth(1)).map(str::to_owned));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::{Row, kinds, rows};

    #[test]
    fn rows_and_kinds_are_read() {
        let page = "text\n| movement | debit → credit | verb or job | kind |\n|---|---|---|---|\n| a; b | x → y | `Do`, job `later` | `A`; `B` |\n\n| c |";
        assert_eq!(
            rows(page),
            [Row { movement: "a; b", causes: vec!["Do", "later"], kinds: vec!["A", "B"] }]
        );
        let ledger = "const KINDS: [(Kind, &str); 2] = [\n    (Kind::A, \"A\"),\n    (Kind::B, \"B_C\"),\n];\n";
        assert_eq!(kinds(ledger).into_iter().collect::<Vec<_>>(), ["A", "B_C"]);
    }
}
