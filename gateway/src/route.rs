//! Routing: the package in the path names the service. Messages are passed on unchanged.

use crate::{
    answer,
    callers::{Callers, Checked},
    connect::{Incoming, StreamFault},
    limits::{Kind, Limits, Standing, UnderWay, Unread},
    metadata,
    versions::Versions,
};
use axum::{BoxError, extract::Request, middleware::Next, response::Response};
use bytes::Bytes;
use http::HeaderValue;
use payterms_chassis::{
    access::AccessTable,
    body::{self, is_client_stream, is_server_stream},
    error::status,
    identity::Signer,
    layers::{self, parse_timeout, refuse},
    net::pool::{Lane, NoAnswer, Pool, Pools},
    telemetry,
};
use payterms_kernel::Reason;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Instrument;

/// The metadata that names the service, for methods that every service has.
const SERVICE: &str = "payterms-service";

/// The gateway's own method whose answers are the largest.
const LIST_EVENTS: &str = "/payterms.gateway.v1.EventService/ListEvents";

/// Passes calls on to the services.
#[derive(Clone)]
pub struct Router {
    callers: Arc<Callers>,
    access: Arc<AccessTable>,
    signer: Arc<Signer>,
    services: Pools,
    limits: Arc<Limits>,
    versions: Arc<Versions>,
}

/// Receives the whole message of a call before it is passed on, so that a caller who sends only
/// half of a message occupies nothing in a service. The call is counted before its message is read,
/// so that half-sent messages count.
///
/// A large message of a method that takes more than others counts as several, so that a caller's
/// messages occupy no more memory by way of such a method.
async fn receive_whole(
    kind: Kind,
    request: Request,
    most: usize,
    known: &Checked,
    limits: &Limits,
) -> Result<(Request, UnderWay), Box<Status>> {
    let standing = known.standing(limits);
    let under_way = standing.begin(kind, 1)?;
    let longest = Incoming::longest(&request, most);
    let large = || standing.begin(Kind::LargeMessages, longest.div_ceil(body::MESSAGE));
    let received = body::whole_if(request, longest, large).await?;
    let is_translated = received.extensions().get::<Incoming>().is_some();
    let whole = if is_translated {
        Box::pin(Incoming::translate(received, most, &known.caller)).await?
    } else {
        received
    };
    Ok((whole, under_way))
}

/// Connections to each replica of a service for calls with one message: one for each processor
/// here, so that they do not wait for each other, and no more, since the calls of a busy connection
/// share its reads and writes. One more is used for streams.
#[must_use]
pub fn connections() -> usize {
    std::thread::available_parallelism().map_or(2, |processors| processors.get().clamp(2, 8))
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.services.keys()).finish()
    }
}

