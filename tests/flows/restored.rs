//! A schema that is restored from an older backup than the others: `payterms verify` names what
//! drifts, and publishing again heals it.

use crate::{
    operations,
    rig::{BINARY, Rig, retry},
};
use payterms_proto::{
    common::v1::RepublishRequest,
    invoicing::v1::{Contact, Customer, UpdateCustomerRequest},
};
use payterms_suite::client::request_id;
use payterms_testkit::{postgres, private_postgres::binaries};
use std::process::Command;

/// A program of PostgreSQL on a database, as its superuser.
fn run(program: &str, place: &str, arguments: &[&str]) {
    let (server, name) = place.split_once('/').unwrap();
    let (host, port) = server.split_once(':').unwrap();
    let mut command = Command::new(binaries().unwrap().join(program));
    let output = command
        .args(["-h", host, "-p", port, "-U", "postgres", "-d", name])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// `payterms verify` of what one invariant says.
fn verify(rig: &Rig) -> (i32, String) {
    let mut command = Command::new(BINARY);
    command.args(["verify", "--invariant", "I24"]);
    command
        .env("PAYTERMS_GATEWAY", format!("http://{}", rig.gateway))
        .env("PAYTERMS_DATA", rig.data());
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let said = [output.stdout, output.stderr]
        .map(|said| String::from_utf8_lossy(&said).into_owned())
        .concat();
    (output.status.code().unwrap_or(-1), said)
}

/// A change of the customer that all hearers have applied.
async fn change(rig: &Rig, customer: &str, name: &str) {
    let contact = Contact {
        name: name.to_owned(),
        email: format!("{name}@brightside.example"),
        receives_documents: true,
    };
    let request = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer {
            name: customer.to_owned(),
            contacts: vec![contact],
            ..Customer::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["contacts".into()] }),
        ..Default::default()
    };
    let owner = rig.someone("OWNER", None);
    retry(async || owner.customers().update_customer(request.clone()).await).await;
    let (code, said) = verify(rig);
    assert_eq!(code, 0, "events that are on their way are no drift: {said}");
}

async fn republish(rig: &Rig, after_restore: bool) {
    let operator = rig.someone("OPERATOR", None);
    let request = RepublishRequest { after_restore, ..operations::republish("customer") };
    retry(async || operator.operations("invoicing").republish(request.clone()).await).await;
}

/// Puts a schema back to what a file has, while nothing runs.
async fn restore(rig: &mut Rig, place: &str, schema: &str, file: &str) {
    rig.stop();
    run(
        "psql",
        place,
        &[
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            &format!("DROP SCHEMA {schema} CASCADE"),
            "-f",
            file,
        ],
    );
    rig.restart(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_an_older_backup_is_named_and_healed() {
    let Some(place) = postgres::database().await else { return };
    let mut rig = Rig::start(BINARY, Some(place.clone()), &[]).await;
    let customer = rig.prepare("tok_visa").await.customer;
    let (_, id) = customer.rsplit_once('/').unwrap();
    let (code, said) = verify(&rig);
    assert_eq!(code, 0, "{said}");
    let folder = tempfile::tempdir().unwrap();
    let dump = |schema: &str| {
        let file = folder.path().join(schema).display().to_string();
        run("pg_dump", &place, &["-n", schema, "-f", &file]);
        file
    };

    // The owner is older than its hearers: what it says again is nothing new to them, until its
    // versions are above theirs.
    let file = dump("invoicing");
    change(&rig, &customer, "ann").await;
    restore(&mut rig, &place, "invoicing", &file).await;
    let names = |said: &str, service: &str| {
        said.contains(&format!(
            "{service} I24 breaks: tenants/acme customer {id}: it is known at version"
        ))
    };
    let (code, said) = verify(&rig);
    assert!(code == 3 && names(&said, "wallet") && names(&said, "credit"), "{code} {said}");
    republish(&rig, false).await;
    let (code, said) = verify(&rig);
    assert!(code == 3 && names(&said, "wallet"), "{code} {said}");
    republish(&rig, true).await;
    let (code, said) = verify(&rig);
    assert_eq!(code, 0, "{said}");

    // A hearer is older than the owner.
    let file = dump("credit");
    change(&rig, &customer, "bea").await;
    restore(&mut rig, &place, "credit", &file).await;
    let (code, said) = verify(&rig);
    let behind = format!("credit I24 breaks: tenants/acme customer {id}: only version");
    assert!(
        code == 3 && said.contains(&behind) && !said.contains("wallet I24 breaks"),
        "{code} {said}"
    );
    republish(&rig, false).await;
    let (code, said) = verify(&rig);
    assert_eq!(code, 0, "{said}");
}
