//! Reads the logs of the services on behalf of one caller.

use payterms_chassis::{AppError, call::Caller, layers::INNER_MESSAGE, peers::Peers};
use payterms_kernel::Kind;
use payterms_proto::common::peers::v1::{
    EventPlace, GetEventsRequest, GetEventsResponse, GetPlaceRequest,
    event_log_service_client::EventLogServiceClient,
};
use std::{collections::BTreeMap, time::Duration};
use tonic::Code;

/// How long a service may take to answer, beside the time that it may wait for an event.
const BUDGET: Duration = Duration::from_secs(10);

/// What is read, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    pub peers: Peers,
    pub caller: Caller,
    /// The id of the customer whose events are read alone; empty for the whole tenant.
    pub customer: String,
    /// Whether the caller is of that customer.
    pub as_customer: bool,
    /// The types to read, by service.
    pub types: BTreeMap<String, Vec<String>>,
}

impl Logs {
    /// The services that have something to read.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// At most `limit` events of a service after a place; where there is none, waits for one.
    pub(super) async fn read(
        &self,
        service: &str,
        after: Option<EventPlace>,
        limit: i32,
        wait: Option<Duration>,
    ) -> Result<GetEventsResponse, AppError> {
        let message = GetEventsRequest {
            after,
            types: self.types.get(service).cloned().unwrap_or_default(),
            customer: self.customer.clone(),
            as_customer: self.as_customer,
            limit,
            wait: wait.and_then(|wait| wait.try_into().ok()),
        };
        let budget = BUDGET.saturating_add(wait.unwrap_or_default());
        let mut client = EventLogServiceClient::new(self.peers.channel(service)?)
            .max_decoding_message_size(INNER_MESSAGE);
        Ok(client
            .get_events(self.peers.request(service, &self.caller, message, budget)?)
            .await?
            .into_inner())
    }

    /// Where to begin to read in a service.
    pub(super) async fn place(
        &self,
        service: &str,
        from_now: bool,
    ) -> Result<EventPlace, AppError> {
        let mut client = EventLogServiceClient::new(self.peers.channel(service)?);
        let request =
            self.peers.request(service, &self.caller, GetPlaceRequest { from_now }, BUDGET)?;
        let place = client.get_place(request).await?.into_inner().place;
        place.ok_or_else(|| AppError::Fault(format!("{service} names no place in its log")))
    }
}

/// Whether a service did not answer, as opposed to refusing: then its events follow later.
pub(crate) fn is_unreachable(error: &AppError) -> bool {
    match error {
        AppError::Upstream(status) => matches!(
            status.code(),
            Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::ResourceExhausted
                | Code::Internal
                | Code::Unknown
        ),
        // No address is configured.
        AppError::Refused(refusal) => refusal.kind == Kind::Unavailable,
        AppError::Store(_) | AppError::Fault(_) => false,
    }
}
