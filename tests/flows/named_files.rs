//! Every setting that names a file: a file that is missing, empty or malformed is named with its
//! setting and with all else, by `config check` and at the start.

use crate::rig::BINARY;
use payterms_suite::programs::programs;
use payterms_testkit::certificates::Authority;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// What is written in place of a good file.
const WRONG: [Wrong; 4] = [Wrong::Missing, Wrong::Folder, Wrong::Empty, Wrong::Malformed];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Missing,
    /// It is there and cannot be read, whoever the test runs as.
    Folder,
    Empty,
    Malformed,
}

/// A setting of a part: the file in its folder if it names a folder, and what has to be given for
/// the setting to count.
struct Named {
    part: &'static str,
    flag: &'static str,
    inside: Option<&'static str>,
    with: &'static [&'static str],
    /// Which of [`WRONG`] are no fault there.
    but: &'static [Wrong],
}

const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
const BUS: &[&str] = &["--bus=tls://127.0.0.1:1"];
/// What a secret of bytes holds cannot be malformed.
const BYTES: &[Wrong] = &[Wrong::Malformed];

fn named(part: &'static str, flag: &'static str) -> Named {
    Named { part, flag, inside: None, with: &[], but: &[] }
}

fn all() -> Vec<Named> {
    let mut all = Vec::new();
    for part in SERVICES {
        for inside in ["tls.crt", "tls.key", "ca.crt"] {
            all.push(Named { inside: Some(inside), ..named(part, "--tls") });
        }
        for inside in ["tls.crt", "tls.key"] {
            all.push(Named { inside: Some(inside), with: BUS, ..named(part, "--bus-tls") });
        }
        all.push(Named { with: BUS, ..named(part, "--bus-ca") });
        all.push(Named { with: BUS, ..named(part, "--bus-credentials") });
        all.push(named(part, "--database-url-file"));
        // A part whose folder has no such key sends no webhooks.
        all.push(Named {
            inside: Some("webhooks.key"),
            but: &[Wrong::Missing],
            ..named(part, "--keys")
        });
        for inside in [format!("{part}.key"), "gateway.pub".to_owned()] {
            all.push(Named { inside: Some(inside.leak()), ..named(part, "--keys") });
        }
    }
    all.extend([
        Named {
            with: &["--simulator=http://127.0.0.1:1"],
            but: BYTES,
            ..named("wallet", "--simulator-secret")
        },
        named("invoicing", "--mail-file"),
        Named { with: &["--mail=smtps://127.0.0.1:1"], ..named("invoicing", "--mail-ca") },
        named("credit", "--seal-key"),
        Named { with: &["--plaid=http://127.0.0.1:1"], ..named("credit", "--plaid-credentials") },
        Named { inside: Some("gateway.key"), ..named("gateway", "--keys") },
        named("gateway", "--jwks"),
        Named { with: &["--jwks-url=https://127.0.0.1:1"], ..named("gateway", "--jwks-ca") },
        named("gateway", "--claims"),
    ]);
    for inside in ["tls.crt", "tls.key", "ca.crt"] {
        all.push(Named { inside: Some(inside), ..named("gateway", "--tls") });
    }
    for inside in ["tls.crt", "tls.key"] {
        all.push(Named { inside: Some(inside), ..named("gateway", "--door-tls") });
    }
    all
}

fn spoil(file: &Path, wrong: Wrong) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    match wrong {
        Wrong::Missing => {}
        Wrong::Folder => fs::create_dir(file).unwrap(),
        Wrong::Empty => fs::write(file, "").unwrap(),
        Wrong::Malformed => fs::write(file, "canary canary").unwrap(),
    }
}

