//! A line that carries gRPC calls as JSON over HTTP/1: what a client of ours calls through it, the
//! gateway sees as a caller with nothing but an HTTP library would send it. So a scenario that was
//! written for gRPC shows what plain HTTP comes to.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full};
use payterms_chassis::serve::serve;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, prost::Message,
};
use serde_json::Value;
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status};

/// A line to a gateway.
#[derive(Debug, Clone)]
pub struct JsonLine {
    /// Where it takes gRPC calls.
    pub at: SocketAddr,
    _stop: Arc<DropGuard>,
}

/// What came back over HTTP.
struct Answer {
    headers: HeaderMap,
    messages: Vec<Value>,
    error: Option<Value>,
}

impl JsonLine {
    /// A line to the gateway at an address.
    pub async fn to(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (at, stop) = (listener.local_addr().expect("an address"), CancellationToken::new());
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).expect("descriptors");
        let methods = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
        let path = |method: &MethodDescriptor| {
            format!("/{}/{}", method.parent_service().full_name(), method.name())
        };
        let methods: Arc<HashMap<_, _>> =
            Arc::new(methods.map(|method| (path(&method), method)).collect());
        let client = reqwest::Client::new();
        let routes = axum::Router::new().fallback(move |request: Request| {
            let (client, methods) = (client.clone(), methods.clone());
            async move {
                let path = request.uri().path().to_owned();
                let url = format!("http://{gateway}{path}");
                match methods.get(&path) {
                    Some(method) => carried(&client, &url, method, request).await,
                    None => passed_on(&client, &url, request).await,
                }
            }
        });
        tokio::spawn(serve(
            listener,
            routes,
            payterms_chassis::net::tls::Port::default(),
            stop.clone(),
        ));
        Self { at, _stop: Arc::new(stop.drop_guard()) }
    }
}

/// A request that is no call, such as one for the simulator's page.
async fn passed_on(client: &reqwest::Client, url: &str, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let answer = client
        .request(head.method, url)
        .headers(head.headers)
        .body(body)
        .send()
        .await
        .expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.expect("a whole answer")));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

async fn carried(
    client: &reqwest::Client,
    url: &str,
    method: &MethodDescriptor,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.expect("a whole request").to_bytes();
    let messages: Vec<_> =
        envelopes(&bytes).into_iter().map(|(_, message)| json(&method.input(), message)).collect();
    let streams = method.is_client_streaming() || method.is_server_streaming();
    let mut call = client.post(url);
    for (name, value) in head.headers.iter().filter(|(name, _)| is_metadata(name)) {
        call = call.header(name, value);
    }
    if let Some(timeout) = head
        .headers
        .get("grpc-timeout")
        .and_then(|timeout| payterms_chassis::layers::parse_timeout(timeout.to_str().ok()?))
    {
        call = call.header("connect-timeout-ms", timeout.as_millis().to_string());
    }
    let call = if streams {
        let body: Vec<u8> = messages
            .iter()
            .flat_map(|message| envelope(0, message.to_string().as_bytes()))
            .collect();
        call.header("content-type", "application/connect+json").body(body)
    } else {
        call.header("content-type", "application/json").body(messages[0].to_string())
    };
    let Ok(answer) = call.send().await else {
        return refused(HeaderMap::new(), &Status::unavailable("no answer"));
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(bytes) = answer.bytes().await else {
        return refused(HeaderMap::new(), &Status::unavailable("no whole answer"));
    };
    let answer = if streams {
        assert_eq!(status, 200, "a stream says at its end how it went");
        streamed(headers, &bytes)
    } else {
        let value: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|error| panic!("{url}: {status}: {error}"));
        assert_eq!(
            status == 200,
            value.get("code").is_none_or(|_| value.get("message").is_none()),
            "{url}: {status}: {value}"
        );
        if status == 200 {
            Answer { headers, messages: vec![value], error: None }
        } else {
            Answer { headers, messages: Vec::new(), error: Some(value) }
        }
    };
    into_grpc(&answer, &method.output())
}

