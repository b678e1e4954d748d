//! A crowd before a door: each write that is sent through it arrives many times at once, at every
//! replica, and what comes back must be one effect. So a scenario that was written for one caller
//! shows what equal calls at once come to.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http::{HeaderMap, Uri, request::Parts};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use payterms_chassis::{answer::REPLAYED, error::reason, serve::serve};
use payterms_proto::invoicing::v1::{
    AdvanceTestClockResponse, CreateApiKeyResponse, RotateApiKeyResponse, test_clock,
};
use prost_reflect::{DescriptorPool, MethodDescriptor, prost::Message};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status};

/// How often a write is sent at once.
pub const AT_ONCE: usize = 16;
/// How often a copy is sent again whose answer says to come again.
const AGAIN: usize = 200;

/// The one write whose answer may come before its work is done.
const ADVANCE_TEST_CLOCK: &str = "/payterms.invoicing.v1.TestClockService/AdvanceTestClock";
/// Writes whose first answer alone has a secret.
const CREATE_API_KEY: &str = "/payterms.invoicing.v1.ApiKeyService/CreateApiKey";
const ROTATE_API_KEY: &str = "/payterms.invoicing.v1.ApiKeyService/RotateApiKey";
/// What stands before a message in a gRPC body: a flag and the length.
const FRAME_HEADER: usize = 5;

/// The writes of the contract that carry a request id, by path.
#[must_use]
pub fn writes() -> BTreeSet<String> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).expect("descriptors");
    let services: Vec<_> =
        pool.services().filter(|service| service.full_name().starts_with("payterms.")).collect();
    let methods = services.iter().flat_map(|service| service.methods().collect::<Vec<_>>());
    // The gateway passes each of many equal redeliveries on: its methods stand for those of the
    // services.
    let is_passed_on = |method_descriptor: &MethodDescriptor| {
        method_descriptor.parent_service().full_name()
            == "payterms.common.peers.v1.WebhookLogService"
    };
    let writes = methods.filter(|method_descriptor| {
        !method_descriptor.is_client_streaming()
            && method_descriptor.input().get_field_by_name("request_id").is_some()
            && !is_passed_on(method_descriptor)
    });
    writes
        .map(|method: MethodDescriptor| {
            format!("/{}/{}", method.parent_service().full_name(), method.name())
        })
        .collect()
}

/// The number of the field `validate_only`, by the paths of the writes that have it.
fn checkable() -> HashMap<String, u32> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).expect("descriptors");
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect::<Vec<_>>();
    let field = |method: MethodDescriptor| {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        Some((path, method.input().get_field_by_name("validate_only")?.number()))
    };
    methods.into_iter().filter_map(field).collect()
}

/// A message in its frame with a field that is true added to it.
fn with_flag(framed: &Bytes, field: u32) -> Option<Bytes> {
    let mut message = framed.get(FRAME_HEADER..)?.to_vec();
    prost_reflect::prost::encoding::bool::encode(field, &true, &mut message);
    let length = u32::try_from(message.len()).ok()?;
    Some([&[0][..], &length.to_be_bytes(), &message].concat().into())
}

/// What a crowd has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// How often each write was done, by path.
    pub done: BTreeMap<String, usize>,
    /// What was not one effect.
    pub faults: Vec<String>,
}

/// A crowd before the doors of replicas.
#[derive(Debug, Clone)]
pub struct Crowd {
    /// Where it listens.
    pub at: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _stop: Arc<DropGuard>,
}

/// One answer, whole.
#[derive(Debug, Clone)]
struct Answer {
    status: http::StatusCode,
    headers: HeaderMap,
    data: Bytes,
    trailers: HeaderMap,
}

