//! What production objects to, and what it does not.

use super::{Mode, Objections};
use crate::wire::{
    call::Caller,
    identity::{Signer, Verifier, ensure_key},
};
use payterms_kernel::SystemClock;
use std::{fs, sync::Arc};

#[test]
fn production_names_everything_and_development_only_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    ensure_key(folder.path(), "wallet").unwrap();
    ensure_key(folder.path(), "gateway").unwrap();
    fs::write(folder.path().join("simulator.secret"), "0000000000000000").unwrap();
    let settled = |mode| {
        let mut objections = Objections::new(mode);
        objections.check_keys(folder.path());
        objections.check_secret("--simulator-secret", &folder.path().join("simulator.secret"));
        objections.check_secret("--seal-key", &folder.path().join("none"));
        assert!(objections.check_address(
            "--database-url",
            "postgres://payterms_wallet:Changeme@127.0.0.1/payterms"
        ));
        assert_eq!(
            objections.take("--database-url", Err::<(), _>("the database is away".to_owned())),
            None
        );
        objections.settle().unwrap_err()
    };
    let said = settled(Mode::Production);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    assert!(
        lines[1].contains("gateway.key, gateway.pub, wallet.key, wallet.pub are development keys"),
        "{said}"
    );
    assert!(
        lines[2].contains("simulator.secret")
            && lines[3].contains("password")
            && lines[4].contains("is away"),
        "{said}"
    );
    assert_eq!(settled(Mode::Development), "--database-url: the database is away");
}

#[test]
fn nothing_is_sent_outside_in_plain_text_in_production() {
    for (url, is_fine) in [
        (None, true),
        (Some("https://api.stripe.com"), true),
        (Some("http://127.0.0.1:12111"), true),
        (Some("http://127.0.0.1.example:80"), false),
        (Some("http://api.stripe.com"), false),
        (Some("plaid.example"), false),
    ] {
        let mut objections = Objections::new(Mode::Production);
        objections.check_outside("--stripe", url);
        assert_eq!(objections.settle().is_ok(), is_fine, "{url:?}");
        let mut objections = Objections::new(Mode::Development);
        objections.check_outside("--stripe", url);
        assert_eq!(objections.settle(), Ok(()), "{url:?}");
    }
}

fn objections_to(url: &str) -> (bool, String) {
    let mut objections = Objections::new(Mode::Production);
    let may_ask = objections.check_address("--database-url", url);
    (may_ask, objections.settle().err().unwrap_or_default())
}

#[test]
fn the_line_to_the_database_is_never_plain_text_in_production() {
    for plain in [
        "",
        "?sslmode=disable",
        "?sslmode=allow",
        "?sslmode=prefer",
        "?sslmode=require&ssl-mode=PREFER",
        "?host=10.0.0.1",
    ] {
        let url = format!("postgres://payterms_wallet:qLr7v0zW@db.example/payterms{plain}");
        let (may_ask, said) = objections_to(&url);
        assert!(
            !may_ask && said.contains("may be plain text") && said.lines().count() == 2,
            "{url}: {said}"
        );
        assert!(
            Objections::new(Mode::Development).check_address("--database-url", &url),
            "who tries things out may"
        );
    }
    for good in [
        "postgres://payterms_wallet:qLr7v0zW@db.example/payterms?sslmode=require",
        "postgres://payterms_wallet:qLr7v0zW@db.example/payterms?sslmode=verify-ca",
        "postgresql://payterms_wallet:qLr7v0zW@db.example/payterms?sslmode=verify-full&sslrootcert=/ca.crt",
        "postgres://payterms_wallet@localhost/payterms",
        "postgres://payterms_wallet@127.0.0.1:5433/payterms",
        "postgres://payterms_wallet@[::1]/payterms",
        "postgres://payterms_wallet@%2Fvar%2Frun%2Fpostgresql/payterms",
        "postgres://payterms_wallet@db.example/payterms?host=/var/run/postgresql",
        "sqlite:wallet.db",
    ] {
        assert_eq!(objections_to(good), (true, String::new()), "{good}");
    }
}

#[test]
fn a_password_that_everybody_tries_first_is_found_wherever_it_is() {
    for known in [
        "postgres://payterms_wallet:Changeme@localhost/payterms",
        "postgres://payterms_wallet:payterms_wallet@localhost/payterms",
        "postgres://localhost/payterms?user=payterms_wallet&password=payterms_wallet",
        "postgres://payterms_wallet:qLr7v0zW@localhost/payterms?sslmode=require&password=secret",
    ] {
        let (may_ask, said) = objections_to(known);
        assert!(may_ask && said.contains("everybody tries first"), "{known}: {said}");
    }
    for other in [
        "postgres://payterms_wallet:qLr7v0zW@localhost/payterms",
        "postgres://a:secret@localhost/b?password=qLr7v0zW",
    ] {
        assert_eq!(objections_to(other), (true, String::new()), "{other}");
    }
}

#[test]
fn keys_with_the_mark_of_development_sign_and_verify_and_others_pass() {
    let folder = tempfile::tempdir().unwrap();
    ensure_key(folder.path(), "gateway").unwrap();
    // Read again, as at the second start.
    ensure_key(folder.path(), "gateway").unwrap();
    let signer = Signer::read(folder.path(), "gateway", Arc::new(SystemClock)).unwrap();
    let token = signer
        .internal(
            "wallet",
            &Caller {
                subject: "ann".into(),
                roles: vec![],
                tenant: None,
                customer: None,
                run_id: None,
            },
        )
        .unwrap();
    Verifier::read(folder.path(), "wallet", &["gateway".to_owned()])
        .unwrap()
        .verify(&token)
        .unwrap();
    for name in ["gateway.key", "gateway.pub"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        fs::write(
            folder.path().join(name),
            text.strip_prefix(super::MADE_FOR_DEVELOPMENT).unwrap(),
        )
        .unwrap();
    }
    let mut objections = Objections::new(Mode::Production);
    objections.check_keys(folder.path());
    objections.settle().unwrap();
}
