//! The suite over plain HTTP: JSON and protobuf by the Connect protocol, streams in envelopes, and
//! what HTTP says of what is no call.

use crate::{invariants, wallets::grant};
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{GetWalletRequest, GetWalletResponse},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{Database, World, on_both, people::person};
use prost::Message;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

on_both!(
    a_call_with_json_does_what_the_same_call_does_in_grpc,
    a_key_makes_a_repeated_call_one_effect,
    a_refusal_has_its_status_and_its_details,
    what_is_no_message_changes_nothing,
    streams_begin_and_end_in_envelopes,
);

pub(crate) const POST_DEBIT: &str = "payterms.wallet.v1.PostingService/PostDebit";
pub(crate) const GET_WALLET: &str = "payterms.wallet.v1.WalletService/GetWallet";
pub(crate) const RECORD_STREAM: &str = "payterms.wallet.v1.UsageService/RecordUsageStream";

/// Someone who has an HTTP library and a token.
pub(crate) struct Curl {
    pub(crate) client: Client,
    pub(crate) gateway: String,
    pub(crate) token: String,
}

impl Curl {
    pub(crate) fn of(world: &World, role: &str, customer: Option<&str>) -> Self {
        let token = world.suite.token(&person("acme", role, customer), 600).unwrap();
        Self { client: Client::new(), gateway: format!("http://{}", world.suite.gateway), token }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}/{path}", self.gateway)).bearer_auth(&self.token)
    }

    pub(crate) fn post(
        &self,
        path: &str,
        kind: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        self.request(Method::POST, path).header("content-type", kind).body(body)
    }

    pub(crate) async fn json(&self, path: &str, message: &Value) -> (StatusCode, Value) {
        read(self.post(path, "application/json", message.to_string())).await
    }
}

pub(crate) async fn read(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let (status, bytes) = (answer.status(), answer.bytes().await.unwrap());
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}")))
}

/// The reason and the metadata of an error object.
pub(crate) fn info(error: &Value) -> &Value {
    let details = error["details"].as_array().unwrap();
    details
        .iter()
        .find(|detail| detail["type"] == "google.rpc.ErrorInfo")
        .map(|detail| &detail["debug"])
        .unwrap()
}

fn debit(wallet: &str, units: &str) -> Value {
    json!({ "requestId": request_id(), "wallet": wallet, "amount": { "currencyCode": "USD", "units": units }, "description": "a call" })
}

async fn posted(world: &World, wallet: &str) -> Option<Money> {
    let request = GetWalletRequest { name: wallet.to_owned() };
    let answer =
        world.someone("STAFF", None).wallets().get_wallet(request).await.unwrap().into_inner();
    answer.wallet.unwrap().balance.unwrap().posted
}

async fn a_call_with_json_does_what_the_same_call_does_in_grpc(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let (service, staff) = (Curl::of(world, "SERVICE", None), Curl::of(world, "STAFF", None));
    let (status, answer) = service.json(POST_DEBIT, &debit(&wallet, "3")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(posted(world, &wallet).await, amount("USD", 7, 0));
    // Names of fields may also be written as in the protos; what comes back is written as JSON has
    // it.
    let snake = json!({ "request_id": request_id(), "wallet": wallet, "amount": { "currency_code": "USD", "units": 2 } });
    assert_eq!(service.json(POST_DEBIT, &snake).await.0, StatusCode::OK);
    let (status, answer) = staff.json(GET_WALLET, &json!({ "name": wallet })).await;
    assert_eq!(
        (status, &answer["wallet"]["balance"]["posted"]),
        (StatusCode::OK, &json!({ "currencyCode": "USD", "units": "5" }))
    );
    let asked = GetWalletRequest { name: wallet.clone() }.encode_to_vec();
    let answer = staff.post(GET_WALLET, "application/proto", asked).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["content-type"].as_bytes()),
        (StatusCode::OK, &b"application/proto"[..])
    );
    let read = GetWalletResponse::decode(answer.bytes().await.unwrap()).unwrap().wallet.unwrap();
    assert_eq!(read.balance.unwrap().posted, amount("USD", 5, 0));
    invariants::hold(world).await;
}

