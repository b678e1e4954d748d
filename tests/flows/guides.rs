//! The guides do what they say: the blocks of each page run in one shell beside a fresh suite, and
//! show what the page shows. `docs/guides/README.md` has the rules for pages.

use crate::clients::has;
use payterms_suite::{
    banner::{self, Places},
    usage_file::{Target, UsageFile},
};
use payterms_testkit::{Database, World};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Printed after each block.
pub(crate) const END: &str = "=== the block ends here ===";

macro_rules! guides {
    ($($test:ident: $page:literal),+ $(,)?) => {
        const PAGES: &[&str] = &[$($page),+];

        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            runs($page).await;
        })+
    };
}

guides!(
    concepts_hold: "concepts.md",
    credit_is_bought_by_card: "credit-by-card.md",
    usage_is_read_from_a_file: "usage-from-a-file.md",
    an_invoice_is_collected: "invoice-and-collect.md",
    a_plan_is_paid: "payment-plans.md",
    a_line_is_drawn_on: "credit-lines.md",
    it_is_found_out_why: "find-out-why.md",
    books_are_reconciled: "reconcile.md",
);

/// A block of shell, and what a reader may expect of it.
pub(crate) struct Block {
    pub(crate) shell: String,
    pub(crate) expected: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides")
}

fn blocks(page: &str) -> Vec<Block> {
    blocks_of(&folder().join(page))
}

/// The blocks of a page.
pub(crate) fn blocks_of(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let (mut blocks, mut lines) = (Vec::<Block>::new(), text.lines());
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| *line != "```").collect::<Vec<_>>().join("\n");
        if kind == "sh" {
            blocks.push(Block { shell: block, expected: Vec::new() });
        } else {
            assert_eq!(kind, "text", "{}: blocks are sh, and text after it", page.display());
            blocks.last_mut().unwrap().expected.push(block);
        }
    }
    blocks
}

/// The first part of an expectation that an output does not have, in this order.
pub(crate) fn missing(expected: &str, output: &str) -> Option<String> {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    let (expected, output) = (squeezed(expected), squeezed(output));
    let mut rest = output.as_str();
    for part in expected.split('…') {
        let Some((_, after)) = rest.split_once(part) else { return Some(part.to_owned()) };
        rest = after;
    }
    None
}

/// Runs a page as its reader does, with the words that the suite prints at its start.
async fn runs(page: &str) {
    if !["bash", "curl", "python3"].iter().all(|program| has(program, "--version")) {
        return;
    }
    let world = World::start(Database::Sqlite).await.unwrap();
    let opened = banner::open(&world.suite, true).await.unwrap();
    let places = Places { data: world.folder.path(), ephemeral: true, mail: None };
    let printed = banner::text(&world.suite, &opened, &places).unwrap();
    let exports = printed
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("export ")?.split_once('='));
    let blocks = blocks(page);
    let mut script = "exec 2>&1\nset -eu\n".to_owned();
    for block in &blocks {
        writeln!(script, "{}\necho '{END}'", block.shell).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bash = Command::new("bash");
    bash.arg("-c")
        .arg(script)
        .envs(exports)
        .env("GATEWAY", format!("http://{}", world.suite.gateway));
    bash.current_dir(folder.path()).stdin(Stdio::null());
    let run = tokio::task::spawn_blocking(move || bash.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    let outputs: Vec<_> = said.split(END).collect();
    for (block, output) in blocks.iter().zip(&outputs) {
        for expected in &block.expected {
            let part = missing(expected, output);
            assert_eq!(
                part, None,
                "{page} expects\n{expected}\nof\n{}\nand sees\n{output}",
                block.shell
            );
        }
    }
    assert!(
        run.status.success(),
        "{page}: block {} fails:\n{}",
        outputs.len(),
        outputs.last().unwrap()
    );
    world.end().await;
}

#[test]
fn every_page_is_listed_runs_and_begins_like_the_others() {
    let list = fs::read_to_string(folder().join("README.md")).unwrap();
    let there = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for page in there.filter(|name| name != "README.md") {
        assert!(PAGES.contains(&page.as_str()), "{page} does not run");
        assert!(list.contains(&format!("]({page})")), "README.md does not list {page}");
        assert_eq!(blocks(&page)[0].shell, blocks(PAGES[0])[0].shell, "{page} begins otherwise");
    }
}

#[test]
fn what_is_expected_stands_in_the_output_in_its_order() {
    let output = "{\n  \"state\": \"OPEN\",\n  \"total\": { \"units\": \"100\" }\n}";
    assert_eq!(missing("\"state\":\"OPEN\", … \"units\": \"100\"", output), None);
    assert_eq!(missing("\"units\": \"100\" … \"OPEN\"", output), Some("\"OPEN\"".to_owned()));
    assert_eq!(missing("\"units\": \"10\"", output), Some("\"units\":\"10\"".to_owned()));
}

#[test]
fn the_file_of_the_guide_is_one_that_the_import_takes() {
    let page = fs::read_to_string(folder().join("usage-from-a-file.md")).unwrap();
    let file = page
        .split_once("cat > usage.csv <<'END'\n")
        .and_then(|(_, rest)| rest.split_once("END\n"))
        .unwrap()
        .0;
    let target = Target {
        wallet: "tenants/acme/customers/c/wallets/w".to_owned(),
        currency: "USD".to_owned(),
        first_day: None,
    };
    let lines: Vec<_> = UsageFile::open(file.as_bytes(), target).unwrap().collect();
    assert!(lines.len() == 5 && lines.iter().all(|line| line.usage.is_ok()), "{lines:?}");
}