impl Router {
    /// A router to these services.
    #[must_use]
    pub fn new(
        callers: Arc<Callers>,
        access: AccessTable,
        signer: Signer,
        services: Pools,
        versions: Arc<Versions>,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            callers,
            access: Arc::new(access),
            signer: Arc::new(signer),
            services,
            limits,
            versions,
        }
    }

    /// Checks the caller and passes the call on.
    pub async fn pass(&self, request: Request) -> Response {
        self.try_pass(request).await.unwrap_or_else(|status| refuse(*status))
    }

    async fn try_pass(&self, request: Request) -> Result<Response, Box<Status>> {
        // The token is checked first, so that nobody without one learns which methods exist.
        let known = self.callers.caller(request.headers(), request.uri().path()).await?;
        let allowance = known.standing(&self.limits).take_call()?;
        let mut answer =
            self.pass_on(request, known).await.unwrap_or_else(|status| refuse(*status));
        allowance.write(answer.headers_mut());
        Ok(answer)
    }

    async fn pass_on(
        &self,
        request: Request,
        known: Arc<Checked>,
    ) -> Result<Response, Box<Status>> {
        let path = request.uri().path().to_owned();
        if !self.access.has(&path) {
            return Err(Box::new(unknown()));
        }
        // Roles are checked by the service only, so that there is one place for that rule.
        let (service, pool) = self.service_of(&path, request.headers())?;
        let sends_stream = is_client_stream(&path);
        let answers_stream = is_server_stream(&path);
        let kind = if sends_stream || answers_stream { Kind::Streams } else { Kind::Calls };
        let fault = request.extensions().get::<StreamFault>().cloned();
        let is_translated = fault.is_some() || request.extensions().get::<Incoming>().is_some();
        let (mut request, under_way) = if sends_stream {
            (request, known.standing(&self.limits).begin(kind, 1)?)
        } else {
            let most = self.access.largest_message(&path);
            receive_whole(kind, request, most, &known, &self.limits).await?
        };
        let token = self.signer.internal(service, &known.caller).map_err(|error| {
            tracing::error!(%error, "an internal token could not be signed");
            Box::new(status(
                Code::Internal,
                Reason::INTERNAL,
                "A fault of the suite. Retry with the same request id.",
            ))
        })?;
        let headers = request.headers_mut();
        metadata::keep_passed_on(headers);
        let bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Box::new(unknown()))?;
        headers.insert("authorization", bearer);
        // Where no trace is recorded here, the caller's goes on.
        if let Ok(trace) = HeaderValue::try_from(telemetry::trace_parent())
            && !trace.is_empty()
        {
            headers.insert("traceparent", trace);
        }
        let budget =
            headers.get("grpc-timeout").and_then(|timeout| parse_timeout(timeout.to_str().ok()?));
        let budget = budget.unwrap_or(Duration::from_secs(30)).min(Duration::from_secs(30))
            + Duration::from_millis(200);
        let until = Instant::now() + budget;
        let lane = if kind == Kind::Streams { Lane::Streams } else { pool.next_lane() };
        let pool = pool.clone();
        let (versions, service) = (self.versions.clone(), service.to_owned());
        let counted =
            Counted { standing: known.standing(&self.limits).clone(), under_way, is_translated };
        let answered = async move {
            let answer = versions
                .send(&pool, lane, &known.caller, request, until)
                .await
                .map_err(|error| Box::new(no_answer(&service, &error, fault)))?;
            // The connection is shared, so an answer that this caller does not read must not stay
            // on it.
            counted.answer(answer, answers_stream).await
        };
        // It runs in its own task, so that it is not cancelled when its caller goes away: the call
        // counts as under way until the service has finished it.
        let answer = tokio::spawn(tokio::time::timeout_at(until, answered).in_current_span()).await;
        answer.map_err(|_| Box::new(Status::unavailable("the process ends")))?.unwrap_or_else(
            |_| {
                Err(Box::new(status(
                    Code::DeadlineExceeded,
                    Reason::DEADLINE_EXCEEDED,
                    "The time is over. Retry with the same request id.",
                )))
            },
        )
    }

    /// The service that a path names, `/payterms.<service>.v1.X/Y`. For methods that every service
    /// has, the header names it. No path leads to what is for peers,
    /// `/payterms.<service>.peers.v1.X/Y`.
    fn service_of(
        &self,
        path: &str,
        headers: &http::HeaderMap,
    ) -> Result<(&str, &Pool), Box<Status>> {
        let service = |name: &str| {
            self.services.get_key_value(name).map(|(name, pool)| (name.as_str(), pool))
        };
        let name = path
            .strip_prefix("/payterms.")
            .and_then(|rest| rest.split_once(".v1."))
            .map(|(name, _)| name);
        if name == Some("common") {
            let named =
                headers.get(SERVICE).and_then(|name| name.to_str().ok()).unwrap_or_default();
            return service(named).ok_or_else(|| {
                let mut names: Vec<_> = self.services.keys().map(String::as_str).collect();
                names.sort_unstable();
                let message = format!(
                    "Name the service that is meant in the metadata {SERVICE}: one of {}.",
                    names.join(", ")
                );
                Box::new(status(Code::InvalidArgument, Reason::SERVICE_UNKNOWN, &message))
            });
        }
        name.and_then(service).ok_or_else(|| Box::new(unknown()))
    }
}