async fn a_key_makes_a_repeated_call_one_effect(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = Curl::of(world, "SERVICE", None);
    let without_id = json!({ "wallet": wallet, "amount": { "currencyCode": "USD", "units": "3" }, "description": "a call" });
    let with_key = |key: &str, message: &Value| {
        service
            .post(POST_DEBIT, "application/json", message.to_string())
            .header("idempotency-key", key.to_owned())
    };
    let first = with_key("order 7", &without_id).send().await.unwrap();
    assert!(first.status() == 200 && !first.headers().contains_key("idempotent-replayed"));
    let again = with_key("order 7", &without_id).send().await.unwrap();
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(first.bytes().await.unwrap(), again.bytes().await.unwrap());
    assert_eq!(posted(world, &wallet).await, amount("USD", 7, 0));
    let (status, error) = read(with_key("order 7", &debit_of(&without_id, "4"))).await;
    assert_eq!(
        (status, info(&error)["reason"].as_str()),
        (StatusCode::BAD_REQUEST, Some("REQUEST_ID_REUSED")),
        "{error}"
    );
    let (status, error) = read(with_key("order 8", &debit(&wallet, "3"))).await;
    assert_eq!(
        (status, info(&error)["reason"].as_str()),
        (StatusCode::BAD_REQUEST, Some("REQUEST_ID_INVALID")),
        "{error}"
    );
    let (status, _) = read(with_key("order 8", &without_id)).await;
    assert_eq!((status, posted(world, &wallet).await), (StatusCode::OK, amount("USD", 4, 0)));
    let (status, _) =
        read(with_key("order 9", &without_id).header("idempotency-key", "order 10")).await;
    assert_eq!(
        (status, posted(world, &wallet).await),
        (StatusCode::BAD_REQUEST, amount("USD", 4, 0)),
        "two keys"
    );
    let (status, error) = service.json(POST_DEBIT, &without_id).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_argument")),
        "neither id nor key"
    );
    invariants::hold(world).await;
}

fn debit_of(message: &Value, units: &str) -> Value {
    let mut message = message.clone();
    message["amount"]["units"] = json!(units);
    message
}

async fn a_refusal_has_its_status_and_its_details(world: &World) {
    let (customer, wallet) = world.usual().await;
    let (service, member) =
        (Curl::of(world, "SERVICE", None), Curl::of(world, "MEMBER", Some(&customer)));
    let (status, error) = service.json(POST_DEBIT, &debit(&wallet, "3")).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("failed_precondition"))
    );
    assert_eq!(
        (info(&error)["reason"].as_str(), info(&error)["domain"].as_str()),
        (Some("INSUFFICIENT_FUNDS"), Some("payterms.dev"))
    );
    assert!(!info(&error)["metadata"].as_object().unwrap().is_empty(), "the figures: {error}");
    let (status, error) = service.json(POST_DEBIT, &json!({})).await;
    let violations = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .find(|detail| detail["type"] == "google.rpc.BadRequest")
        .unwrap();
    assert!(
        status == 400 && violations["debug"]["fieldViolations"].as_array().unwrap().len() > 2,
        "all at once: {error}"
    );
    let nobody = json!({ "name": format!("tenants/acme/customers/{}/wallets/{}", request_id(), request_id()) });
    assert_eq!(service.json(GET_WALLET, &nobody).await.0, StatusCode::NOT_FOUND);
    assert_eq!(member.json(POST_DEBIT, &debit(&wallet, "3")).await.0, StatusCode::FORBIDDEN);
    let late = service
        .post(GET_WALLET, "application/json", nobody.to_string())
        .header("connect-timeout-ms", "0");
    assert_eq!(read(late).await.0, StatusCode::GATEWAY_TIMEOUT);
    let malformed = service
        .post(GET_WALLET, "application/json", nobody.to_string())
        .header("connect-timeout-ms", "soon");
    assert_eq!(read(malformed).await.0, StatusCode::BAD_REQUEST);
    invariants::hold(world).await;
}

