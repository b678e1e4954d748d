//! The variables of the environment: all in one process has each of them, or refuses it.

use crate::rig::BINARY;
use payterms_chassis::variables;
use std::{collections::BTreeSet, process::Command};

/// The variables of docs/configuration.md that a program has.
fn variables_of(program: &str) -> BTreeSet<String> {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"))
            .unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `PAYTERMS_"));
    let has = rows.filter(|row| {
        row.rsplit('|').nth(1).is_some_and(|programs| programs.contains(&format!("`{program}`")))
    });
    has.map(|row| format!("PAYTERMS_{}", row.split('`').next().unwrap())).collect()
}

#[test]
fn all_in_one_process_has_each_variable_or_refuses_it() {
    let own = variables_of("payterms");
    let parts = [
        "payterms-gateway",
        "payterms-wallet",
        "payterms-invoicing",
        "payterms-credit",
        "payterms-plans",
    ];
    let of_parts: BTreeSet<_> = parts.into_iter().flat_map(variables_of).collect();
    assert!(
        own.contains("PAYTERMS_JWKS_URL") && own.contains("PAYTERMS_JWKS_CA") && own.len() > 30,
        "{own:?}"
    );
    let refused = |name: &String| {
        !variables::of_others(&payterms_suite::command::command(), [name.clone()].into_iter())
            .is_empty()
    };
    for name in own.iter().chain(&of_parts) {
        assert_eq!(refused(name), !own.contains(name), "{name}");
    }
    // All that it does not have is named at once, before anything is made.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut program = Command::new(BINARY);
    program
        .arg(format!("--data={}", data.display()))
        .envs([("PAYTERMS_DOOR_TLS", "door"), ("PAYTERMS_PEERS", "wallet=http://127.0.0.1:1")]);
    let output = program.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success()
            && said.contains("PAYTERMS_DOOR_TLS")
            && said.contains("PAYTERMS_PEERS"),
        "{said}"
    );
    assert!(!data.exists());
    for (name, flag, value) in [
        ("PAYTERMS_JWKS_URL", "--jwks-url", "file:///keys.json"),
        ("PAYTERMS_JWKS", "--jwks", "none/jwks.json"),
    ] {
        let output = Command::new(BINARY)
            .arg(format!("--data={}", data.display()))
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(flag), "{name}: {said}");
        assert!(!data.exists(), "{name}");
    }
    // The commands of one environment with the parts go on.
    let listed = Command::new(BINARY)
        .args(["completions", "bash"])
        .env("PAYTERMS_DOOR_TLS", "door")
        .output()
        .unwrap();
    assert!(listed.status.success());
}
