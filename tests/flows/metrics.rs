//! Metrics: Prometheus reads them from a running suite, they say what the API says, and the pages
//! name those that there are.

use crate::wallets::debit;
use payterms_proto::wallet::v1::GrantCreditRequest;
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    postgres,
    process::{Process, free_address, someone},
    world::{customer_of, wallet_of},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A suite whose metrics can be read.
pub(crate) struct Measured {
    pub metrics: SocketAddr,
    pub gateway: SocketAddr,
    pub folder: tempfile::TempDir,
    _processes: (Process, Process),
}

impl Measured {
    pub(crate) async fn start(postgres: Option<&str>, more: &[String]) -> Self {
        let (gateway, provider, metrics) = (free_address(), free_address(), free_address());
        let folder = tempfile::tempdir().unwrap();
        let binary = env!("CARGO_BIN_EXE_payterms-under-test");
        let simulator = Process::simulator(binary, folder.path(), provider, gateway).await;
        let options =
            [&[format!("--metrics={metrics}"), "--figures-seconds=1".to_owned()], more].concat();
        let suite =
            Process::suite(binary, folder.path(), gateway, provider, postgres, None, &options)
                .await;
        Self { metrics, gateway, folder, _processes: (simulator, suite) }
    }

    pub(crate) fn someone(&self, role: &str, customer: Option<&str>) -> Session {
        someone(self.folder.path(), self.gateway, role, customer)
    }

    /// The samples by name and labels, as Prometheus reads them.
    async fn scrape(&self) -> BTreeMap<String, f64> {
        let text = reqwest::get(format!("http://{}/metrics", self.metrics))
            .await
            .unwrap()
            .error_for_status()
            .unwrap()
            .text()
            .await
            .unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect()
    }