impl Answer {
    /// Its gRPC status, which is in the trailers or, without a body, in the headers.
    fn code(&self) -> (Code, String) {
        let status = Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers));
        status.map_or((Code::Ok, String::new()), |status| {
            (status.code(), reason(&status).unwrap_or_default())
        })
    }

    fn is_replay(&self) -> bool {
        self.headers.contains_key(REPLAYED)
    }

    /// Whether the caller is to come again with the same request id.
    fn comes_again(&self) -> bool {
        // A copy that came between two of the calls: what was refused before it is judged anew.
        self.code().1 == "TAX_UNKNOWN"
            || matches!(
                self.code().0,
                Code::Aborted
                    | Code::Unavailable
                    | Code::ResourceExhausted
                    | Code::DeadlineExceeded
            )
    }

    /// Whether this is a test clock still on its way: the verb answers so after a while, and
    /// another copy sees another instant. It is asked again with the same request id, like any
    /// other answer that is not the last.
    fn is_on_its_way(&self) -> bool {
        let clock = self
            .data
            .get(FRAME_HEADER..)
            .and_then(|data| AdvanceTestClockResponse::decode(data).ok())
            .and_then(|answer| answer.test_clock);
        clock.is_some_and(|clock| clock.state() == test_clock::State::Advancing)
    }

    /// Its message as a replay has it: a secret is in the first answer alone.
    fn as_replayed(&self, path: &str) -> Vec<u8> {
        let message = self.data.get(FRAME_HEADER..).unwrap_or_default();
        match path {
            CREATE_API_KEY => without_secret(
                message,
                |answer: &mut CreateApiKeyResponse| &mut answer.secret,
                self.is_replay(),
            ),
            ROTATE_API_KEY => without_secret(
                message,
                |answer: &mut RotateApiKeyResponse| &mut answer.secret,
                self.is_replay(),
            ),
            _ => message.to_vec(),
        }
    }

    fn into_response(self) -> Response {
        let trailers = self.trailers;
        let body = http_body_util::Full::new(self.data)
            .with_trailers(async move { (!trailers.is_empty()).then_some(Ok(trailers)) });
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn without_secret<M: Message + Default>(
    message: &[u8],
    secret: impl Fn(&mut M) -> &mut String,
    is_replay: bool,
) -> Vec<u8> {
    let mut answer = M::decode(message).expect("an answer");
    assert_eq!(
        std::mem::take(secret(&mut answer)).is_empty(),
        is_replay,
        "the first answer alone has the secret"
    );
    answer.encode_to_vec()
}

type Http = Client<HttpConnector, Body>;

impl Crowd {
    /// Puts a crowd before these doors.
    pub async fn before(doors: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (at, stop, seen) = (
            listener.local_addr().expect("an address"),
            CancellationToken::new(),
            Arc::<Mutex<Seen>>::default(),
        );
        let client: Http = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .build_http();
        let (writes, doors, known) =
            (Arc::new((writes(), checkable())), Arc::new(doors), seen.clone());
        let routes = axum::Router::new().fallback(move |request: Request| {
            let (client, writes, doors, known) =
                (client.clone(), writes.clone(), doors.clone(), known.clone());
            async move {
                if writes.0.contains(request.uri().path()) {
                    many(&client, &doors, request, &writes.1, &known).await
                } else {
                    one(&client, &doors, request).await
                }
            }
        });
        tokio::spawn(serve(
            listener,
            routes,
            payterms_chassis::net::tls::Port::default(),
            stop.clone(),
        ));
        Self { at, seen, _stop: Arc::new(stop.drop_guard()) }
    }

    /// What it has seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn to(door: SocketAddr, parts: &mut Parts) {
    let uri = Uri::builder()
        .scheme("http")
        .authority(door.to_string())
        .path_and_query(parts.uri.path())
        .build();
    parts.uri = uri.expect("an address");
    parts.headers.remove("host");
}

/// Passes a read or a stream on, untouched.
async fn one(client: &Http, doors: &[SocketAddr], request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    to(doors[0], &mut parts);
    match client.request(Request::from_parts(parts, body)).await {
        Ok(answer) => answer.map(Body::new),
        Err(_) => Status::unavailable("no answer").into_http(),
    }
}

async fn send(client: &Http, door: SocketAddr, mut parts: Parts, body: Bytes) -> Answer {
    to(door, &mut parts);
    let unavailable = |error: String| Answer {
        status: http::StatusCode::OK,
        headers: Status::unavailable(error).into_http::<Body>().headers().clone(),
        data: Bytes::new(),
        trailers: HeaderMap::new(),
    };
    let answer = match client.request(Request::from_parts(parts, Body::from(body))).await {
        Ok(answer) => answer,
        Err(error) => return unavailable(error.to_string()),
    };
    let (head, body) = answer.into_parts();
    match body.collect().await {
        Ok(whole) => {
            let trailers = whole.trailers().cloned().unwrap_or_default();
            Answer { status: head.status, headers: head.headers, data: whole.to_bytes(), trailers }
        }
        Err(error) => unavailable(error.to_string()),
    }
}

/// Sends a write many times at once and answers with the one effect.
async fn many(
    client: &Http,
    doors: &[SocketAddr],
    request: Request,
    checkable: &HashMap<String, u32>,
    seen: &Mutex<Seen>,
) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Status::unavailable("half a request").into_http();
    };
    // First it is only checked: that changes nothing, so what follows is not a replay of it, and
    // comes to the same.
    let checked = match checkable.get(&path).and_then(|field| with_flag(&body, *field)) {
        Some(body) => Some(send(client, doors[0], parts.clone(), body).await),
        None => None,
    };
    let copy = |place: usize| send(client, doors[place % doors.len()], parts.clone(), body.clone());
    let mut answers = futures::future::join_all((0..AT_ONCE).map(copy)).await;
    for _ in 0..AGAIN {
        let on_its_way = |answer: &Answer| path == ADVANCE_TEST_CLOCK && answer.is_on_its_way();
        // Where all answers are the same there is nothing to wait for.
        if answers.iter().all(|each| each.code() == answers[0].code() && !on_its_way(each)) {
            break;
        }
        let again: Vec<_> = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.comes_again() || on_its_way(answer))
            .map(|(place, _)| place)
            .collect();
        if again.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let came = futures::future::join_all(again.iter().map(|place| copy(*place))).await;
        again.into_iter().zip(came).for_each(|(place, each)| answers[place] = each);
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let faults = fault(&path, &answers)
        .into_iter()
        .chain(checked.and_then(|checked| fault_of_check(&checked, &answers)));
    seen.faults.extend(faults.map(|fault| format!("{path}: {fault}")));
    let first =
        answers.iter().position(|answer| answer.code().0 == Code::Ok && !answer.is_replay());
    let first = answers.swap_remove(first.unwrap_or_default());
    if first.code().0 == Code::Ok {
        *seen.done.entry(path).or_default() += 1;
    }
    first.into_response()
}

