//! `WebhookDeliveryService`: the logs of what each service has sent to an endpoint, one after the
//! other, and what is to be sent again. The gateway stores nothing; each service looks its part of
//! a repeated request up.

use crate::events::is_unreachable;
use payterms_chassis::{
    AppError, Fields, answer::REPLAYED, call::Caller, error::has_reason, layers::INNER_MESSAGE,
    names::Name, peer_channel::PeerChannel, peers::Peers, render::timestamp,
};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::{
    common::{
        peers::v1::{
            ListDeliveriesRequest, ListDeliveriesResponse, RedeliverEventRequest,
            RedeliverEventsRequest, webhook_log_service_client::WebhookLogServiceClient,
        },
        v1::{WebhookDelivery, webhook_delivery::State},
    },
    gateway::v1::{
        ListWebhookDeliveriesRequest, ListWebhookDeliveriesResponse, RedeliverWebhookEventRequest,
        RedeliverWebhookEventResponse, RedeliverWebhookEventsRequest,
        RedeliverWebhookEventsResponse, webhook_delivery_service_server::WebhookDeliveryService,
    },
};
use std::time::Duration;
use tonic::{Request, Response, Status, metadata::MetadataValue};

/// How long a service may take.
const BUDGET: Duration = Duration::from_secs(10);
/// The most characters of a page token.
const LONGEST_TOKEN: usize = 400;
/// The services, in the order in which their deliveries are listed. The first one keeps the
/// endpoints and knows all of them.
const SERVICES: [&str; 4] = ["invoicing", "wallet", "credit", "plans"];
/// The collections of an endpoint's name, and of a delivery's.
const ENDPOINT: &[&str] = &["webhookEndpoints"];
const DELIVERY: &[&str] = &["webhookEndpoints", "deliveries"];

/// Serves the logs of webhooks.
#[derive(Debug, Clone)]
pub struct WebhookLogs {
    /// The services.
    pub peers: Peers,
}

/// Whether a service does not know what was named: it has not heard of the endpoint yet, or the
/// delivery is another's.
fn is_elsewhere(error: &AppError) -> bool {
    matches!(error, AppError::Upstream(status) if has_reason(status, &[Reason::RESOURCE_NOT_FOUND]))
}

impl WebhookLogs {
    fn client(&self, service: &str) -> Result<WebhookLogServiceClient<PeerChannel>, AppError> {
        Ok(WebhookLogServiceClient::new(self.peers.channel(service)?)
            .max_decoding_message_size(INNER_MESSAGE))
    }

    fn request<M>(
        &self,
        service: &str,
        caller: &Caller,
        message: M,
    ) -> Result<Request<M>, AppError> {
        self.peers.request(service, caller, message, BUDGET)
    }

    /// A page of deliveries, and the token of what follows on it: a service's rest, then the next
    /// service's, until the page is full.
    async fn list(
        &self,
        caller: &Caller,
        mut place: usize,
        mut message: ListDeliveriesRequest,
        size: usize,
    ) -> Result<ListWebhookDeliveriesResponse, AppError> {
        let mut page = ListWebhookDeliveriesResponse::default();
        loop {
            message.page_size = i32::try_from(size.saturating_sub(page.webhook_deliveries.len()))
                .unwrap_or(i32::MAX);
            match self.list_one(caller, place, message.clone()).await {
                Ok(answered) => {
                    page.webhook_deliveries.extend(answered.webhook_deliveries);
                    page.next_page_token = answered.next_page_token;
                }
                // What was found is answered; the next page asks the same service again.
                Err(error) if page.webhook_deliveries.is_empty() || !is_unreachable(&error) => {
                    return Err(error);
                }
                Err(_) => return Ok(page),
            }
            if page.next_page_token.is_empty() || page.webhook_deliveries.len() >= size {
                return Ok(page);
            }
            let next = split(&page.next_page_token).map(|(next, token)| (next, token.to_owned()));
            (place, message.page_token) =
                next.ok_or_else(|| AppError::Fault("a token of a page of webhooks".to_owned()))?;
        }
    }

    /// A page of one service's deliveries, and the token of what follows on it in all services.
    async fn list_one(
        &self,
        caller: &Caller,
        place: usize,
        message: ListDeliveriesRequest,
    ) -> Result<ListWebhookDeliveriesResponse, AppError> {
        let service = SERVICES.get(place).copied().unwrap_or_default();
        let listed = self
            .client(service)?
            .list_deliveries(self.request(service, caller, message)?)
            .await
            .map_err(AppError::from);
        let page = match listed {
            Ok(page) => page.into_inner(),
            Err(error) if place > 0 && is_elsewhere(&error) => ListDeliveriesResponse::default(),
            Err(error) => return Err(error),
        };
        let next_page_token = if page.next_page_token.is_empty() {
            SERVICES.get(place.saturating_add(1)).map(|next| format!("{next}.")).unwrap_or_default()
        } else {
            format!("{service}.{}", page.next_page_token)
        };
        Ok(ListWebhookDeliveriesResponse {
            webhook_deliveries: page.webhook_deliveries,
            next_page_token,
        })
    }

