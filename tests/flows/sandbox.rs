//! The ready sandbox: what a suite prints at its start can be pasted whole, is the story of the
//! README, and works at once. `payterms seed` makes the same of any sandbox tenant, and again
//! changes nothing.

use crate::{
    clients::{beside_python, has},
    guides::{END, missing},
    invariants,
    rig::BINARY,
    verify::payterms,
};
use payterms_proto::{
    invoicing::v1::{
        CreateTenantRequest, ListApiKeysRequest, ListCustomersRequest, ListInvoicesRequest, Tenant,
    },
    wallet::v1::{ListPaymentMethodsRequest, ListWalletsRequest},
};
use payterms_suite::{client::request_id, sandbox};
use payterms_testkit::{World, on_both};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

on_both!(any_sandbox_is_seeded_and_again_changes_nothing,);

/// Ends the suite with the test, whatever comes of it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The block of the README that shows the story, and what it says of the answers.
fn readme() -> (String, String) {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, rest) = text
        .split_once("\n```sh\ncd \"$(mktemp -d)\"\n")
        .expect("the story begins in a folder of its own");
    let (story, rest) = rest.split_once("\n```\n").unwrap();
    let (_, rest) = rest.split_once("```text\n").expect("what to look for stands below");
    (format!("cd \"$(mktemp -d)\"\n{story}\n"), rest.split_once("\n```").unwrap().0.to_owned())
}

#[test]
fn the_banner_is_pasted_and_is_the_story_of_the_readme() {
    let (story, expected) = readme();
    assert_eq!(story, sandbox::STORY, "the README and the banner tell one story");
    assert!(story.lines().all(|line| line.len() <= 80), "its lines fit a terminal");
    let mut suite = Command::new(BINARY);
    suite.args(["--ephemeral", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut suite = Ended(suite.spawn().unwrap());
    let printed = BufReader::new(suite.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut lines = Vec::new();
    for line in printed {
        let is_last = line.starts_with("# Ready");
        lines.push(line);
        if is_last {
            break;
        }
    }
    let banner = lines.join("\n");
    for part in [
        "/mail",
        "docs/guides/README.md",
        "openapi.json",
        "export GATEWAY=http://127.0.0.1:",
        "export INVOICE=tenants/acme/",
    ] {
        assert!(banner.contains(part), "{part}: {banner}");
    }
    let tokens: Vec<_> =
        lines.iter().filter_map(|line| line.strip_prefix("export ")?.split_once("=ey")).collect();
    assert_eq!(tokens.len(), 8);
    for (role, token) in &tokens {
        assert_eq!(banner.matches(token).count(), 1, "the token of {role} is there once");
    }
    if !["bash", "curl", "python3"].iter().all(|program| has(program, "--version")) {
        return;
    }
    // Who has no grpcurl sees all but its line.
    let grpcurl = beside_python("grpcurl")
        .map_or_else(|| "true".to_owned(), |program| program.display().to_string());
    let grpcurl_is = format!("grpcurl() {{ command {grpcurl} \"$@\"; }}\n");
    let bash = Command::new("bash")
        .arg("-c")
        .arg(format!("exec 2>&1\nset -eu\n{grpcurl_is}{banner}\necho '{END}'"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&bash.stdout);
    assert_eq!(
        missing(&expected, &said),
        None,
        "the README expects\n{expected}\nand the banner says\n{said}"
    );
    assert!(bash.status.success() && said.contains(END), "{said}");
}

async fn any_sandbox_is_seeded_and_again_changes_nothing(world: &World) {
    let create = |slug: &str, sandbox: bool| {
        let (display_name, country, time_zone) =
            ("Kiwi Ltd".to_owned(), "NZ".to_owned(), "Pacific/Auckland".to_owned());
        let tenant = Tenant { display_name, country, time_zone, sandbox, ..Tenant::default() };
        CreateTenantRequest {
            request_id: request_id(),
            tenant_id: slug.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        }
    };
    let operator = world.someone("OPERATOR", None);
    for (slug, is_sandbox) in [("kiwi", true), ("for-real", false)] {
        operator.tenants().create_tenant(create(slug, is_sandbox)).await.unwrap();
    }
    let (first, beside) =
        tokio::join!(payterms(world, &["seed", "kiwi"]), payterms(world, &["seed", "kiwi"]));
    assert_eq!((first.0, first.2.as_str()), (0, ""));
    assert_eq!(beside, first, "two who seed at once make one");
    assert_eq!(payterms(world, &["seed", "kiwi"]).await, first, "again changes nothing");
    assert_eq!(
        first.1.lines().filter(|line| line.starts_with("export ")).count(),
        4,
        "{}",
        first.1
    );
    let owner = world.of_tenant("kiwi", "OWNER", None);
    let customers =
        ListCustomersRequest { parent: "tenants/kiwi".to_owned(), ..Default::default() };
    let customers =
        owner.customers().list_customers(customers).await.unwrap().into_inner().customers;
    let [customer] = customers.as_slice() else { panic!("one customer: {customers:?}") };
    let invoices = ListInvoicesRequest { parent: customer.name.clone(), ..Default::default() };
    assert_eq!(
        owner.invoices().list_invoices(invoices).await.unwrap().into_inner().invoices.len(),
        1
    );
    let wallets = ListWalletsRequest { parent: customer.name.clone(), ..Default::default() };
    assert_eq!(owner.wallets().list_wallets(wallets).await.unwrap().into_inner().wallets.len(), 1);
    let methods = ListPaymentMethodsRequest { parent: customer.name.clone(), ..Default::default() };
    assert!(
        !owner
            .methods()
            .list_payment_methods(methods)
            .await
            .unwrap()
            .into_inner()
            .payment_methods
            .is_empty()
    );
    let keys = ListApiKeysRequest { parent: "tenants/kiwi".to_owned(), ..Default::default() };
    let keys = owner.api_keys().list_api_keys(keys).await.unwrap().into_inner().api_keys;
    assert!(
        keys.iter().all(|key| key.revoke_time.is_some()),
        "no key is left that counts: {keys:?}"
    );
    let (code, _, err) = payterms(world, &["seed", "for-real"]).await;
    assert_eq!((code, err.contains("is no sandbox")), (1, true), "{err}");
    invariants::hold(world).await;
}
