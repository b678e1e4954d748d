//! Steps that a release has never change: databases ran them as they were, and a changed one would
//! make two schemas of one name. `migrations/released-steps.txt` has the hash of the text of each,
//! in order. Steps after those of the list are not released yet and may change; whoever makes a
//! release appends them, as the test prints them.

use payterms_migrations::{
    SERVICES, credit::Credit, ddl::SchemaStep, invoicing::Invoicing, plans::Plans, wallet::Wallet,
    wallet_single_call::POST_SINGLE_CALL,
};
use sha2::{Digest, Sha256};

const RELEASED: &str = include_str!("../../migrations/released-steps.txt");

fn steps(service: &str) -> Vec<Box<dyn SchemaStep>> {
    match service {
        "wallet" => Wallet::steps(),
        "invoicing" => Invoicing::steps(),
        "credit" => Credit::steps(),
        _ => Plans::steps(),
    }
}

/// A line of the list for each step.
fn lines(service: &str) -> Vec<String> {
    let hash = |text: String| hex::encode(&Sha256::digest(text)[..16]);
    steps(service)
        .iter()
        .map(|step| format!("{service} {} {}", step.name(), hash(step.text())))
        .collect()
}

#[test]
fn a_released_step_never_changes() {
    let unreleased = SERVICES.map(|service| {
        let is = lines(service);
        let released: Vec<_> =
            RELEASED.lines().filter(|line| line.split(' ').next() == Some(service)).collect();
        for (index, line) in released.iter().enumerate() {
            assert_eq!(
                is.get(index).map(String::as_str),
                Some(*line),
                "a released step never changes: append one that changes what it made"
            );
        }
        is[released.len()..].join("\n")
    });
    println!("not released yet:\n{}", unreleased.join("\n"));
    assert!(!RELEASED.is_empty());
}

#[test]
fn the_newest_step_with_the_procedure_has_it_as_it_is_now() {
    let texts: Vec<_> = Wallet::steps()
        .iter()
        .map(|step| step.text())
        .filter(|text| text.contains("PROCEDURE post_single_call"))
        .collect();
    assert!(texts.last().is_some_and(|text| text.contains(POST_SINGLE_CALL)));
}