    /// Waits until samples have these values.
    async fn shows(&self, wanted: &[(&str, f64)]) {
        let mut seen = BTreeMap::new();
        for _ in 0..300 {
            seen = self.scrape().await;
            if wanted.iter().all(|(name, value)| {
                seen.get(*name).is_some_and(|seen| seen.to_string() == value.to_string())
            }) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{wanted:?} are not among {seen:#?}");
    }
}

async fn figures_are_those_of_the_api(postgres: Option<&str>) {
    let measured = Measured::start(postgres, &[]).await;
    let owner = measured.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let customer = customer_of(&owner, "acme", "GB").await;
    let service = measured.someone("SERVICE", None);
    let wallet = wallet_of(&service, &customer, "JPY").await;
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("JPY", 500, 0),
        ..Default::default()
    };
    measured.someone("STAFF", None).lots().grant_credit(grant).await.unwrap();
    let request = debit(&wallet, amount("JPY", 120, 0));
    service.postings().post_debit(request.clone()).await.unwrap();
    service.postings().post_debit(request).await.unwrap();
    let call = "rpc_method=\"payterms.wallet.v1.PostingService/PostDebit\"";
    let calls = |part: &str| {
        format!(
            "rpc_server_call_duration_seconds_count{{payterms_part=\"{part}\",{call},rpc_response_status_code=\"OK\",rpc_system_name=\"grpc\"}}"
        )
    };
    measured
        .shows(&[
            (
                "payterms_credit_outstanding{payterms_currency=\"JPY\",payterms_part=\"wallet\"}",
                380.0,
            ),
            ("payterms_credit_held{payterms_currency=\"JPY\",payterms_part=\"wallet\"}", 0.0),
            ("payterms_credit_owed{payterms_currency=\"JPY\",payterms_part=\"wallet\"}", 0.0),
            ("payterms_ledger_imbalance{payterms_currency=\"JPY\",payterms_part=\"wallet\"}", 0.0),
            ("payterms_requests_replayed_total", 1.0),
            ("payterms_inbox_dead_letters{payterms_part=\"credit\"}", 0.0),
            (&calls("gateway"), 2.0),
            (&calls("wallet"), 2.0),
        ])
        .await;
    // What a caller invents is one label.
    let invented =
        format!("http://{}/payterms.wallet.v1.PostingService/Invented", measured.gateway);
    reqwest::Client::new()
        .post(invented)
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .unwrap();
    let seen = measured.scrape().await;
    assert!(
        !seen.keys().any(|name| name.contains("Invented")
            || name.contains("acme")
            || name.contains(&customer)),
        "{seen:#?}"
    );
    let (pages, _) = page();
    let family = |name: &String| {
        let name = name.split('{').next().unwrap_or_default();
        metric_of(name, &pages).unwrap_or(name).to_owned()
    };
    let families: BTreeSet<_> =
        seen.keys().map(family).filter(|name| name != "target_info").collect();
    let missing: Vec<_> = families.difference(&pages).collect();
    assert!(missing.is_empty(), "docs/metrics.md does not have {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_those_of_the_api_on_sqlite() {
    figures_are_those_of_the_api(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_those_of_the_api_on_postgres() {
    if let Some(place) = postgres::database().await {
        figures_are_those_of_the_api(Some(&place)).await;
    }
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The words in a text that begin like the names of our metrics and labels.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| {
        !(letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
    });
    let ours = words.filter(|word| {
        ["payterms_", "rpc_", "db_client_"].iter().any(|begin| word.starts_with(begin))
    });
    ours.map(str::to_owned).collect()
}

/// The metrics of docs/metrics.md, which are in the first column of its tables, and the labels,
/// which are in the others.
fn page() -> (BTreeSet<String>, BTreeSet<String>) {
    let text = read("docs/metrics.md");
    let rows: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | ")).collect();
    let metrics = rows.iter().flat_map(|(first, _)| names_in(first)).collect();
    (metrics, rows.iter().flat_map(|(_, rest)| names_in(rest)).collect())
}

/// The metric that a series belongs to: a histogram has three.
fn metric_of<'a>(series: &'a str, metrics: &BTreeSet<String>) -> Option<&'a str> {
    let bare = ["_bucket", "_sum", "_count"].iter().filter_map(|end| series.strip_suffix(end));
    [series].into_iter().chain(bare).find(|name| metrics.contains(*name))
}

/// The series that a file asks for, without labels.
pub(crate) fn metrics_in(file: &str) -> BTreeSet<String> {
    let (metrics, labels) = page();
    let text = read(file);
    let queries =
        text.lines().filter(|line| !line.contains("summary:")).collect::<Vec<_>>().join("\n");
    let asked: BTreeSet<_> = names_in(&queries).difference(&labels).cloned().collect();
    let unknown: Vec<_> = asked.iter().filter(|name| metric_of(name, &metrics).is_none()).collect();
    assert!(unknown.is_empty(), "{file} asks for {unknown:?}, which docs/metrics.md does not have");
    asked
}

#[test]
fn the_dashboard_shows_every_metric_of_money_and_queues() {
    let shown = metrics_in("k8s/components/monitoring/dashboard.json");
    let (metrics, _) = page();
    let hidden = [
        "payterms_requests_replayed_total",
        "payterms_batch_duration_seconds",
        "payterms_jobs_due",
        "payterms_flows_open",
    ];
    let ours = metrics
        .iter()
        .filter(|name| name.starts_with("payterms_") && !name.starts_with("payterms_database_"));
    let missing: Vec<_> = ours
        .filter(|name| {
            !hidden.contains(&name.as_str()) && !shown.iter().any(|shown| shown.starts_with(*name))
        })
        .collect();
    assert!(missing.is_empty(), "the dashboard has no {missing:?}");
}

#[test]
fn no_panel_of_the_dashboard_hides_another() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&read("k8s/components/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for of in ["id", "gridPos"] {
        let all: BTreeSet<_> = panels.iter().map(|panel| panel[of].to_string()).collect();
        assert_eq!(all.len(), panels.len(), "{of} is that panel's alone: {all:?}");
    }
}

/// The names of metrics in the sources, as Prometheus shows them.
fn names_in_sources() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> =
        ["crates/chassis/src", "services"].iter().map(|folder| root.join(folder)).collect();
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|kind| kind == "rs") {
                let text = fs::read_to_string(&entry).unwrap();
                let literals = text.split('"').filter(|literal| {
                    let ours = ["payterms.", "rpc.server.", "db.client.connection."]
                        .iter()
                        .any(|begin| literal.starts_with(begin));
                    ours && literal
                        .chars()
                        .all(|letter| letter.is_ascii_lowercase() || letter == '.' || letter == '_')
                });
                names.extend(literals.map(|name| name.replace('.', "_")));
            }
        }
    }
    names
}

#[test]
fn every_metric_of_the_page_is_in_the_sources() {
    let sources = names_in_sources();
    let units = ["_seconds", "_total"];
    let bare = |name: &String| {
        units.iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name).to_owned()
    };
    let unknown: Vec<_> = page()
        .0
        .into_iter()
        .filter(|name| !sources.contains(&bare(name)) && !sources.contains(name))
        .collect();
    assert!(unknown.is_empty(), "docs/metrics.md has {unknown:?}, which no source has");
}