async fn what_is_no_message_changes_nothing(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = Curl::of(world, "SERVICE", None);
    let whole = debit(&wallet, "3").to_string();
    let with = |what: &str| whole.replacen('{', &format!("{{{what},"), 1);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let wrong = [
        String::new(),
        "[]".to_owned(),
        "null".to_owned(),
        whole.get(..whole.len() - 1).unwrap().to_owned(),
        format!("{whole}{whole}"),
        format!("{whole} more"),
        with("\"note\":\"a field that is not there\""),
        with("\"request_id\":\"twice\""),
        with(&format!("\"note\":{deep}")),
        with(&format!("\"amount\":{deep}")),
        whole.replace("\"3\"", "3.5"),
        whole.replace("\"3\"", "1e400"),
        whole.replace("\"3\"", "99999999999999999999999999"),
        whole.replace("\"3\"", "true"),
        whole.replace("\"3\"", "\"\\ud800\""),
        whole.replace("a call", "a \u{0} call"),
    ];
    for body in wrong {
        let shown: String = body.chars().take(120).collect();
        let (status, error) = read(service.post(POST_DEBIT, "application/json", body)).await;
        assert_eq!(
            (status, error["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("invalid_argument")),
            "{shown}: {error}"
        );
        assert!(error["details"][0]["type"].is_string(), "{shown}: {error}");
    }
    let bytes = service.post(POST_DEBIT, "application/json", vec![0xff, 0xfe, b'{', b'}']);
    assert_eq!(read(bytes).await.0, StatusCode::BAD_REQUEST);
    let bytes = service.post(POST_DEBIT, "application/proto", vec![0xff; 40]);
    assert_eq!(read(bytes).await.0, StatusCode::BAD_REQUEST);
    let zipped = service
        .post(POST_DEBIT, "application/json", whole.clone())
        .header("content-encoding", "gzip");
    assert_eq!(read(zipped).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let huge = service.post(
        POST_DEBIT,
        "application/json",
        with(&format!("\"note\":\"{}\"", "x".repeat(9 << 20))),
    );
    assert_eq!(read(huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    // Longer than a message may be in protobuf, though not as JSON.
    let long =
        service.post(POST_DEBIT, "application/json", whole.replace("a call", &"x".repeat(5 << 20)));
    assert_eq!(read(long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(posted(world, &wallet).await, amount("USD", 10, 0));
    invariants::hold(world).await;
}

/// A message behind its flags and its length.
pub(crate) fn envelope(flags: u8, message: &str) -> Vec<u8> {
    [&[flags][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message.as_bytes()]
        .concat()
}

/// The messages of an answer, with their flags.
pub(crate) async fn messages(answer: Response) -> Vec<(u8, Value)> {
    let (mut bytes, mut found) = (&answer.bytes().await.unwrap()[..], Vec::new());
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let (message, after) =
            rest.split_at(u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize);
        found.push((head[0], serde_json::from_slice(message).unwrap()));
        bytes = after;
    }
    found
}

async fn streams_begin_and_end_in_envelopes(world: &World) {
    let (customer, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = Curl::of(world, "SERVICE", None);
    let record = || {
        let price = json!({ "currencyCode": "USD", "nanos": 1_000_000 });
        let record = json!({ "requestId": request_id(), "wallet": wallet, "product": "sms", "quantity": { "value": "1" }, "unitPrice": price });
        json!({ "record": record }).to_string()
    };
    let send = |body: Vec<u8>| service.post(RECORD_STREAM, "application/connect+json", body).send();
    let answer = send((0..500).flat_map(|_| envelope(0, &record())).collect()).await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["content-type"].as_bytes()),
        (StatusCode::OK, &b"application/connect+json"[..])
    );
    let whole = messages(answer).await;
    assert_eq!((whole.len(), &whole[1]), (2, &(2, json!({}))), "{whole:?}");
    assert_eq!(posted(world, &wallet).await, amount("USD", 9, 50));
    for broken in [
        envelope(0, "{\"nothing\":1}"),
        envelope(1, &record()),
        envelope(2, &record()),
        vec![0, 0, 0, 1],
        envelope(0, "{"),
    ] {
        let said = messages(send(broken).await.unwrap()).await;
        assert_eq!(
            said.last().map(|(flags, end)| (*flags, end["error"]["code"].as_str())),
            Some((2, Some("invalid_argument"))),
            "{said:?}"
        );
    }
    assert_eq!(posted(world, &wallet).await, amount("USD", 9, 50));
    // A method with one message is called without an envelope, and one with a stream only in
    // envelopes.
    let (status, _) =
        read(service.post(POST_DEBIT, "application/connect+json", envelope(0, "{}"))).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _) = read(service.post(RECORD_STREAM, "application/json", record())).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let staff = Curl::of(world, "STAFF", None);
    let download = "payterms.invoicing.v1.DocumentService/DownloadDocuments";
    let asked = json!({ "parent": customer }).to_string();
    let answer =
        staff.post(download, "application/connect+json", envelope(0, &asked)).send().await.unwrap();
    let whole = messages(answer).await;
    assert_eq!(whole.last().map(|(flags, end)| (*flags, end)), Some((2, &json!({}))), "{whole:?}");
    let nobody = Curl { token: "none".to_owned(), ..Curl::of(world, "STAFF", None) };
    let answer = nobody
        .post(download, "application/connect+json", envelope(0, &asked))
        .send()
        .await
        .unwrap();
    assert_eq!(messages(answer).await[0].1["error"]["code"], "unauthenticated");
    invariants::hold(world).await;
}

/// What is no call gets the status that HTTP has for it, and never 200.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_call_is_refused_as_http_knows_it() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let staff = Curl::of(&world, "STAFF", None);
    let nobody = Curl { token: "none".to_owned(), ..Curl::of(&world, "STAFF", None) };
    let unknown = "payterms.wallet.v1.WalletService/GetNothing";
    let answer = nobody.post(GET_WALLET, "application/json", "{}").send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["www-authenticate"].as_bytes()),
        (StatusCode::UNAUTHORIZED, &b"Bearer"[..])
    );
    let answer = staff.request(Method::GET, GET_WALLET).send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["allow"].as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..])
    );
    let answer = staff.post(GET_WALLET, "text/plain", "{}").send().await.unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["accept-post"].to_str().unwrap()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "application/json, application/proto")
    );
    assert_eq!(
        staff.request(Method::POST, GET_WALLET).send().await.unwrap().status(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    for (request, expected) in [
        (staff.post(unknown, "application/json", "{}"), StatusCode::NOT_FOUND),
        (nobody.post(unknown, "application/json", "{}"), StatusCode::UNAUTHORIZED),
        (staff.request(Method::GET, unknown), StatusCode::NOT_FOUND),
        (staff.request(Method::GET, ""), StatusCode::NOT_FOUND),
        (staff.post("favicon.ico", "application/json", "{}"), StatusCode::NOT_FOUND),
        (staff.post("grpc.health.v1.Health/Check", "text/plain", "{}"), StatusCode::NOT_FOUND),
        (staff.request(Method::GET, "healthz"), StatusCode::OK),
        (staff.request(Method::GET, "readyz"), StatusCode::OK),
        (staff.request(Method::POST, "readyz"), StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(request.send().await.unwrap().status(), expected, "{shown}");
    }
    let (status, answer) =
        read(staff.post(GET_WALLET, "Application/JSON; charset=utf-8", "{}")).await;
    assert_eq!(
        (status, answer["code"].as_str()),
        (StatusCode::BAD_REQUEST, Some("invalid_argument")),
        "it is JSON all the same"
    );
    world.end().await;
}
