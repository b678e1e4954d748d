//! One trace spans gateway, service, outbox and inbox, and arrives at a collector by OTLP.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use payterms_suite::{client::request_id, shop};
use payterms_testkit::{
    process::{Process, free_address, someone},
    world::{customer_of, wallet_of},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tonic::{Request, Response, Status, transport::Server};

/// Keeps what it is sent.
#[derive(Debug, Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        self.0.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_gateway_wallet_outbox_and_inbox() {
    let collector = Collector::default();
    let (otlp, gateway, provider) = (free_address(), free_address(), free_address());
    tokio::spawn(Server::builder().add_service(TraceServiceServer::new(collector.clone())).serve(otlp));
    let folder = tempfile::tempdir().unwrap();
    let binary = env!("CARGO_BIN_EXE_payterms-under-test");
    let _simulator = Process::simulator(binary, folder.path(), provider, gateway);
    let otlp = format!("--otlp-endpoint=http://{otlp}");
    let _suite = Process::suite_with(binary, folder.path(), (gateway, provider), &[otlp, "--log=info".to_owned()]);
    let owner = someone(folder.path(), gateway, "OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let customer = customer_of(&owner, "acme", "GB").await;
    let wallet = wallet_of(&someone(folder.path(), gateway, "SERVICE", None), &customer, "USD").await;
    let admin = someone(folder.path(), gateway, "CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, gateway, &customer, "tok_visa").await.unwrap().unwrap();
    let request = payterms_proto::wallet::v1::CreateTopUpRequest {
        request_id: request_id(),
        wallet,
        amount: payterms_suite::client::amount("USD", 20, 0),
        ..Default::default()
    };
    admin.top_ups().create_top_up(request).await.unwrap();
    let whole = |spans: &[Span]| {
        let mut by_trace: HashMap<Vec<u8>, Vec<&Span>> = HashMap::new();
        for span in spans {
            by_trace.entry(span.trace_id.clone()).or_default().push(span);
        }
        by_trace.values().any(|trace| {
            let is_top_up = |span: &&&Span| {
                let named = |value: &str| format!("{:?}", span.attributes).contains(value);
                span.name == "call" && named("TopUpService/CreateTopUp")
            };
            trace.iter().filter(is_top_up).count() == 2 && trace.iter().any(|span| span.name == "inbox")
        })
    };
    for _ in 0..150 {
        if whole(&collector.0.lock().unwrap()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let names: Vec<_> = collector.0.lock().unwrap().iter().map(|span| (span.name.clone(), format!("{:?}", span.trace_id))).collect();
    panic!("no trace has the call at gateway and wallet and the event at its consumer: {names:?}");
}