fn streamed(headers: HeaderMap, bytes: &[u8]) -> Answer {
    let mut answer = Answer { headers, messages: Vec::new(), error: None };
    let all = envelopes(bytes);
    assert_eq!(all.last().map(|(flags, _)| *flags), Some(2), "a stream ends with its end");
    for (flags, message) in all {
        let value: Value = serde_json::from_slice(message).expect("JSON");
        match flags {
            0 => answer.messages.push(value),
            _ => answer.error = value.get("error").cloned(),
        }
    }
    answer
}

fn into_grpc(answer: &Answer, kind: &MessageDescriptor) -> Response {
    let metadata: HeaderMap = answer
        .headers
        .iter()
        .filter(|(name, _)| is_metadata(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let status = answer.error.as_ref().map_or_else(|| Status::ok(""), status_of);
    if answer.messages.is_empty() && status.code() != Code::Ok {
        return refused(metadata, &status);
    }
    let frames: Vec<u8> =
        answer.messages.iter().flat_map(|message| envelope(0, &bytes_of(kind, message))).collect();
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).expect("a status is headers");
    let mut response = Response::new(Body::new(
        Full::new(Bytes::from(frames)).with_trailers(async move { Some(Ok(trailers)) }),
    ));
    *response.headers_mut() = metadata;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn refused(metadata: HeaderMap, status: &Status) -> Response {
    let mut response = status.clone().into_http::<Body>();
    response.headers_mut().extend(metadata);
    response
}

/// The status that an error object stands for.
fn status_of(error: &Value) -> Status {
    use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
    let name = error["code"].as_str().unwrap_or_default();
    let code = (1..=16).map(Code::from_i32).find(|code| spelled(*code) == name);
    let code = code.unwrap_or_else(|| panic!("{name} is no code"));
    let message = error["message"].as_str().unwrap_or_default();
    let details = error["details"].as_array().cloned().unwrap_or_default();
    let details = details.iter().map(|detail| prost_types::Any {
        type_url: format!("type.googleapis.com/{}", detail["type"].as_str().unwrap_or_default()),
        value: STANDARD_NO_PAD
            .decode(detail["value"].as_str().unwrap_or_default())
            .expect("base64"),
    });
    let whole = tonic_types::pb::Status {
        code: code.into(),
        message: message.to_owned(),
        details: details.collect(),
    };
    Status::with_details(code, message, whole.encode_to_vec().into())
}

/// The name of a code in the Connect protocol: snake case.
fn spelled(code: Code) -> String {
    let name = format!("{code:?}");
    if code == Code::Cancelled {
        return "canceled".to_owned();
    }
    let parts = name.chars().flat_map(|letter| {
        letter.is_uppercase().then_some('_').into_iter().chain([letter.to_ascii_lowercase()])
    });
    parts.collect::<String>().trim_start_matches('_').to_owned()
}

fn is_metadata(name: &HeaderName) -> bool {
    let name = name.as_str();
    let of_transport = [
        "accept",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "host",
        "te",
        "transfer-encoding",
        "user-agent",
    ];
    !of_transport.contains(&name) && !name.starts_with("grpc-")
}

fn json(kind: &MessageDescriptor, bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(kind.clone(), bytes).expect("a message of the contract");
    serde_json::to_value(message).expect("JSON")
}

fn bytes_of(kind: &MessageDescriptor, value: &Value) -> Vec<u8> {
    DynamicMessage::deserialize(kind.clone(), value)
        .unwrap_or_else(|error| panic!("{}: {error}: {value}", kind.name()))
        .encode_to_vec()
}

/// A message behind its flags and its length.
fn envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[flags][..], &length.to_be_bytes(), message].concat()
}

fn envelopes(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (message, after) = rest.split_at(length);
        found.push((head[0], message));
        bytes = after;
    }
    assert!(bytes.is_empty(), "a body ends with a whole message");
    found
}