    /// Sends an event again in the service whose it is. Where one does not answer, it may be that
    /// one's.
    async fn redeliver(
        &self,
        caller: &Caller,
        message: &RedeliverEventRequest,
    ) -> Result<(WebhookDelivery, bool), AppError> {
        let mut unreachable = None;
        for service in SERVICES {
            let answer = self
                .client(service)?
                .redeliver_event(self.request(service, caller, message.clone())?)
                .await;
            match answer.map_err(AppError::from) {
                Ok(answer) => {
                    let is_replay = answer.metadata().contains_key(REPLAYED);
                    return Ok((
                        answer.into_inner().webhook_delivery.unwrap_or_default(),
                        is_replay,
                    ));
                }
                Err(error) if is_elsewhere(&error) => {}
                Err(error) if is_unreachable(&error) => unreachable = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(unreachable.unwrap_or_else(|| Refusal::not_found().into()))
    }

    /// Sends the events of a span again, in every service. If one does not answer, the caller
    /// repeats the request. Answers whether the first one had done so before: of requests at once
    /// another may come first in another service.
    async fn redeliver_span(
        &self,
        caller: &Caller,
        message: &RedeliverEventsRequest,
    ) -> Result<bool, AppError> {
        let mut is_replay = false;
        for (place, service) in SERVICES.into_iter().enumerate() {
            let answer = self
                .client(service)?
                .redeliver_events(self.request(service, caller, message.clone())?)
                .await;
            match answer.map_err(AppError::from) {
                Ok(answer) => is_replay |= place == 0 && answer.metadata().contains_key(REPLAYED),
                // One that has not heard of the endpoint yet has sent it nothing.
                Err(error) if place > 0 && is_elsewhere(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(is_replay)
    }
}

/// An answer that says whether it was given before, as those of services do.
fn with_replay_mark<M>(message: M, is_replay: bool) -> Response<M> {
    let mut response = Response::new(message);
    if is_replay {
        response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
    }
    response
}

/// The service whose page a token continues, and its own token.
fn split(token: &str) -> Option<(usize, &str)> {
    if token.is_empty() {
        return Some((0, ""));
    }
    let (service, rest) = token.split_once('.')?;
    SERVICES.iter().position(|known| *known == service).map(|place| (place, rest))
}

#[tonic::async_trait]
impl WebhookDeliveryService for WebhookLogs {
    async fn list_webhook_deliveries(
        &self,
        request: Request<ListWebhookDeliveriesRequest>,
    ) -> Result<Response<ListWebhookDeliveriesResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        fields.name("parent", &message.parent, ENDPOINT);
        if message.state != 0 {
            fields.choice::<State>("state", message.state);
        }
        let size = fields.page_size(message.page_size);
        fields.token("page_token", &message.page_token, 0, LONGEST_TOKEN);
        let place = split(&message.page_token);
        if place.is_none() {
            fields.wrong("page_token", Reason::PAGE_TOKEN_INVALID, "Start again without a token.");
        }
        let caller = fields.scope().caller.clone();
        fields.finish()?;
        let (place, token) = place.unwrap_or_default();
        let ListWebhookDeliveriesRequest { parent, state, page_size, .. } = message.clone();
        let inner =
            ListDeliveriesRequest { parent, state, page_size, page_token: token.to_owned() };
        Ok(Response::new(self.list(&caller, place, inner, size as usize).await?))
    }

    async fn redeliver_webhook_event(
        &self,
        request: Request<RedeliverWebhookEventRequest>,
    ) -> Result<Response<RedeliverWebhookEventResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let Name { tenant, .. } = fields.name("name", &message.name, DELIVERY);
        let caller = fields.write(&message.request_id, tenant)?.caller;
        let inner = RedeliverEventRequest { request_id: message.request_id, name: message.name };
        let (delivery, is_replay) = self.redeliver(&caller, &inner).await?;
        Ok(with_replay_mark(
            RedeliverWebhookEventResponse { webhook_delivery: Some(delivery) },
            is_replay,
        ))
    }

    async fn redeliver_webhook_events(
        &self,
        request: Request<RedeliverWebhookEventsRequest>,
    ) -> Result<Response<RedeliverWebhookEventsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let Name { tenant, .. } = fields.name("parent", &message.parent, ENDPOINT);
        let since = fields.instant("start_time", message.start_time.as_ref());
        let until = fields.optional_instant("end_time", message.end_time.as_ref());
        if until.is_some_and(|until| until <= since) {
            fields.wrong("end_time", Reason::FIELD_OUT_OF_RANGE, "Use an instant after the start.");
        }
        let caller = fields.write(&message.request_id, tenant)?.caller;
        let inner = RedeliverEventsRequest {
            request_id: message.request_id,
            parent: message.parent,
            start_time: Some(timestamp(since)),
            // The last instant that there is: the services go no further than where the endpoint
            // stands.
            end_time: Some(until.map_or(LAST, timestamp)),
        };
        let is_replay = self.redeliver_span(&caller, &inner).await?;
        Ok(with_replay_mark(RedeliverWebhookEventsResponse {}, is_replay))
    }
}

/// The end of the year 9999. The same for each repetition of a request, whose content must not
/// change.
const LAST: prost_types::Timestamp = prost_types::Timestamp { seconds: 253_402_300_799, nanos: 0 };
