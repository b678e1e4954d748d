//! Calls over plain HTTP, on the same port as gRPC: the Connect protocol (unary and streams, JSON
//! and protobuf) and gRPC-Web. A call is translated into the gRPC call that it stands for, passes
//! the same checks and limits as any other, and its answer is translated back.
//! <https://connectrpc.com/docs/protocol>
//!
//! Two steps, because the caller's token is checked before its message is read: [`Door::answer`]
//! translates the headers and leaves an [`Incoming`] with the request; where the gateway has read
//! the message, [`Incoming::translate`] translates it.

mod answer;
mod apart;
mod contract;
mod cors;
mod envelope;
mod headers;
mod json;
mod openapi;
mod ordered;
mod refusal;
mod request;
mod unambiguous;

pub use cors::CorsOptions;
pub(crate) use request::{Incoming, StreamFault};

use crate::metadata;
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use contract::{Codec, Shape};
use http::{HeaderValue, Method, StatusCode, header};
use payterms_chassis::{
    access::AccessTable,
    layers::{at_edge, is_open, refuse},
};
use std::sync::{Arc, OnceLock};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, ServiceExt};

/// The content types of the Connect protocol, as `Accept-Post` lists them.
const ONE_MESSAGE: &str = "application/json, application/proto";
const STREAMS: &str = "application/connect+json, application/connect+proto";
/// The package of the gateway's own methods.
const OWN: &str = "/payterms.gateway.";

/// The methods behind the door.
#[derive(Debug, Clone)]
pub(crate) struct Methods {
    /// The gateway's own, and what needs no token. What is none of these is passed on.
    pub of_gateway: Router,
    /// Passes calls on to the services.
    pub services: crate::route::Router,
}

impl Methods {
    /// Answers a call in gRPC. What is of a service is passed on at once: a router would find that
    /// too, at the price of several allocations of the whole call.
    async fn answer(&self, request: Request) -> Response {
        let path = request.uri().path();
        if path.starts_with("/payterms.") && !path.starts_with(OWN) {
            return at_edge(request, |request| self.services.pass(request)).await;
        }
        match Box::pin(self.of_gateway.clone().oneshot(request)).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

/// The entrance for all protocols.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    methods: Arc<Methods>,
    grpc_web: Arc<GrpcWebService<Router>>,
}

/// What the content type of a request says about its protocol.
enum Protocol {
    Grpc,
    /// With the content type as the library writes it.
    GrpcWeb(&'static str),
    Connect(Codec, Shape),
    Other,
}

impl Protocol {
    fn of(request: &Request) -> Self {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
        match kind.trim().to_ascii_lowercase().as_str() {
            "application/json" | "application/connect+json" if !headers::is_utf8(parameters) => {
                Self::Other
            }
            "application/json" => Self::Connect(Codec::Json, Shape::OneMessage),
            "application/proto" => Self::Connect(Codec::Proto, Shape::OneMessage),
            "application/connect+json" => Self::Connect(Codec::Json, Shape::Stream),
            "application/connect+proto" => Self::Connect(Codec::Proto, Shape::Stream),
            "application/grpc-web" | "application/grpc-web+proto" => {
                Self::GrpcWeb(headers::GRPC_WEB)
            }
            "application/grpc-web-text" | "application/grpc-web-text+proto" => {
                Self::GrpcWeb(headers::GRPC_WEB_TEXT)
            }
            kind if kind.starts_with("application/grpc-web") => Self::Other,
            kind if kind.starts_with("application/grpc") => Self::Grpc,
            _ => Self::Other,
        }
    }
}

impl Door {
    /// A door to these gRPC routes.
    pub(crate) fn new(methods: Methods) -> Self {
        Self {
            grpc_web: Arc::new(GrpcWebLayer::new().layer(methods.of_gateway.clone())),
            methods: Arc::new(methods),
        }
    }

