//! Mails by a real SMTP server, with TLS, a login and a private authority.

use crate::{
    clients,
    mails::{mails, update},
    rig::{self, until},
    top_ups::buy,
};
use payterms_proto::invoicing::v1::{
    Contact, Customer, Mail, MailKind, RetryMailRequest, mail::State,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{certificates::Authority, process::free_address};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A real SMTP server of its own process.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server, with TLS and a login if it gets a certificate.
fn smtp(python: &str, folder: &Path, port: u16, certificate: Option<&Path>) -> Server {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/smtp_server.py");
    let mut server = Command::new(python);
    server.arg(script).arg(folder).arg(port.to_string()).args(certificate).stdout(Stdio::piped());
    let mut child = server.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "serves");
    Server(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_smtp_server_takes_refuses_and_comes_back() {
    let Some(python) = clients::python_with("aiosmtpd") else { return };
    let kept = tempfile::tempdir().unwrap();
    let port = free_address().port();
    let options = vec![format!("--mail=smtp://127.0.0.1:{port}")];
    let rig = rig::start_with(false, &options).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let top_up = async || {
        people
            .admin
            .top_ups()
            .create_top_up(buy(&people.wallet, "", amount("USD", 25, 0)))
            .await
            .unwrap()
    };
    // Nobody listens: the mail waits for its next try.
    top_up().await;
    let waiting = |found: &Vec<Mail>| found.iter().any(|mail| mail.failure_reason == "UNREACHABLE");
    let list = async || Ok(mails(&owner, MailKind::Receipt).await);
    assert_eq!(until(list, waiting).await[0].state(), State::Pending);
    let server = smtp(&python, kept.path(), port, None);
    top_up().await;
    let sent = |count: usize| {
        move |found: &Vec<Mail>| {
            found.iter().filter(|mail| mail.state() == State::Sent).count() == count
        }
    };
    until(list, sent(1)).await;
    let taken = std::fs::read_to_string(kept.path().join("1.eml")).unwrap();
    assert!(taken.contains("application/pdf") && taken.contains("Receipt RC-"), "{taken}");
    // A mail client has the choice of two parts that say the same.
    assert!(
        taken.contains("multipart/mixed") && taken.contains("multipart/alternative"),
        "{taken}"
    );
    let shown =
        |suffix: &str| std::fs::read_to_string(kept.path().join(format!("1.{suffix}"))).unwrap();
    let (plain, page) = (shown("txt"), shown("html"));
    assert!(plain.contains("We have received 25.00\u{a0}USD") && !plain.contains('<'), "{plain}");
    assert!(
        page.starts_with("<!doctype html>") && page.contains("We have received 25.00\u{a0}USD"),
        "{page}"
    );
    assert!(
        !page.contains("src=") && !page.contains("<script") && !page.contains("<link"),
        "nothing is fetched: {page}"
    );
    // An address that does not exist is final, until somebody mends it and sends the mail again.
    let change = async |email: &str| {
        let customer = Customer {
            name: people.customer.clone(),
            billing_email: email.into(),
            ..Customer::default()
        };
        update(&people.admin, customer, &["billing_email"]).await;
    };
    change("nobody@brightside.example").await;
    top_up().await;
    let refused = |found: &Vec<Mail>| found[0].state() == State::Failed;
    let failed = until(list, refused).await.remove(0);
    assert_eq!((failed.failure_reason.as_str(), failed.attempt_count), ("REFUSED", 1));
    let again = RetryMailRequest { request_id: request_id(), name: failed.name.clone() };
    assert_eq!(
        owner.mails().retry_mail(again).await.unwrap().into_inner().mail.unwrap().state(),
        State::Pending
    );
    until(list, refused).await;
    // One dead address of several keeps the mail from nobody else.
    let dead = Contact {
        name: "Gone".into(),
        email: "nobody@elsewhere.example".into(),
        receives_documents: true,
    };
    let customer = Customer {
        name: people.customer.clone(),
        billing_email: "billing@brightside.example".into(),
        contacts: vec![dead],
        ..Customer::default()
    };
    update(&people.admin, customer, &["billing_email", "contacts"]).await;
    top_up().await;
    until(list, sent(2)).await;
    drop(server);
}

/// A mail server of one's own: TLS by a private authority, and a login.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_of_a_private_authority_takes_mails_from_who_knows_it() {
    let Some(python) = clients::python_with("aiosmtpd") else { return };
    let (kept, port, authority) =
        (tempfile::tempdir().unwrap(), free_address().port(), Authority::new("mail"));
    authority.issue(kept.path(), &["localhost"]);
    let believed = kept.path().join("authority.crt");
    std::fs::write(&believed, authority.pem()).unwrap();
    let _server = smtp(&python, kept.path(), port, Some(kept.path()));
    let believed = format!("--mail-ca={}", believed.display());
    for (password, options, state) in [
        ("right", vec![], State::Pending),
        ("wrong", vec![believed.clone()], State::Pending),
        ("right", vec![believed], State::Sent),
    ] {
        let options =
            [vec![format!("--mail=smtps://payterms:{password}@localhost:{port}")], options]
                .concat();
        let rig = rig::start_with(false, &options).await.unwrap();
        let people = rig.prepare("tok_visa").await;
        let owner = rig.someone("OWNER", None);
        people
            .admin
            .top_ups()
            .create_top_up(buy(&people.wallet, "", amount("USD", 25, 0)))
            .await
            .unwrap();
        let is_decided = |found: &Vec<Mail>| {
            found
                .iter()
                .any(|mail| mail.state() == State::Sent || mail.failure_reason == "UNREACHABLE")
        };
        let mail =
            until(async || Ok(mails(&owner, MailKind::Receipt).await), is_decided).await.remove(0);
        assert_eq!(mail.state(), state, "{password} {options:?}");
    }
}
