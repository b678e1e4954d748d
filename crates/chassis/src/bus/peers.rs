//! Channels to the other services: a call carries a token signed here, what is left of the
//! deadline, and the trace.

use crate::{
    bus::{
        copies::Copies,
        peer_channel::{OfTenant, PeerChannel},
    },
    telemetry,
    wire::{
        call::Caller,
        deadline::time_left,
        error::{AppError, not_yet, reason},
        identity::Signer,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tonic::{
    Code, Request, Response, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};

/// Tries of a step before its driver gives up and the recovery takes over, and the pause between them.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(250);

/// How often an idle or waiting connection to a peer is tried, and how long its answer may take: a frozen process is
/// noticed within the sum of both, and the next call connects anew.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_ANSWER: Duration = Duration::from_secs(3);

/// Whether a peer has refused a step for ever: a code that lasts, with a reason that the step can be refused with.
fn is_refusal(status: &Status, reasons: &[&str]) -> bool {
    let lasts =
        matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::OutOfRange | Code::AlreadyExists | Code::NotFound);
    lasts && reason(status).is_some_and(|reason| reasons.contains(&reason.as_str()))
}

/// Takes a step of a flow until the other service answers: with a result, or with a refusal for one of `reasons`, which
/// are all that this step can be refused with. Whatever else comes back leaves the step open: a line that broke, a
/// peer that is at fault, a refusal that nobody thought of. It may never have consequences for a customer.
///
/// # Errors
/// No answer after many tries: the flow's recovery asks again.
pub async fn until_answered<T, F: Future<Output = Result<Response<T>, AppError>>>(
    reasons: &[&str],
    step: impl Fn() -> F,
) -> Result<Result<T, Status>, AppError> {
    let mut tries = 1;
    loop {
        match step().await {
            Ok(response) => return Ok(Ok(response.into_inner())),
            Err(AppError::Upstream(status)) if is_refusal(&status, reasons) => return Ok(Err(*status)),
            // The same step was asked with other content: a fault of ours, which asking again does not mend.
            Err(AppError::Upstream(status)) if reason(&status).as_deref() == Some("REQUEST_ID_REUSED") => {
                return Err(AppError::Fault(status.message().to_owned()));
            }
            Err(AppError::Upstream(status)) if tries < TRIES => note(&status, tries),
            Err(error) => return Err(error),
        }
        tries = tries.saturating_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same for a step that cannot be refused.
///
/// # Errors
/// No answer after many tries: the flow's recovery asks again.
pub async fn until_done<T, F: Future<Output = Result<Response<T>, AppError>>>(step: impl Fn() -> F) -> Result<T, AppError> {
    until_answered(&[], step).await?.map_err(AppError::from)
}

/// Says once per round of tries why a step stays open, aloud where waiting alone will not help.
fn note(status: &Status, tries: u32) {
    let (code, reason) = (status.code(), reason(status).unwrap_or_default());
    let passes = matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted);
    if tries == 1 && !passes {
        tracing::warn!(
            ?code,
            reason,
            message = status.message(),
            "a service answers a step with what is no answer to it; it is asked again"
        );
    } else {
        tracing::debug!(?code, reason, "a service does not answer a step; it is asked again");
    }
}

/// The other services.
#[derive(Debug, Clone)]
pub struct Peers {
    signer: Arc<Signer>,
    channels: Arc<HashMap<String, Channel>>,
    copies: Option<Arc<Copies>>,
}

impl Peers {
    /// Channels to services by name and address; they connect when first used and again later.
    ///
    /// # Errors
    /// A sentence that names the address that is none.
    pub fn new(signer: Signer, addresses: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut channels = HashMap::new();
        for (name, address) in addresses {
            let endpoint = Endpoint::from_shared(address.clone())
                .map_err(|error| format!("peer {name}: {address}: {error}"))?
                .connect_timeout(Duration::from_secs(2))
                .http2_keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(PING_ANSWER)
                .keep_alive_while_idle(true)
                .tcp_nodelay(true);
            channels.insert(name.clone(), endpoint.connect_lazy());
        }
        Ok(Self { signer: Arc::new(signer), channels: Arc::new(channels), copies: None })
    }

    /// The same, for a service with copies and aggregates of its own: a call that another service refuses because its copies
    /// are older is repeated with the versions that are here.
    #[must_use]
    pub fn with_copies(self, copies: Arc<Copies>) -> Self {
        Self { copies: Some(copies), ..self }
    }

    /// The channel to a service.
    ///
    /// # Errors
    /// `UNAVAILABLE` where no address was configured.
    pub fn channel(&self, service: &str) -> Result<PeerChannel, AppError> {
        let channel = self.channels.get(service).cloned();
        let channel = channel.map(|channel| PeerChannel::new(channel, self.copies.clone()));
        channel.ok_or_else(|| not_yet("UNAVAILABLE", &format!("No address of {service} is configured.")))
    }

    /// The names of the services that have an address.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// A request to a service as PEER for `caller`, within `budget` and the caller's deadline.
    ///
    /// # Errors
    /// `Fault` if the token cannot be made.
    pub fn request<M>(&self, service: &str, caller: &Caller, message: M, budget: Duration) -> Result<Request<M>, AppError> {
        self.request_as(service, &Caller { roles: vec!["PEER".to_owned()], ..caller.clone() }, message, budget)
    }

    /// A request to a service in the caller's own name and roles, within `budget` and the caller's
    /// deadline.
    ///
    /// # Errors
    /// `Fault` if the token cannot be made.
    pub fn request_as<M>(&self, service: &str, caller: &Caller, message: M, budget: Duration) -> Result<Request<M>, AppError> {
        let token = self.signer.internal(service, caller).map_err(AppError::Fault)?;
        let mut request = Request::new(message);
        request.extensions_mut().insert(OfTenant(caller.tenant.clone()));
        let header: MetadataValue<_> = format!("Bearer {token}").parse().map_err(|_| AppError::Fault("a token is no header".to_owned()))?;
        request.metadata_mut().insert("authorization", header);
        request.set_timeout(time_left().map_or(budget, |left| left.min(budget)));
        if let Ok(trace) = telemetry::trace_parent().parse() {
            request.metadata_mut().insert("traceparent", trace);
        }
        Ok(request)
    }
}
