//! Steps of a flow at another service: a call that is repeated until it has an answer.

use crate::{
    bus::{peer_channel::PeerChannel, peers::Peers},
    wire::{
        call::Caller,
        error::{AppError, has_reason, reason},
    },
};
use payterms_kernel::Reason;
use std::time::Duration;
use tonic::{Code, Request, Response, Status};

/// Attempts of a step, and the pause between them, before its driver gives up and the recovery
/// takes over the flow.
const ATTEMPTS: u32 = 60;
const PAUSE: Duration = Duration::from_millis(250);

/// Whether a peer's answer is a final refusal of a step: a code that a retry cannot change, with a
/// reason on the step's list.
fn is_refusal(status: &Status, reasons: &[Reason]) -> bool {
    let is_final = matches!(
        status.code(),
        Code::FailedPrecondition
            | Code::InvalidArgument
            | Code::OutOfRange
            | Code::AlreadyExists
            | Code::NotFound
    );
    is_final && has_reason(status, reasons)
}

/// The answer to a step that the other service may refuse. A refusal is final, and the flow acts on
/// it; what is no answer is an error.
#[derive(Debug, Clone)]
pub enum StepOutcome<T> {
    /// The step is done, now or by an earlier attempt.
    Done(T),
    /// The service refused it, for a reason on the step's list.
    Refused(Status),
}

impl<T> StepOutcome<T> {
    /// The same outcome with another result.
    #[must_use]
    pub fn map<U>(self, result: impl FnOnce(T) -> U) -> StepOutcome<U> {
        match self {
            Self::Done(done) => StepOutcome::Done(result(done)),
            Self::Refused(status) => StepOutcome::Refused(status),
        }
    }

    /// The reason of the refusal, if it was refused.
    #[must_use]
    pub fn refused_for(&self) -> Option<String> {
        match self {
            Self::Done(_) => None,
            Self::Refused(status) => Some(reason(status).unwrap_or_default()),
        }
    }
}

/// Calls of this service to one gRPC service of another one, on its own behalf. `C` is the client.
#[derive(Debug)]
pub struct Steps<'a, C> {
    peers: &'a Peers,
    service: &'static str,
    caller: Caller,
    budget: Duration,
    client: fn(PeerChannel) -> C,
}

impl<'a, C> Steps<'a, C> {
    /// Calls to `service` as `caller`, each of which may take as long as `budget`.
    #[must_use]
    pub fn new(
        peers: &'a Peers,
        service: &'static str,
        caller: Caller,
        budget: Duration,
        client: fn(PeerChannel) -> C,
    ) -> Self {
        Self { peers, service, caller, budget, client }
    }

    /// Calls once.
    ///
    /// # Errors
    /// `Upstream` with the service's refusal, or UNAVAILABLE if it did not answer.
    pub async fn once<M, A, F>(
        &self,
        message: M,
        call: impl Fn(C, Request<M>) -> F,
    ) -> Result<A, AppError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let request = self.peers.request(self.service, &self.caller, message, self.budget)?;
        let client = (self.client)(self.peers.channel(self.service)?);
        Ok(call(client, request).await?.into_inner())
    }

    /// Repeats a step until the service answers: with a result, or with a refusal for one of
    /// `reasons`, the complete list for this step. Any other outcome leaves the step open: a broken
    /// connection, a fault of the peer, an unexpected refusal. None of these says what happened, so
    /// none may have consequences for a customer.
    ///
    /// # Errors
    /// The last error, if [`ATTEMPTS`] are used up or the request id was used with other content.
    /// The flow's recovery retries.
    pub async fn until_answered<M: Clone, A, F>(
        &self,
        reasons: &[Reason],
        message: M,
        call: impl Fn(C, Request<M>) -> F,
    ) -> Result<StepOutcome<A>, AppError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut attempt = 1;
        loop {
            match self.once(message.clone(), &call).await {
                Ok(answer) => return Ok(StepOutcome::Done(answer)),
                Err(AppError::Upstream(status)) if is_refusal(&status, reasons) => {
                    return Ok(StepOutcome::Refused(*status));
                }
                // This service sent the step before with other content. That is a bug here, which a
                // retry does not mend.
                Err(AppError::Upstream(status))
                    if has_reason(&status, &[Reason::REQUEST_ID_REUSED]) =>
                {
                    return Err(AppError::Fault(status.message().to_owned()));
                }
                Err(AppError::Upstream(status)) if attempt < ATTEMPTS => {
                    log_open_step(&status, attempt);
                }
                Err(error) => return Err(error),
            }
            attempt = attempt.saturating_add(1);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// As [`Self::until_answered`], for a step that cannot be refused.
    ///
    /// # Errors
    /// As there.
    pub async fn until_done<M: Clone, A, F>(
        &self,
        message: M,
        call: impl Fn(C, Request<M>) -> F,
    ) -> Result<A, AppError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        match self.until_answered(&[], message, call).await? {
            StepOutcome::Done(answer) => Ok(answer),
            StepOutcome::Refused(status) => Err(status.into()),
        }
    }
}

/// Logs why a step stays open. The first attempt is a warning if waiting alone will not help; the
/// others are only debug lines.
fn log_open_step(status: &Status, attempt: u32) {
    let code = status.code();
    let reason = reason(status).unwrap_or_default();
    let is_passing = matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted
    );
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
