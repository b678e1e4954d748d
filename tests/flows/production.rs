//! A program that is not fit for production says all that is wrong with it before it binds a port,
//! and does not start.

use crate::rig::BINARY;
use payterms_testkit::{Database, World, certificates::Authority, postgres};
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

/// Starts a program in production on a port that is taken: it would say so if it bound it.
fn refused(program: &[&str], arguments: &[String]) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("--listen={}", taken.local_addr().unwrap());
    let Output { status, stderr, .. } =
        Command::new(BINARY).args(program).arg(listen).args(arguments).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert!(
        !status.success() && said.contains("it does not start in production"),
        "{program:?}: {said}"
    );
    assert!(!said.contains("in use"), "{program:?} bound its port first: {said}");
    said
}

fn names_all(said: &str, expected: &[&str]) {
    for sentence in expected {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    assert_eq!(said.matches("\n- ").count(), expected.len(), "{said}");
}

fn keys(data: &Path) -> String {
    format!("--keys={}", data.join("keys").display())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_development_is_named_at_once() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let data = world.folder.path();
    let guessable = data.join("guessable");
    fs::write(&guessable, "changeme").unwrap();
    let sqlite = |name: &str| {
        format!("--database-url=sqlite:{}", data.join(format!("other-{name}.db")).display())
    };
    let of_all = [
        "lines between the parts are plain text",
        "are development keys",
        "there is no address of",
    ];
    let known = data.join("user");
    fs::write(&known, "payterms:changeme").unwrap();
    let bus =
        ["--bus=nats://127.0.0.1:1".to_owned(), format!("--bus-credentials={}", known.display())];
    let simulator = "--simulator=http://127.0.0.1:1".to_owned();
    let texts = [
        keys(data),
        sqlite("wallet"),
        simulator.clone(),
        format!("--simulator-secret={}", guessable.display()),
    ];
    let said = refused(&["service", "wallet"], &[&texts[..], &bus].concat());
    let of_bus =
        ["to the broker in plain text", "the broker's password is one that everybody tries first"];
    names_all(
        &said,
        &[of_all[0], of_all[1], of_all[2], of_bus[0], of_bus[1], "would be charged by a simulator"],
    );
    let seal = format!("--seal-key={}", guessable.display());
    let said =
        refused(&["service", "credit"], &[keys(data), sqlite("credit"), simulator.clone(), seal]);
    names_all(
        &said,
        &[
            of_all[0],
            of_all[1],
            of_all[2],
            "guessable: the secret can be guessed",
            "guessable: a key has 32 bytes",
            "banks are a simulator's",
        ],
    );
    names_all(&refused(&["service", "plans"], &[keys(data), sqlite("plans")]), &of_all);
    for (mail, sentence) in [
        ("file:mail", "mails go to a folder"),
        ("smtp://mail.invalid", "mails may go to their server in plain text"),
    ] {
        let said = refused(
            &["service", "invoicing"],
            &[keys(data), sqlite("invoicing"), format!("--mail={mail}")],
        );
        names_all(&said, &[of_all[0], of_all[1], of_all[2], sentence]);
    }
    let jwks = format!("--jwks={}", data.join("keys/jwks.json").display());
    let wrong = "--peer=wallet=https://wallet:1".to_owned();
    let said = refused(&["service", "gateway"], &[keys(data), jwks, wrong, simulator]);
    names_all(
        &said,
        &[
            of_all[0],
            of_all[1],
            of_all[2],
            "callers speak plain text",
            "signed with the key of development",
            "any issuer whose key is in the JWKS is accepted",
            "the page of the payment simulator would be served",
            "there are no certificates",
        ],
    );
    let url = "--jwks-url=http://idp.example/jwks".to_owned();
    let said =
        refused(&["service", "gateway"], &[keys(data), url, "--issuer=development".to_owned()]);
    names_all(
        &said,
        &[
            of_all[0],
            of_all[1],
            of_all[2],
            "callers speak plain text",
            "keys that come in plain text",
            "the issuer of callers' tokens is that of development",
        ],
    );
    let suite =
        refused(&["--mode=production"], &[format!("--data={}", data.join("none").display())]);
    assert!(suite.contains("charges a simulator") && !data.join("none").exists(), "{suite}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_lose_or_show_too_much_is_named_with_the_rest() {
    let Some(server) = postgres::private("-c full_page_writes=off -c synchronous_commit=off")
    else {
        return;
    };
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    let folder = tempfile::tempdir().unwrap();
    let asked = |role: &str| {
        let url = format!("--database-url=postgres://{role}:{role}@{}/payterms", server.place);
        refused(&["service", "plans"], &[keys(folder.path()), url])
    };
    let said = asked("postgres");
    for sentence in [
        "lines between the parts are plain text",
        "one that everybody tries first",
        "the role sees all tenants",
        "the role owns tables in schema plans",
        "the role may make tables in schema plans",
        "switch on its settings fsync, full_page_writes, synchronous_commit",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let said = asked("payterms_plans");
    assert!(
        said.contains("switch on its settings")
            && !said.contains("the role sees")
            && !said.contains("the role owns"),
        "{said}"
    );
}

#[test]
fn a_line_to_a_database_that_may_be_plain_text_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let url =
        "--database-url=postgres://payterms_plans:qLr7v0zW@database.invalid/payterms".to_owned();
    let said = refused(&["service", "plans"], &[keys(folder.path()), url]);
    // Nobody of that name could be asked: that is not what it says. And the folder has no key yet,
    // neither its own nor those of its callers.
    let of_lines = [
        "lines between the parts are plain text",
        "the line to the database may be plain text",
        "there is no address of credit, invoicing",
    ];
    let keys = [
        "plans.key: No such file",
        "gateway.pub: No such file",
        "invoicing.pub: No such file",
        "wallet.pub: No such file",
    ];
    names_all(&said, &[&of_lines[..], &keys].concat());
}

/// A program with the owner's or a role's address; what it said, and whether it went well.
fn run(program: &[&str], arguments: &[String]) -> (bool, String) {
    let output = Command::new(BINARY).args(program).args(arguments).output().unwrap();
    (
        output.status.success(),
        [output.stdout, output.stderr]
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .concat(),
    )
}

#[test]
fn migrations_are_refused_a_line_that_may_be_plain_text() {
    let url = "--database-url=postgres://owner:qLr7v0zW@database.invalid/payterms".to_owned();
    let (went, said) = run(&["service", "migrate"], std::slice::from_ref(&url));
    assert!(
        !went
            && said.contains("the line to the database may be plain text")
            && !said.contains("cannot connect"),
        "{said}"
    );
    let (went, said) = run(&["service", "migrate", "--mode=development"], &[url]);
    assert!(!went && said.contains("cannot connect"), "who tries things out may: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_and_services_ask_who_answers_at_the_database() {
    let (authority, other, folder) =
        (Authority::new("database"), Authority::new("other"), tempfile::tempdir().unwrap());
    authority.issue(folder.path(), &["localhost"]);
    let file = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).unwrap();
        format!("?sslmode=verify-full&sslrootcert={}", folder.path().join(name).display())
    };
    let (right, wrong) = (file("ca.crt", authority.pem()), file("other.crt", other.pem()));
    let key = folder.path().join("tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    // A server that root starts runs as another user, who has to read its key.
    let _ = Command::new("chown").arg("-R").arg("postgres").arg(folder.path()).status().unwrap();
    let certificate = folder.path().join("tls.crt");
    let settings = format!(
        "-c ssl=on -c ssl_cert_file={} -c ssl_key_file={}",
        certificate.display(),
        key.display()
    );
    let Some(server) = postgres::private(&settings) else { return };
    let place = server.place.replace("127.0.0.1", "localhost");
    let migrate = |line: &str| {
        run(
            &["service", "migrate", "plans"],
            &[format!("--database-url=postgres://postgres@{place}/postgres{line}")],
        )
    };
    let (went, said) = migrate(&wrong);
    assert!(!went && said.contains("cannot connect"), "{said}");
    let (went, said) = migrate(&right);
    assert!(went && said.contains("plans: up to date"), "{said}");
    let check = |line: &str| {
        let url = format!("--database-url=postgres://payterms_plans@{place}/postgres{line}");
        run(&["config", "check", "plans", "--", "--mode=development"], &[keys(folder.path()), url])
            .1
    };
    // Its keys and peers are missing in any case.
    for (line, finds_database) in [(&right, true), (&wrong, false)] {
        let said = check(line);
        assert!(
            said.contains("--peer") && said.contains("database of plans") != finds_database,
            "{said}"
        );
    }
}