/// Why a request that was only checked was not: it was done, or came to something else.
fn fault_of_check(checked: &Answer, answers: &[Answer]) -> Option<String> {
    if checked.comes_again() || answers.iter().any(Answer::comes_again) {
        return None;
    }
    if checked.code() != answers[0].code() {
        return Some(format!(
            "with validate_only it is {:?}, and then {:?}",
            checked.code(),
            answers[0].code()
        ));
    }
    let is_done = answers[0].code().0 == Code::Ok
        && answers.iter().all(Answer::is_replay)
        && !checked.is_replay();
    is_done.then(|| "with validate_only it was done".to_owned())
}

/// Why these answers are not those of one effect.
fn fault(path: &str, answers: &[Answer]) -> Option<String> {
    let mut codes: HashMap<(Code, String), usize> = HashMap::new();
    for answer in answers {
        *codes.entry(answer.code()).or_default() += 1;
    }
    if codes.len() > 1 {
        return Some(format!("answers differ: {codes:?}"));
    }
    if answers.iter().any(|each| {
        each.code().0 == Code::Ok && each.as_replayed(path) != answers[0].as_replayed(path)
    }) {
        return Some("the bytes of the answers differ".to_owned());
    }
    let effects =
        answers.iter().filter(|answer| answer.code().0 == Code::Ok && !answer.is_replay()).count();
    (effects > 1).then(|| format!("{effects} of the answers are no replays"))
}
