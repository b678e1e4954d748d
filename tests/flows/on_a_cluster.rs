//! docs/deploying.md as its reader follows it, up to a running cluster: each block runs as it
//! stands, beside stand-ins for the registry, the database's server and the cluster. What `kubectl`
//! and `helm` can do without a cluster they do: objects are made of the files that are named,
//! overlays and the chart are rendered.

use crate::{
    clients::has,
    guides::{Block, blocks_of},
    on_a_machine::program,
};
use payterms_testkit::certificates::Authority;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const DIGEST: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";
const KUBECTL: &str = r#"case " $* " in
  *" create "*) exec "$KUBECTL" "$@" --dry-run=client -o name ;;
  *" apply -k "*) exec "$KUBECTL" kustomize "${@: -1}" ;;
  *" apply -f "*) exec test -s "${@: -1}" ;;
esac"#;

/// A program that CI names in the environment.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn named(variable: &str, program: &str) -> Option<String> {
    let found = std::env::var(variable).unwrap_or_else(|_| program.to_owned());
    let is_there = Command::new(&found)
        .arg("version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    assert!(
        is_there || std::env::var("CI").is_err(),
        "{program} is not to be had ({variable}), and CI is set"
    );
    is_there.then_some(found)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The block in which something stands, and its place.
fn place_of(page: &[Block], text: &str) -> usize {
    page.iter()
        .position(|block| block.shell.contains(text))
        .unwrap_or_else(|| panic!("no block has {text}"))
}

#[test]
fn the_first_calls_are_those_that_were_tried_on_a_machine() {
    let [cluster, machine] = ["deploying.md", "deploying-on-a-machine.md"]
        .map(|page| blocks_of(&root().join("docs").join(page)));
    let calls = |page: &[Block]| page[place_of(page, "CreateTenant '")].shell.clone();
    assert_eq!(calls(&cluster), calls(&machine));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "programs are looked for where the test's own are")]
fn the_page_leads_from_a_checkout_to_the_objects_of_a_cluster() {
    let (Some(kubectl), Some(helm)) = (named("KUBECTL", "kubectl"), named("HELM", "helm")) else {
        return;
    };
    if !["bash", "python3", "openssl"].iter().all(|program| has(program, "--version")) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let [checkout, stand_ins] = ["checkout", "stand-ins"].map(|name| scratch.path().join(name));
    fs::create_dir(&checkout).unwrap();
    // A copy of the manifests, since kustomize follows no link out of its root.
    let copied =
        Command::new("cp").arg("-R").arg(root().join("k8s")).arg(&checkout).status().unwrap();
    assert!(copied.success());
    symlink(root().join("proto"), checkout.join("proto")).unwrap();
    // What the reader brings along.
    let authority = Authority::new("yours");
    authority.issue(&checkout.join("door"), &["payments.example"]);
    for file in ["database-ca.crt", "nats-ca.crt"] {
        fs::write(checkout.join(file), authority.pem()).unwrap();
    }
    program(&stand_ins, "docker", &format!("case $* in *imagetools*) echo {DIGEST} ;; esac"));
    program(&stand_ins, "cargo", "exit 0");
    program(&stand_ins, "psql", "cat >/dev/null");
    program(&stand_ins, "kubectl", KUBECTL);
    program(&stand_ins, "helm", "exec \"$HELM\" template payterms k8s/chart \"${@:5}\"");

    let page = blocks_of(&root().join("docs/deploying.md"));
    let (first, running) = (place_of(&page, "export REGISTRY="), place_of(&page, "operate health"));
    let blocks =
        page[first..running].iter().chain([&page[place_of(&page, "helm upgrade --install")]]);
    let script = blocks.map(|block| block.shell.as_str()).collect::<Vec<_>>().join("\n");
    let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg("-c")
        .arg(format!("exec 2>&1\nset -eu\n{script}"))
        .current_dir(&checkout)
        .stdin(Stdio::null());
    let run = bash.env("PATH", path).env("KUBECTL", kubectl).env("HELM", helm).output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{}", said.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
    for made in [
        "secret/payterms-wallet-key",
        "secret/payterms-door-tls",
        "secret/payterms-plans-database",
        "secret/payterms-credit-bus",
    ] {
        assert!(said.contains(made), "{made}: {said}");
    }
    // Once by the overlay, once by the chart: the four services and the gateway, and four
    // migrations.
    for (text, times) in [
        (DIGEST, 18),
        ("tls://nats.nats:4222", 8),
        ("cidr: 10.20.0.0/16", 10),
        ("cidr: 172.16.0.0/12", 0),
    ] {
        assert_eq!(said.matches(text).count(), times, "{text}");
    }
}
