//! The operator's commands that ask no suite: keys, tokens, configurations, and what help says.

use crate::{commands::json, rig::BINARY};
use payterms_gateway::identity::{KeyOptions, KeySet, TokenOptions};
use payterms_testkit::{Database, World};
use std::{collections::BTreeSet, path::Path, process::Command};
use tokio_util::sync::CancellationToken;

/// Runs the program without a suite.
pub(crate) fn alone(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_key_is_replaced_while_both_count() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let jwks = folder.path().join("jwks.json");
    let (keys, set) = (keys.to_str().unwrap(), jwks.to_str().unwrap());
    let on_keys = |verb: &str, more: &[&str]| {
        let (code, out, err) = alone(&[&["keys", verb, "--keys", keys, "callers"], more].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{verb}: {out}");
        out
    };
    let token = || {
        let (code, out, err) =
            alone(&["token", "--keys", keys, "--issuer", "callers", "--role", "OPERATOR"]);
        assert_eq!((code, err.as_str()), (0, ""));
        out.trim().to_owned()
    };
    let publish = || on_keys("publish", &["--to", set]);
    let accepts = |token: &str| {
        let options =
            TokenOptions { issuer: Some("callers".to_owned()), ..TokenOptions::default() };
        KeySet::open(&KeyOptions::file(set.into()), options, CancellationToken::new())
            .unwrap()
            .verify(token)
            .is_ok()
    };
    on_keys("make", &[]);
    publish();
    let before = token();
    assert!(accepts(&before));
    let made = json(&on_keys("rotate", &["--output", "json"]));
    assert_eq!(made["keys"][0]["count"].as_array().unwrap().len(), 2);
    publish();
    assert!(accepts(&before) && accepts(&token()), "the present key signs on");
    on_keys("switch", &[]);
    let after = token();
    assert!(accepts(&before) && accepts(&after), "both count");
    let (code, _, err) = alone(&["keys", "retire", "--keys", keys, "callers"]);
    assert_eq!((code, err.contains("may count for")), (1, true), "{err}");
    on_keys("retire", &["--longest-token-seconds", "0"]);
    publish();
    assert!(!accepts(&before) && accepts(&after), "the key before is over");
    assert!(on_keys("list", &[]).contains("callers-"));
    let (code, _, err) = alone(&["keys", "make", "--keys", keys, "callers"]);
    assert_eq!((code, err.contains("rotate")), (1, true), "{err}");
}

#[test]
fn a_token_that_could_do_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().to_str().unwrap();
    alone(&["keys", "make", "--keys", keys, "callers"]);
    let token =
        |more: &[&str]| alone(&[&["token", "--keys", keys, "--issuer", "callers"], more].concat());
    let (code, out, err) = token(&["--role", "MEMBER", "--role", "STAF"]);
    assert_eq!((code, out.as_str()), (1, ""));
    for wanted in ["--customer", "--tenant", "there is no role STAF"] {
        assert!(err.contains(wanted), "{err}");
    }
    assert_eq!(token(&["--role", "STAFF", "--tenant", "acme"]).0, 0);
    let (code, _, err) = alone(&["token", "--keys", keys, "--role", "OPERATOR"]);
    assert_eq!((code, err.contains("development.key")), (1, true), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_looked_at_without_starting() {
    let Some(world) = World::start(Database::Sqlite).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("none");
    let nothing = nothing.to_str().unwrap();
    let database = format!("--database-url=sqlite:{nothing}/w.db");
    let (code, out, err) = alone(&[
        "config",
        "check",
        "wallet",
        "--",
        &database,
        "--keys",
        nothing,
        "--simulator=http://127.0.0.1:1",
    ]);
    assert_eq!((code, err.as_str()), (3, ""), "{out}");
    for wanted in [
        "plain text",
        "wallet.key",
        "gateway.pub",
        "invoicing.pub",
        "there is no address of invoicing, plans",
        "is no folder",
        "simulator.secret",
    ] {
        assert!(out.contains(wanted), "{wanted}: {out}");
    }
    let (code, _, err) = alone(&["config", "check", "gateway", "--", "--listen=here"]);
    assert_eq!((code, err.contains("--listen")), (2, true), "{err}");
    let (code, out, err) =
        alone(&["config", "check", "gateway", "--output", "json", "--", "--listen=here"]);
    let of_listen = serde_json::json!([{ "flag": "--listen", "variable": "PAYTERMS_LISTEN" }]);
    assert_eq!(
        (code, err.contains("--listen"), &json(&out)["faults"][0]["settings"]),
        (2, true, &of_listen),
        "{out}"
    );
    let keys = world.folder.path().join("keys");
    let keys = keys.to_str().unwrap();
    let jwks = format!("--jwks={keys}/jwks.json");
    let peers = ["wallet", "invoicing", "credit", "plans"]
        .map(|name| format!("--peer={name}=http://127.0.0.1:1"));
    let gateway = [
        &["config", "check", "gateway", "--", "--mode=development", "--keys", keys, &jwks],
        &peers.each_ref().map(String::as_str)[..],
    ];
    let (code, out, err) = alone(&gateway.concat());
    assert_eq!((code, out.as_str(), err.as_str()), (0, "Nothing is wrong.\n", ""));
    let (code, out, _) =
        alone(&[&["config", "check", "--output=json"], &gateway.concat()[2..]].concat());
    assert_eq!(
        (code, json(&out)),
        (0, serde_json::json!({ "part": "gateway", "well": true, "faults": [] }))
    );
    assert!(
        alone(&[
            "config",
            "check",
            "plans",
            "--",
            "--mode=development",
            "--keys",
            keys,
            &format!("--database-url=sqlite:{nothing}.db")
        ])
        .1
        .contains("no address of")
    );
    assert!(!Path::new(nothing).exists(), "nothing is made");
    world.end().await;
}

#[test]
fn every_command_says_what_it_does() {
    let (code, out, _) = alone(&["--version"]);
    assert_eq!((code, out.as_str()), (0, concat!("payterms ", env!("CARGO_PKG_VERSION"), "\n")));
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = alone(&["completions", shell]);
        assert!(code == 0 && out.contains("dead-letters"), "{shell}");
    }
    for command in [
        &["verify"][..],
        &["flows"],
        &["due"],
        &["webhooks"],
        &["sealed"],
        &["reseal"],
        &["health"],
        &["token"],
        &["completions"],
        &["keys", "make"],
        &["keys", "rotate"],
        &["keys", "switch"],
        &["keys", "retire"],
        &["keys", "list"],
        &["keys", "publish"],
        &["dead-letters", "list"],
        &["dead-letters", "retry"],
        &["dead-letters", "dismiss"],
        &["events", "tail"],
        &["clock", "start"],
        &["clock", "advance"],
        &["clock", "show"],
        &["config", "check"],
    ] {
        let (code, out, _) = alone(&[command, &["--help"]].concat());
        let example = format!("Example: payterms {}", command.join(" "));
        assert!(code == 0 && out.contains(&example), "{command:?}: {out}");
    }
}

/// Without a token each command names the role that it needs, and the page has the same.
#[test]
fn every_command_names_the_role_that_it_needs_as_the_page_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (page, usage) = (
        std::fs::read_to_string(root.join("docs/operating.md")).unwrap(),
        root.join("crates/suite/demo/usage.csv"),
    );
    let wallet = "tenants/acme/customers/01993c7a-0000-7000-8000-000000000001/wallets/01993c7a-0000-7000-8000-000000000002";
    let arguments = |command: &str| -> Vec<String> {
        let words = match command {
            "dead-letters" => vec!["dead-letters", "list"],
            "seed" => vec!["seed", "acme"],
            "events tail" => vec!["events", "tail", "tenants/acme"],
            "clock start" => vec!["clock", "show", "acme"],
            "usage import" => vec!["usage", "import", usage.to_str().unwrap(), "--wallet", wallet],
            other => vec![other],
        };
        words.into_iter().map(str::to_owned).collect()
    };
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `payterms ")?.split_once('`'));
    let mut asked = BTreeSet::new();
    for (command, rest) in rows {
        let command =
            command.split(" TENANT").next().unwrap().replace(" list", "").replace(" show", "");
        let role = rest.split('|').nth(1).unwrap().trim();
        if role != "–" {
            let folder = tempfile::tempdir().unwrap();
            let asking = arguments(&command);
            let data = ["--data", folder.path().to_str().unwrap()];
            let (code, _, err) =
                alone(&asking.iter().map(String::as_str).chain(data).collect::<Vec<_>>());
            let first = role.split([' ', ',']).next().unwrap();
            assert!(
                code == 1 && err.contains(&format!("a token of role {first} ")),
                "{command}: {role}: {err}"
            );
            asked.insert(command);
        }
    }
    assert_eq!(asked.len(), 11, "{asked:?}");
}
