//! Channels to the other services. A call carries a token that this service signed, the rest of the current deadline, and the
//! trace.

use crate::{
    bus::{
        copies::Copies,
        peer_channel::{OfTenant, PeerChannel},
    },
    net::pool::Pools,
    telemetry,
    wire::{
        call::Caller,
        deadline::time_left,
        error::{AppError, not_yet, reason},
        identity::Signer,
    },
};
use std::{sync::Arc, time::Duration};
use tonic::{Code, Request, Response, Status, metadata::MetadataValue};

/// Attempts of a step, and the pause between them, before its driver gives up and the recovery takes over the flow.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(250);

/// Whether a peer's answer is a final refusal of a step: a code that a retry cannot change, with a reason on the step's list.
fn is_refusal(status: &Status, reasons: &[&str]) -> bool {
    let is_final =
        matches!(status.code(), Code::FailedPrecondition | Code::InvalidArgument | Code::OutOfRange | Code::AlreadyExists | Code::NotFound);
    is_final && reason(status).is_some_and(|reason| reasons.contains(&reason.as_str()))
}

/// Repeats a step of a flow until the other service answers: with a result, or with a refusal for one of `reasons`, the
/// complete list for this step. Any other outcome leaves the step open: a broken connection, a fault of the peer, an
/// unexpected refusal. None of these says what happened, so none may have consequences for a customer.
///
/// # Errors
/// The last error, if [`ATTEMPTS`] are used up or the request id was used with other content. The flow's recovery retries.
pub async fn until_answered<T, F: Future<Output = Result<Response<T>, AppError>>>(
    reasons: &[&str],
    step: impl Fn() -> F,
) -> Result<Result<T, Status>, AppError> {
    let mut attempt = 1;
    loop {
        match step().await {
            Ok(response) => return Ok(Ok(response.into_inner())),
            Err(AppError::Upstream(status)) if is_refusal(&status, reasons) => return Ok(Err(*status)),
            // This service sent the step before with other content. That is a bug here, which a retry does not mend.
            Err(AppError::Upstream(status)) if reason(&status).as_deref() == Some("REQUEST_ID_REUSED") => {
                return Err(AppError::Fault(status.message().to_owned()));
            }
            Err(AppError::Upstream(status)) if attempt < ATTEMPTS => log_open_step(&status, attempt),
            Err(error) => return Err(error),
        }
        attempt = attempt.saturating_add(1);
        tokio::time::sleep(PAUSE).await;
    }
}

/// As [`until_answered`], for a step that cannot be refused.
///
/// # Errors
/// The last error, if [`ATTEMPTS`] are used up or the request id was used with other content. The flow's recovery retries.
pub async fn until_done<T, F: Future<Output = Result<Response<T>, AppError>>>(step: impl Fn() -> F) -> Result<T, AppError> {
    until_answered(&[], step).await?.map_err(AppError::from)
}

/// Logs why a step stays open. The first attempt is a warning if waiting alone will not help; the others are only debug lines.
fn log_open_step(status: &Status, attempt: u32) {
    let code = status.code();
    let reason = reason(status).unwrap_or_default();
    let is_passing = matches!(code, Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted);
    if attempt == 1 && !is_passing {
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

/// The other services that this one may call.
#[derive(Debug, Clone)]
pub struct Peers {
    signer: Arc<Signer>,
    pools: Pools,
    copies: Option<Arc<Copies>>,
}

impl Peers {
    /// The services of these pools.
    #[must_use]
    pub fn new(signer: Signer, pools: Pools) -> Self {
        Self { signer: Arc::new(signer), pools, copies: None }
    }

    /// The same peers, for a service with copies and aggregates of its own: a call that another service refuses because its
    /// copies are older is repeated with this service's versions.
    #[must_use]
    pub fn with_copies(self, copies: Arc<Copies>) -> Self {
        Self { copies: Some(copies), ..self }
    }

    /// The channel to a service.
    ///
    /// # Errors
    /// `UNAVAILABLE` where no address was configured.
    pub fn channel(&self, service: &str) -> Result<PeerChannel, AppError> {
        let channel = self.pools.get(service).map(|pool| PeerChannel::new(pool.clone(), self.copies.clone()));
        channel.ok_or_else(|| not_yet("UNAVAILABLE", &format!("No address of {service} is configured.")))
    }

    /// The names of the services that have an address.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pools.keys().map(String::as_str)
    }

    /// A request to a service in the role PEER on behalf of `caller`, within `budget` and the caller's deadline.
    ///
    /// # Errors
    /// `Fault` if the token cannot be made.
    pub fn request<M>(&self, service: &str, caller: &Caller, message: M, budget: Duration) -> Result<Request<M>, AppError> {
        self.request_as(service, &Caller { roles: vec!["PEER".to_owned()], ..caller.clone() }, message, budget)
    }

    /// A request to a service with the caller's subject and roles, within `budget` and the caller's deadline.
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
