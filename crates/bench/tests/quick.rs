//! The benchmarks in their quick form: what every run of them asserts. No figure is looked at.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use payterms_testkit::private_postgres::binaries;
use std::process::Command;

#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn holds(what: &str) {
    if binaries().is_none() {
        let message = "PostgreSQL IS NOT TO BE HAD: install it. The benchmarks are not tried.";
        assert!(std::env::var("CI").is_err(), "{message}");
        eprintln!("\n*** {message} ***\n");
        return;
    }
    let done = Command::new(env!("CARGO_BIN_EXE_payterms-bench"))
        .args([what, "--quick"])
        .output()
        .expect("it runs");
    let (said, wrong) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{what}: {said}\n{wrong}");
}

#[test]
fn debits_and_uses_are_kept_whatever_stops() {
    holds("wallet");
}

#[test]
fn draws_are_kept() {
    holds("credit");
}

#[test]
fn calls_through_the_gateway_are_kept() {
    holds("gateway");
}

#[test]
fn many_wallets_and_long_histories_add_up() {
    holds("growth");
}

#[test]
fn deadlines_that_pass_lose_nothing() {
    holds("deadlines");
}