/// What `config check` says of a part, and what its start says.
fn said(part: &str, flags: &[String]) -> (Value, String) {
    let run = |first: &[&str]| Command::new(BINARY).args(first).args(flags).output().unwrap();
    let checked = run(&["config", "check", part, "--output", "json", "--"]);
    assert_eq!(
        checked.status.code(),
        Some(3),
        "{part} {flags:?}: {}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let started = run(&["service", part]);
    assert!(!started.status.success(), "{part} {flags:?}");
    (serde_json::from_slice(&checked.stdout).unwrap(), String::from_utf8(started.stderr).unwrap())
}

#[test]
fn a_wrong_file_is_named_with_its_setting() {
    for Named { part, flag, inside, with, but } in all() {
        for wrong in WRONG.into_iter().filter(|wrong| !but.contains(wrong)) {
            let folder = tempfile::tempdir().unwrap();
            let value = folder.path().join("given");
            let file = inside.map_or_else(|| value.clone(), |inside| value.join(inside));
            let authority = Authority::new("file");
            if inside.is_some_and(|inside| inside.starts_with("tls.") || inside == "ca.crt") {
                // The others of the folder are good.
                fs::create_dir(&value).unwrap();
                authority.issue(&value, &[part]);
                fs::write(value.join("ca.crt"), authority.pem()).unwrap();
                fs::remove_file(&file).unwrap();
            }
            spoil(&file, wrong);
            let mut flags: Vec<_> = with
                .iter()
                .map(ToString::to_string)
                .chain([format!("{flag}={}", value.display())])
                .collect();
            if part != "gateway" && flag != "--database-url-file" {
                flags.push(format!(
                    "--database-url=sqlite:{}",
                    folder.path().join("a.db").display()
                ));
            }
            let (checked, started) = said(part, &flags);
            let about = |fault: &&Value| {
                let sentence = fault["sentence"].as_str().unwrap();
                let names_file = sentence.contains(&*file.to_string_lossy())
                    || inside.is_some_and(|inside| sentence.contains(inside));
                // What stands in a file in place of the value of another setting may be malformed
                // as that is.
                let names_value = wrong == Wrong::Malformed && flag.ends_with("-file");
                fault["settings"][0]["flag"] == *flag && (names_file || names_value)
            };
            let faults = checked["faults"].as_array().unwrap();
            let case = format!("{part} {flag} {wrong:?} {}", file.display());
            assert!(faults.iter().any(|fault| about(&fault)), "{case}: {checked:#}");
            // Named at the start, too, and with all else: no certificates of the part, for one, or
            // of its keys.
            for fault in faults.iter().filter(about) {
                assert!(started.contains(fault["sentence"].as_str().unwrap()), "{case}: {started}");
            }
            assert!(started.matches("\n- ").count() > 1, "{case}: {started}");
            assert!(
                !started.contains("canary") && !checked.to_string().contains("canary"),
                "{case}: {started}"
            );
        }
    }
}

/// A setting that names a file and is not in the table was not thought of.
#[test]
fn every_setting_that_names_a_file_is_in_the_table() {
    let listed: BTreeSet<_> =
        all().iter().map(|named| format!("{} {}", named.part, named.flag)).collect();
    let mut found = BTreeSet::new();
    for part in SERVICES.into_iter().chain(["gateway"]) {
        let (_, command) =
            programs().into_iter().find(|(name, _)| *name == format!("payterms-{part}")).unwrap();
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            if ["File ", "A file ", "Folder ", "TOML file "]
                .iter()
                .any(|start| help.starts_with(start))
            {
                found.insert(format!("{part} --{}", argument.get_long().unwrap()));
            }
        }
    }
    assert_eq!(found, listed);
}

#[test]
fn services_without_an_address_are_named_at_the_start_in_production() {
    for (part, expected) in [
        ("wallet", "invoicing, plans"),
        ("credit", "invoicing, wallet"),
        ("gateway", "credit, invoicing, plans, wallet"),
    ] {
        let flags: Vec<_> = (part != "gateway")
            .then(|| "--database-url=sqlite:/nowhere/a.db".to_owned())
            .into_iter()
            .collect();
        let (checked, started) = said(part, &flags);
        let sentence = format!("there is no address of {expected}; name it with --peer");
        assert!(started.contains(&sentence), "{started}");
        let faults = checked["faults"].as_array().unwrap();
        let fault = faults.iter().find(|fault| fault["sentence"] == sentence).unwrap();
        assert_eq!(
            (&fault["settings"][0]["flag"], &fault["settings"][0]["variable"]),
            (&"--peer".into(), &"PAYTERMS_PEERS".into())
        );
    }
}