/// Checks a call of the gateway's own methods, in the same way as the services check calls of
/// theirs.
pub async fn admit(router: Router, request: Request, next: Next) -> Response {
    router.try_admit(request, next).await.unwrap_or_else(|status| refuse(*status))
}

impl Router {
    async fn try_admit(&self, request: Request, next: Next) -> Result<Response, Box<Status>> {
        let known = self.callers.caller(request.headers(), request.uri().path()).await?;
        let allowance = known.standing(&self.limits).take_call()?;
        let mut answer =
            self.answer_here(request, next, &known).await.unwrap_or_else(|status| refuse(*status));
        allowance.write(answer.headers_mut());
        Ok(answer)
    }

    async fn answer_here(
        &self,
        mut request: Request,
        next: Next,
        known: &Checked,
    ) -> Result<Response, Box<Status>> {
        let path = request.uri().path().to_owned();
        let scope = layers::admit(
            &self.access,
            |_| Ok((String::new(), known.caller.clone())),
            &path,
            request.headers(),
        )?;
        request.extensions_mut().insert(scope);
        let answers_stream = is_server_stream(&path);
        let is_translated = request.extensions().get::<Incoming>().is_some();
        let kind = match path.as_str() {
            LIST_EVENTS => Kind::EventLists,
            _ if answers_stream => Kind::Streams,
            _ => Kind::Calls,
        };
        let (request, under_way) =
            receive_whole(kind, request, body::MESSAGE, known, &self.limits).await?;
        let counted =
            Counted { standing: known.standing(&self.limits).clone(), under_way, is_translated };
        // In a task of its own, as calls that are passed on: it counts until it has ended, though
        // its caller may be gone.
        let answered = async move { counted.answer(next.run(request).await, answers_stream).await };
        match tokio::spawn(answered.in_current_span()).await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                // Passed on to the edge, which answers every panic.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Box::new(Status::unavailable("the process ends"))),
            },
        }
    }
}

/// What an answer counts as until its caller has read it.
struct Counted {
    standing: Standing,
    under_way: UnderWay,
    /// Whether it is written anew on its way.
    is_translated: bool,
}

impl Counted {
    /// The answer as it is passed on: a stream as it is read, and one message whole, of which the
    /// bytes above [`crate::limits::SHORT_ANSWER`] count while they wait here.
    async fn answer<B>(
        self,
        answer: http::Response<B>,
        is_stream: bool,
    ) -> Result<Response, Box<Status>>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let Self { standing, under_way, is_translated } = self;
        let (mut response, counted) = if is_stream {
            (answer::stream(answer, under_way), 0)
        } else {
            let answer = answer::whole(answer).await?;
            let size = answer.large_size;
            let bytes = size.map(|bytes| standing.begin(Kind::UnreadBytes, bytes)).transpose()?;
            (answer.into_response((under_way, bytes)), size.unwrap_or_default())
        };
        if is_translated {
            response.extensions_mut().insert(Unread::new(standing, counted));
        }
        Ok(response)
    }
}

/// The status of a call without an answer. Where the caller's own stream was at fault, nothing is
/// wrong with the service.
fn no_answer(service: &str, error: &NoAnswer, fault: Option<StreamFault>) -> Status {
    if let Some(status) = fault.and_then(|fault| fault.status()) {
        tracing::debug!(service, reason = status.message(), "a caller's stream is refused");
        return status;
    }
    tracing::warn!(service, %error, "a service does not answer");
    Status::unavailable("no answer")
}

fn unknown() -> Status {
    status(
        Code::Unimplemented,
        Reason::METHOD_UNKNOWN,
        "There is no such method. Check the name against reflection.",
    )
}
