//! Alerts: they ask for metrics that there are, the runbook has a section for each, and Prometheus
//! reads their metrics and fires them when it should.

use crate::metrics::{Measured, metrics_in, read};
use payterms_suite::shop;
use payterms_testkit::{
    broker::Broker,
    certificates::{Authority, DOOR},
    process::{Process, free_address},
    world::{customer_of, wallet_of},
};
use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

#[test]
fn every_alert_asks_for_metrics_of_the_page_and_has_a_section_in_the_runbook() {
    assert!(!metrics_in("k8s/components/monitoring/alerts.yaml").is_empty());
    let (alerts, runbook) = (
        read("k8s/components/monitoring/alerts.yaml"),
        read("docs/runbooks/alerts.md").to_lowercase(),
    );
    let anchors: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.split_once("alerts.md#").map(|(_, anchor)| anchor))
        .collect();
    assert_eq!(anchors.len(), alerts.matches("- alert:").count(), "each alert names its section");
    for anchor in anchors {
        assert!(
            runbook.contains(&format!("\n## {}\n", anchor.replace('-', " "))),
            "no section {anchor}"
        );
    }
}

/// The program, if it is installed. Where `CI` is set it must be.
fn installed(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{program} is not installed: apt-get install prometheus"
    );
    if !found {
        eprintln!("{program} is not installed, so nothing is tested with it");
    }
    found
}

/// A process that ends with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The rules of the alerts alone, as Prometheus itself reads them.
fn rules(folder: &Path) -> PathBuf {
    let alerts = read("k8s/components/monitoring/alerts.yaml");
    let (_, groups) = alerts.split_once("\nspec:\n").unwrap();
    let file = folder.join("rules.yaml");
    fs::write(
        &file,
        groups
            .lines()
            .map(|line| line.strip_prefix("  ").unwrap_or(line))
            .collect::<Vec<_>>()
            .join("\n")
            + "\n",
    )
    .unwrap();
    file
}

/// A gateway whose lines have TLS, and where its metrics are read: the suite in one process has no
/// certificates.
async fn guarded(folder: &Path, keys: &Path) -> (Process, SocketAddr) {
    let authority = Authority::new("parts");
    for (place, name) in [("part", "gateway"), ("door", DOOR)] {
        authority.issue(&folder.join(place), &[name]);
    }
    fs::write(folder.join("part/ca.crt"), authority.pem()).unwrap();
    let metrics = free_address();
    let of = |flag: &str, place: PathBuf| format!("--{flag}={}", place.display());
    let arguments = [
        of("keys", keys.to_owned()),
        of("jwks", keys.join("jwks.json")),
        of("tls", folder.join("part")),
        of("door-tls", folder.join("door")),
        format!("--metrics={metrics}"),
        "--mode=development".to_owned(),
    ];
    (
        Process::service(
            env!("CARGO_BIN_EXE_payterms-under-test"),
            "gateway",
            free_address(),
            &arguments,
            &[],
        )
        .await,
        metrics,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_every_metric_of_the_alerts() {
    if !installed("prometheus") {
        return;
    }
    let Some(broker) = Broker::start().await else { return };
    let measured = Measured::start(None, &[broker.option()]).await;
    let owner = measured.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let customer = customer_of(&owner, "acme", "GB").await;
    wallet_of(&measured.someone("SERVICE", None), &customer, "USD").await;
    shop::save_card(
        &measured.someone("CUSTOMER_ADMIN", Some(&customer)),
        measured.gateway,
        &customer,
        "tok_visa",
    )
    .await
    .unwrap()
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = rules(folder.path());
    let (config, at) = (folder.path().join("prometheus.yaml"), free_address());
    let (_guarded, with_certificates) =
        guarded(folder.path(), &measured.folder.path().join("keys")).await;
    let targets = format!("'{}', '{with_certificates}'", measured.metrics);
    let scrape = format!(
        "scrape_configs: [{{job_name: payterms, static_configs: [{{targets: [{targets}]}}]}}]"
    );
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n{scrape}\n",
        file.display()
    );
    fs::write(&config, text).unwrap();
    let mut prometheus = Command::new("prometheus");
    prometheus
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
    prometheus
        .arg(format!("--web.listen-address={at}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _prometheus = Ended(prometheus.spawn().unwrap());
    let mut missing = metrics_in("k8s/components/monitoring/alerts.yaml");
    let client = reqwest::Client::new();
    for _ in 0..300 {
        let mut still = BTreeSet::new();
        for name in missing {
            let answer = client.get(format!("http://{at}/api/v1/query?query={name}")).send().await;
            let body = match answer {
                Ok(answer) => answer.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if !body.contains("\"value\":") {
                still.insert(name);
            }
        }
        missing = still;
        if missing.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(missing.is_empty(), "Prometheus has no {missing:?}");
    let ends = client
        .get(format!("http://{at}/api/v1/query?query=payterms_certificates_remaining_seconds"))
        .send()
        .await;
    let ends = ends.unwrap().text().await.unwrap();
    for purpose in ["part", "authority", "door"] {
        assert!(ends.contains(&format!("\"payterms_certificate\":\"{purpose}\"")), "{ends}");
    }
    let rules =
        client.get(format!("http://{at}/api/v1/rules")).send().await.unwrap().text().await.unwrap();
    assert!(
        rules.contains("PaytermsLedgerImbalance") && !rules.contains("\"health\":\"err\""),
        "{rules}"
    );
}

#[test]
fn the_alerts_fire_when_they_should() {
    if !installed("promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    rules(folder.path());
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("monitoring/alerts.yaml"),
        folder.path().join("tests.yaml"),
    )
    .unwrap();
    let played = Command::new("promtool")
        .args(["test", "rules", "tests.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(
        played.status.success(),
        "{}{}",
        String::from_utf8_lossy(&played.stdout),
        String::from_utf8_lossy(&played.stderr)
    );
}
