//! One trace spans gateway, service, outbox, inbox and mail, and arrives at a collector by OTLP;
//! how many begin is an option.

use crate::rig::{BINARY, Rig, Services, until};
use payterms_proto::{
    common::v1::ListOpenFlowsRequest,
    wallet::v1::{CreateTopUpRequest, GetBalanceRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    certificates::Authority,
    collector::Collector,
    process::{Process, free_address, someone},
    security::Security,
    world::{customer_of, wallet_of},
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tonic::{Code, Request};

/// A suite whose spans a collector gets.
struct Traced {
    collector: Collector,
    admin: Session,
    wallet: String,
    processes: (Process, Process, tempfile::TempDir),
}

async fn traced(ratio: &str) -> Traced {
    let (collector, otlp) = Collector::start();
    let (gateway, provider) = (free_address(), free_address());
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_payterms-under-test");
    let simulator = Process::simulator(binary, folder.path(), provider, gateway).await;
    // What is logged is another matter.
    let options = [otlp, format!("--trace-ratio={ratio}"), "--log=error".to_owned()];
    let suite = Process::suite_with(binary, folder.path(), gateway, provider, &options).await;
    let owner = someone(folder.path(), gateway, "OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let customer = customer_of(&owner, "acme", "GB").await;
    let wallet =
        wallet_of(&someone(folder.path(), gateway, "SERVICE", None), &customer, "USD").await;
    let admin = someone(folder.path(), gateway, "CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, gateway, &customer, "tok_visa").await.unwrap().unwrap();
    Traced { collector, admin, wallet, processes: (simulator, suite, folder) }
}

impl Traced {
    fn top_up(&self) -> CreateTopUpRequest {
        CreateTopUpRequest {
            request_id: request_id(),
            wallet: self.wallet.clone(),
            amount: amount("USD", 20, 0),
            ..Default::default()
        }
    }

    /// Waits for a trace of a top-up that has the call at gateway and wallet, the event at its
    /// consumer, and the mail with its receipt.
    async fn arrives(&self) {
        for _ in 0..150 {
            let mut by_trace: HashMap<Vec<u8>, Vec<(String, bool)>> = HashMap::new();
            for span in self.collector.spans().iter() {
                let top_up = span.name == "call"
                    && format!("{:?}", span.attributes).contains("TopUpService/CreateTopUp");
                by_trace
                    .entry(span.trace_id.clone())
                    .or_default()
                    .push((span.name.clone(), top_up));
            }
            let whole = |trace: &Vec<(String, bool)>| {
                let has = |wanted: &str| trace.iter().any(|(name, _)| name == wanted);
                trace.iter().filter(|(_, top_up)| *top_up).count() == 2
                    && has("inbox")
                    && has("mail")
            };
            if by_trace.values().any(whole) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "no trace has the call at gateway and wallet, the event at its consumer and the mail: {:?}",
            self.collector.spans()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_gateway_wallet_outbox_inbox_and_mail() {
    let this_traced = traced("1").await;
    this_traced.admin.top_ups().create_top_up(this_traced.top_up()).await.unwrap();
    this_traced.arrives().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_the_caller_began_is_kept_where_none_begins_here() {
    let this_traced = traced("0").await;
    let read = GetBalanceRequest { name: this_traced.wallet.clone(), as_of: None };
    this_traced.admin.wallets().get_balance(read).await.unwrap();
    this_traced.admin.top_ups().create_top_up(this_traced.top_up()).await.unwrap();
    let mut request = Request::new(this_traced.top_up());
    let (trace, header) = ([0x4b; 16], format!("00-{}-00f067aa0ba902b7-01", "4b".repeat(16)));
    request.metadata_mut().insert("traceparent", header.parse().unwrap());
    this_traced.admin.top_ups().create_top_up(request).await.unwrap();
    this_traced.arrives().await;
    let traces: HashSet<_> =
        this_traced.collector.spans().iter().map(|span| span.trace_id.clone()).collect();
    assert_eq!(traces, HashSet::from([trace.to_vec()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_arrive_at_the_collector_at_the_latest_when_the_process_ends() {
    let mut this_traced = traced("1").await;
    this_traced.processes.1.terminate();
    this_traced.processes.1.wait_for_end();
    let metrics = this_traced.collector.metrics().clone();
    for name in
        ["rpc.server.call.duration", "db.client.connection.max", "payterms.provider.call.duration"]
    {
        assert!(metrics.contains(name), "{metrics:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_of_a_service_that_is_away_has_the_trace_of_the_call() {
    let authority = Authority::new("parts");
    let json = vec!["--log-format=json".to_owned()];
    let mut services =
        Services::secured_with(Rig::start(BINARY, None, &[]).await, Security::of(&authority), json)
            .await;
    services.stop("wallet");
    let operator =
        services.security().someone(&authority, services.at("gateway"), "OPERATOR", None);
    let (trace, mut request) = ("4b".repeat(16), Request::new(ListOpenFlowsRequest::default()));
    request
        .metadata_mut()
        .insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    assert_eq!(
        operator.operations("wallet").list_open_flows(request).await.unwrap_err().code(),
        Code::Unavailable
    );
    let says = "a service does not answer";
    let logged =
        until(async || Ok(services.logged("gateway")), |logged| logged.contains(says)).await;
    let line = logged.lines().find(|line| line.contains(says)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["spans"][0]["trace_id"].as_str(), Some(trace.as_str()), "{line}");
}
