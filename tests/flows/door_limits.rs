//! What one caller, or one without a token, sends to the door for plain HTTP costs the gateway no
//! more than its share.

use crate::{
    invariants,
    plain_http::{Curl, GET_WALLET, POST_DEBIT, RECORD_STREAM, envelope, info, messages, read},
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::GetWalletRequest;
use payterms_suite::client::amount;
use payterms_testkit::{Database, World, on_both, reason};
use prost::Message;
use reqwest::{Client, Method, StatusCode, header::HeaderMap};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Request, metadata::MetadataValue};

on_both!(headers_beyond_the_limit_disturb_nobody);

/// Frames of a question that reflection answers with 32 KB each.
fn questions(count: usize) -> Vec<u8> {
    let symbol = b"payterms.common.v1.ErrorReason";
    let message = [&[0x22, u8::try_from(symbol.len()).unwrap()][..], symbol].concat();
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message]
        .concat()
        .repeat(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_token_is_not_called_over_plain_http() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let nobody = Curl { token: "none".to_owned(), ..Curl::of(&world, "STAFF", None) };
    for path in [
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
    ] {
        for kind in ["application/json", "application/proto", "application/connect+proto"] {
            let answer = nobody.post(path, kind, questions(100)).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path} as {kind}");
            assert!(answer.bytes().await.unwrap().len() < 500, "{path} as {kind}");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_too_many_values_is_refused_before_it_is_built() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (customer, _) = world.usual().await;
    let service = Curl::of(&world, "SERVICE", None);
    let create = |lines: usize| {
        let lines = vec!["{}"; lines].join(",");
        let message = format!(r#"{{"parent":"{customer}","invoice":{{"lines":[{lines}]}}}}"#);
        read(service.post(
            "payterms.invoicing.v1.InvoiceService/CreateInvoice",
            "application/json",
            message,
        ))
    };
    let (status, error) = create(100_000).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "few enough to be read: {error}");
    for lines in [200_000, 1_500_000] {
        let (status, error) = create(lines).await;
        assert_eq!(
            (status, info(&error)["reason"].as_str()),
            (StatusCode::PAYLOAD_TOO_LARGE, Some("MESSAGE_TOO_LARGE")),
            "{error}"
        );
        assert!(error["message"].as_str().unwrap().contains("200,000"), "{error}");
    }
    world.end().await;
}

async fn headers_beyond_the_limit_disturb_nobody(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let staff = Curl::of(world, "STAFF", None);
    let asked = json!({ "name": wallet }).to_string();
    let with = |bytes: usize| {
        staff
            .post(GET_WALLET, "application/json", asked.clone())
            .header("x-note", "n".repeat(bytes))
    };
    assert_eq!(read(with(10 << 10)).await.0, StatusCode::OK);
    let (status, error) = read(with(13 << 10)).await;
    assert_eq!(
        (status.as_u16(), info(&error)["reason"].as_str()),
        (431, Some("METADATA_TOO_LARGE")),
        "{error}"
    );
    let many: HeaderMap = (0..90)
        .map(|n| (format!("n-{n}").parse().unwrap(), "n".repeat(150).parse().unwrap()))
        .collect();
    let answer = staff
        .post(GET_WALLET, "application/json", asked.clone())
        .headers(many)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 431, "many headers count like a long one");
    // In gRPC, up to what the transport itself refuses.
    let session = world.someone("STAFF", None);
    for kib in [13, 17, 60] {
        let mut request = Request::new(GetWalletRequest { name: wallet.clone() });
        request
            .metadata_mut()
            .insert("x-note", MetadataValue::try_from("n".repeat(kib << 10)).unwrap());
        let refused = session.wallets().get_wallet(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::ResourceExhausted, "METADATA_TOO_LARGE"),
            "{kib} KiB"
        );
    }
    // Lists of headers for which a service would end the connection that all callers share.
    let huge = async {
        for _ in 0..40 {
            let status = with(80 << 10).send().await.map_or(431, |answer| answer.status().as_u16());
            assert_eq!(status, 431);
        }
    };
    let service = world.someone("SERVICE", None);
    let others = async {
        for _ in 0..40 {
            service.postings().post_debit(debit(&wallet, amount("USD", 0, 10))).await.unwrap();
        }
    };
    futures::future::join(huge, others).await;
    invariants::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_names_a_provider() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let notify = |provider: &str| {
        let notify = Client::new()
            .post(format!("http://{}/notifications/{provider}/acme", world.suite.gateway));
        let notify = notify.header("simulator-signature", "00".repeat(32)).body("{}");
        async { notify.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(notify("simulator").await, 401, "its signature is wrong");
    for nobody in [
        "Simulator",
        "a%20b",
        "-a",
        "a_b",
        "%C3%A4",
        "a%0Ab",
        "4",
        &"p".repeat(33),
        &"p".repeat(20_000),
    ] {
        assert_eq!(notify(nobody).await, 404, "{nobody}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_stream_is_short() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let service = Curl::of(&world, "SERVICE", None);
    let record = json!({ "record": { "product": "p".repeat(70_000) } }).to_string();
    for (kind, message) in
        [("application/connect+json", record.clone()), ("application/connect+proto", record)]
    {
        let said = messages(
            service.post(RECORD_STREAM, kind, envelope(0, &message)).send().await.unwrap(),
        )
        .await;
        let error = &said.last().unwrap().1["error"];
        assert_eq!(
            (said.len(), info(error)["reason"].as_str()),
            (1, Some("MESSAGE_TOO_LARGE")),
            "{kind}: {said:?}"
        );
    }
    world.end().await;
}

/// Small things of HTTP that clients stumble over.
#[tokio::test(flavor = "multi_thread")]
async fn http_is_spoken_to_the_letter() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    let staff = Curl::of(&world, "STAFF", None);
    let asked = json!({ "name": wallet }).to_string();
    for (kind, status) in [
        ("application/json; charset=utf-8", StatusCode::OK),
        ("application/json;charset=\"UTF-8\"", StatusCode::OK),
        ("application/json; charset=iso-8859-1", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json; charset=utf-8; charset=utf-16", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json; version=1", StatusCode::OK),
    ] {
        assert_eq!(read(staff.post(GET_WALLET, kind, asked.clone())).await.0, status, "{kind}");
    }
    for (body, field, said) in [
        ("{name:1}", "", "key must be a string at line 1 column 2"),
        ("{\"amount\":{\n units:1}}", "amount", "key must be a string at line 2 column 2"),
        ("{\"amount\":{\"units\" 1}}", "amount", "expected `:` at line 1 column 20"),
        ("{\"wallet\":'a'}", "wallet", "expected value"),
        ("{\"wallet\":\"a\",}", "", "trailing comma"),
    ] {
        let (status, error) = read(staff.post(POST_DEBIT, "application/json", body)).await;
        let details = error["details"].as_array().unwrap();
        let violation =
            details.iter().find(|detail| detail["type"] == "google.rpc.BadRequest").unwrap();
        let named = violation["debug"]["fieldViolations"][0]["field"].as_str().unwrap_or_default();
        assert_eq!((status, named), (StatusCode::BAD_REQUEST, field), "{body}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said) && !message.contains('?'), "{body}: {message}");
    }
    for path in ["openapi.json", "healthz", "readyz"] {
        let answer = staff.request(Method::PUT, path).send().await.unwrap();
        let allow = answer.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned());
        assert_eq!(
            (answer.status(), allow.as_deref()),
            (StatusCode::METHOD_NOT_ALLOWED, Some("GET,HEAD")),
            "{path}"
        );
        let error: serde_json::Value =
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(error["message"].as_str().unwrap().contains("GET"), "{error}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_web_answers_in_the_form_in_which_it_was_asked() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    let staff = Curl::of(&world, "STAFF", None);
    let message = GetWalletRequest { name: wallet }.encode_to_vec();
    let framed =
        [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat();
    for (kind, accept, is_text) in [
        ("application/grpc-web-text", Some("*/*"), true),
        ("application/grpc-web-text+proto", None, true),
        ("Application/grpc-web-text; charset=utf-8", Some("application/grpc-web-text, */*"), true),
        ("application/grpc-web+proto", Some("*/*"), false),
        ("application/grpc-web; a=b", None, false),
        ("application/grpc-web-text", Some("application/grpc-web+proto"), false),
        ("application/grpc-web", Some("application/grpc-web-text"), true),
    ] {
        let body = if kind.to_lowercase().contains("text") {
            STANDARD.encode(&framed).into_bytes()
        } else {
            framed.clone()
        };
        let asked = staff.post(GET_WALLET, kind, body);
        let asked = if let Some(accept) = accept { asked.header("accept", accept) } else { asked };
        let answer = asked.send().await.unwrap();
        let answered = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(
            (answer.status(), answered.contains("text")),
            (StatusCode::OK, is_text),
            "{kind}, {accept:?}: {answered}"
        );
        let bytes = answer.bytes().await.unwrap();
        let shown = if is_text {
            bytes.chunks(4).flat_map(|four| STANDARD.decode(four).unwrap()).collect()
        } else {
            bytes.to_vec()
        };
        assert!(String::from_utf8_lossy(&shown).contains("grpc-status:0"), "{kind}, {accept:?}");
    }
    let answer = staff
        .request(Method::GET, GET_WALLET)
        .header("content-type", "application/grpc-web")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.status(), answer.headers()["allow"].as_bytes()),
        (StatusCode::METHOD_NOT_ALLOWED, &b"POST"[..])
    );
    world.end().await;
}

/// Reads one answer of HTTP/1.1: its head in lower case. An answer that says that the connection
/// ends is followed by its end.
async fn answered(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).await.unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    if head.contains("connection: close") {
        assert_eq!(stream.read(&mut byte).await.unwrap_or(0), 0, "{head}");
    }
    head
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_before_the_body_keeps_the_connection_or_is_told() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    let token = Curl::of(&world, "STAFF", None).token;
    let body = json!({ "name": wallet }).to_string();
    let head = |path: &str, token: &str, kind: &str, length: usize| {
        format!(
            "POST /{path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let json = "application/json";
    let cases = [
        (head(GET_WALLET, "none", json, body.len()), "401"),
        (head("payterms.wallet.v1.WalletService/GetNothing", &token, json, body.len()), "404"),
        (head("favicon.ico", &token, json, body.len()), "404"),
        (head(GET_WALLET, &token, "text/plain", body.len()), "415"),
        (head(POST_DEBIT, &token, json, body.len()), "400"),
        (head(GET_WALLET, &token, json, body.len()), "200"),
    ];
    // All on one connection, each head a packet before its body.
    let mut stream = TcpStream::connect(world.suite.gateway).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for (head, status) in &cases {
        for part in [head, &body] {
            stream.write_all(part.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = answered(&mut stream).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status}"))
                && !answer.contains("connection: close"),
            "{head}{answer}"
        );
    }
    // What says that it is too long need not come; and where a body does not come, the answer says
    // that the connection ends.
    for (head, status) in [
        (head(GET_WALLET, &token, json, 99_999_999_999), "413"),
        (head(GET_WALLET, "none", json, 100), "401"),
    ] {
        let mut stream = TcpStream::connect(world.suite.gateway).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = answered(&mut stream).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status}"))
                && answer.contains("connection: close"),
            "{head}{answer}"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_over_http2_is_answered_after_a_short_body_and_keeps_the_answer() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let connection = TcpStream::connect(world.suite.gateway).await.unwrap();
    let (mut client, mut connection) = h2::client::handshake(connection).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    tokio::spawn(connection);
    let ask = |length: Option<usize>| {
        let request = http::Request::post(format!("http://a/{GET_WALLET}"))
            .header("authorization", "Bearer none");
        let request = request.header("content-type", "application/json");
        length
            .into_iter()
            .fold(request, |request, length| request.header("content-length", length))
            .body(())
            .unwrap()
    };
    let (answer, mut body) = client.send_request(ask(Some(2)), false).unwrap();
    let mut answer = std::pin::pin!(answer);
    // A client that is still sending must not be answered and then reset: some lose the answer by
    // that.
    for _ in 0..3 {
        pings.ping(h2::Ping::opaque()).await.unwrap();
        assert!(futures::poll!(&mut answer).is_pending(), "it is answered before its body came");
    }
    body.send_data(bytes::Bytes::from_static(b"{}"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(
        futures::poll!(std::future::poll_fn(|context| body.poll_reset(context))).is_pending(),
        "the stream ends in order"
    );
    // A body that states no length, or a long one, is not waited for.
    for length in [None, Some(99_999_999)] {
        let (answer, _body) = client.send_request(ask(length), false).unwrap();
        assert!(answer.await.unwrap().status().is_client_error(), "{length:?}");
    }
    world.end().await;
}
