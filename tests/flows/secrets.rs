//! Passwords in addresses appear neither in a program's help nor in what it says when it does not
//! start.

use payterms_testkit::postgres;
use sea_orm::ConnectionTrait;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

const CANARY: &str = "canary";

/// Every program of the suite, and every command of it.
const PROGRAMS: [&[&str]; 13] = [
    &[],
    &["token"],
    &["demo"],
    &["simulator"],
    &["verify"],
    &["health"],
    &["keys", "make"],
    &["service", "wallet"],
    &["service", "invoicing"],
    &["service", "credit"],
    &["service", "plans"],
    &["service", "gateway"],
    &["service", "migrate"],
];

fn start(
    program: &[&str],
    arguments: &[String],
    environment: &BTreeSet<String>,
    folder: &Path,
) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_payterms-under-test"));
    command
        .current_dir(folder)
        .args(program)
        .args(arguments)
        .envs(environment.iter().map(|name| (name, CANARY)));
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn help_shows_no_value_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let help = |program: &[&str], environment: &BTreeSet<String>| {
        ["--help", "-h"]
            .map(|flag| said(&start(program, &[flag.to_owned()], environment, folder.path())))
            .concat()
    };
    let mut names: BTreeSet<String> = ["PAYTERMS_KILL_AT".to_owned()].into();
    for program in PROGRAMS {
        let text = help(program, &BTreeSet::new());
        assert!(text.contains("--help"), "{program:?}: {text}");
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        names.extend(words.filter(|word| word.starts_with("PAYTERMS_")).map(str::to_owned));
    }
    assert!(names.contains("PAYTERMS_OWNER_DATABASE_URL") && names.len() > 20, "{names:?}");
    for program in PROGRAMS {
        let text = help(program, &names);
        assert!(text.contains("--help") && !text.contains(CANARY), "{program:?}: {text}");
    }
}

/// Starts a program that must fail, with everything logged, and looks for the password.
fn fails(program: &[&str], arguments: &[&str], folder: &Path) -> String {
    let log = (program.last() != Some(&"migrate")).then(|| "--log=trace".to_owned());
    let arguments: Vec<_> =
        arguments.iter().map(|argument| (*argument).to_owned()).chain(log).collect();
    let output = start(program, &arguments, &BTreeSet::new(), folder);
    let text = said(&output);
    assert!(!output.status.success(), "{program:?} {arguments:?}: {text}");
    assert!(!text.is_empty() && !text.contains(CANARY), "{program:?} {arguments:?}: {text}");
    text
}

#[test]
fn a_start_with_a_wrong_address_names_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = [
        "postgres://payterms_wallet:canary@127.0.0.1:1/payterms",
        "postgres://payterms_wallet:canary@127.0.0.1:port/payterms",
        "postgres://payterms_wallet:can/canary@127.0.0.1:1/payterms",
        "postgres://127.0.0.1:1/payterms?user=payterms_wallet&password=canary",
        "payterms_wallet:canary@127.0.0.1/payterms",
        "mysql://payterms_wallet:canary@127.0.0.1:1/payterms",
    ];
    for program in PROGRAMS.iter().filter(|program| program.len() == 2 && program[1] != "gateway") {
        for address in addresses {
            fails(program, &[&format!("--database-url={address}")], folder.path());
        }
    }
    fails(
        &["service", "wallet"],
        &["--database-url=sqlite:w.db", "--listen=http://u:canary@127.0.0.1"],
        folder.path(),
    );
    fails(&["service", "gateway"], &["--peer=http://u:canary@127.0.0.1"], folder.path());
    fails(
        &["service", "gateway"],
        &["--peer=wallet=http://u:canary@127.0.0.1", "--otlp-endpoint=http://u:canary@127.0.0.1:1"],
        folder.path(),
    );
    for option in [
        "--mail=smtps://u:canary@127.0.0.1:port",
        "--mail=u:canary@127.0.0.1",
        "--postgres=u:canary@127.0.0.1:1/payterms",
    ] {
        fails(&[], &[option, "--data=d", "--listen=127.0.0.1:0"], folder.path());
    }
    fs::write(folder.path().join("payterms.toml"), "database_url = \"postgres://u:canary@h/d\" x")
        .unwrap();
    fails(&["service", "wallet"], &["--config=payterms.toml"], folder.path());
}

#[test]
fn an_address_may_be_in_a_file_and_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("url"),
        "postgres://payterms_wallet:canary@127.0.0.1:1/payterms\n",
    )
    .unwrap();
    let told =
        |program: &str, arguments: &[&str]| fails(&["service", program], arguments, folder.path());
    assert!(
        told("wallet", &["--database-url-file=url"]).contains("database of wallet"),
        "it was read, and nobody serves there"
    );
    assert!(
        told("migrate", &["--database-url-file=url"]).contains("cannot connect"),
        "it was read, and nobody serves there"
    );
    for program in ["wallet", "migrate"] {
        assert!(told(program, &["--database-url-file=none"]).contains("none: No such file"));
        assert!(
            told(program, &["--database-url-file=url", "--database-url=postgres://u:canary@h/d"])
                .contains("cannot be used with")
        );
        assert!(told(program, &[]).contains("--database-url-file"));
    }
    fs::write(folder.path().join("mail"), "smtps://u:canary@127.0.0.1:port").unwrap();
    let both = ["--database-url=sqlite:i.db", "--mail-file=mail", "--mail=file:mail"];
    assert!(told("invoicing", &both).contains("cannot be used with"));
}

#[test]
fn a_variable_that_is_no_setting_is_refused_with_the_one_that_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let misspelt: BTreeSet<_> = ["PAYTERMS_DATABSE_URL".to_owned()].into();
    for program in PROGRAMS.iter().filter(|program| program.last() != Some(&"migrate")) {
        let output = start(program, &["--log=off".to_owned()], &misspelt, folder.path());
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{program:?}: {text}");
        assert!(
            text.contains("Write PAYTERMS_DATABASE_URL, or take it away") && !text.contains(CANARY),
            "{program:?}: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_a_password_does_not_make_it_known() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("hba");
    fs::write(
        &rules,
        "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n",
    )
    .unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let Some(server) = postgres::private(&format!("-c hba_file={}", rules.display())) else {
        return;
    };
    let admin = postgres::session(format!("postgres://postgres@{}/postgres", server.place)).await;
    admin.execute_unprepared("CREATE ROLE payterms_wallet LOGIN PASSWORD 'right'").await.unwrap();
    for program in ["wallet", "migrate"] {
        let address =
            format!("--database-url=postgres://payterms_wallet:canary@{}/postgres", server.place);
        let text = fails(&["service", program], &[&address], folder.path());
        assert!(text.contains("password authentication failed"), "{text}");
    }
}