    /// Answers a request of any protocol.
    pub(crate) async fn answer(self, mut request: Request) -> Response {
        let protocol = Protocol::of(&request);
        if let Err(status) = metadata::check(&request) {
            return if matches!(protocol, Protocol::Grpc) {
                refuse(*status)
            } else {
                refusal::answer(&status)
            };
        }
        if !matches!(protocol, Protocol::Grpc) {
            headers::raise_to_http2(&mut request);
        }
        match protocol {
            Protocol::Grpc => self.methods.answer(request).await,
            Protocol::GrpcWeb(kind) if request.method() == Method::POST => {
                headers::of_grpc_web(request.headers_mut(), kind);
                match Box::pin(GrpcWebService::clone(&self.grpc_web).oneshot(request)).await {
                    Ok(answer) => answer.map(Body::new),
                    Err(never) => match never {},
                }
            }
            Protocol::Connect(codec, shape) if request.method() == Method::POST => {
                Box::pin(self.connect(request, codec, shape)).await
            }
            Protocol::GrpcWeb(_) | Protocol::Connect(..) | Protocol::Other => not_a_call(&request),
        }
    }

    /// Answers a call of the Connect protocol.
    async fn connect(self, mut request: Request, codec: Codec, shape: Shape) -> Response {
        let method = contract::method(request.uri().path());
        // What needs no token is no part of the contract, and answers as much as it is asked.
        let is_call = method
            .as_ref()
            .map_or(!is_open(request.uri().path()), |method| Shape::of(method) == shape);
        if !is_call {
            return not_a_call(&request);
        }
        let key = match headers::to_grpc(request.headers_mut()) {
            Ok(key) => key,
            Err(status) => return answer::refused(&status, codec, shape),
        };
        // A path without a method goes on too: who has no token is to learn no more than that.
        let Some(method) = method else {
            return answer::one_message(self.methods.answer(request).await, None, codec).await;
        };
        let fault = StreamFault::default();
        let incoming = Incoming::new(method.clone(), codec, shape, key);
        let request = if method.is_client_streaming() {
            // The gateway is to tell its caller's fault from a service that does not answer.
            request.extensions_mut().insert(fault.clone());
            request.map(|body| incoming.stream(body, fault.clone()))
        } else {
            request.extensions_mut().insert(incoming);
            request
        };
        let answered = self.methods.answer(request).await;
        match shape {
            Shape::OneMessage => answer::one_message(answered, Some(method), codec).await,
            Shape::Stream => answer::stream(answered, method, codec, fault),
        }
    }
}

/// The answer to a request that is no call: a path without a method, a verb other than POST, or a
/// content type that the method does not take.
fn not_a_call(request: &Request) -> Response {
    let Some(method) = contract::method(request.uri().path()) else {
        let text =
            "There is nothing here. Methods are called by POST on /<package>.<Service>/<Method>.";
        return refusal::plain(StatusCode::NOT_FOUND, "unimplemented", text);
    };
    if request.method() != Method::POST {
        let mut answer = refusal::plain(
            StatusCode::METHOD_NOT_ALLOWED,
            "unimplemented",
            "Methods are called by POST.",
        );
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return answer;
    }
    let accepted = if Shape::of(&method) == Shape::Stream { STREAMS } else { ONE_MESSAGE };
    let text = format!(
        "Send this method's message with one of the content types {accepted}. JSON is in UTF-8."
    );
    let mut answer = refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown", &text);
    answer.headers_mut().insert("accept-post", HeaderValue::from_static(accepted));
    answer
}

/// Whether the process lives.
async fn health() -> Response {
    axum::Json(serde_json::json!({ "ready": true })).into_response()
}

/// The answer to a verb other than GET where something is to be read. The router says which verbs
/// are allowed.
pub(crate) async fn is_only_read() -> Response {
    refusal::plain(StatusCode::METHOD_NOT_ALLOWED, "unimplemented", "This is read by GET.")
}

/// The routes that tell of the door itself: `/openapi.json`, the contract as the descriptors have
/// it.
pub(crate) fn about(access: &AccessTable) -> Router {
    // Written when somebody asks for it: few gateways are ever asked, and it takes memory to write.
    let (access, written) = (access.clone(), Arc::new(OnceLock::new()));
    let answer = move || {
        let document =
            written.get_or_init(|| Bytes::from(openapi::document(&access).to_string())).clone();
        std::future::ready(([(header::CONTENT_TYPE, "application/json")], document))
    };
    Router::new()
        .route("/openapi.json", get(answer).fallback(is_only_read))
        .route("/healthz", get(health).fallback(is_only_read))
}
