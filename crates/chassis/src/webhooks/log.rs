//! `WebhookLogService`: what this service has sent to an endpoint, and what it is to send again.

use crate::{
    db::{Db, sql},
    flow::{Flows, handler},
    webhooks::targets,
    wire::{
        answer::Answer,
        call::Call,
        error::AppError,
        fields::Fields,
        page::{Page, PageSigner},
        render::timestamp,
    },
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::common::{
    peers::v1::{
        ListDeliveriesRequest, ListDeliveriesResponse, RedeliverEventRequest,
        RedeliverEventResponse, RedeliverEventsRequest, RedeliverEventsResponse,
        webhook_log_service_server::WebhookLogService,
    },
    v1::{WebhookDelivery, webhook_delivery::State},
};
use sea_orm::{ConnectionTrait, QueryResult};
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// The log of one service.
#[derive(Debug, Clone)]
pub(crate) struct WebhookLog {
    pub db: Db,
    pub flows: Flows,
    pub pages: PageSigner,
}

/// What is listed.
struct Listed {
    tenant: TenantId,
    endpoint: Uuid,
    /// The name of a state; empty: all.
    state: &'static str,
    page: Page,
}

/// A span of events of an endpoint.
struct Span {
    endpoint: Uuid,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

const COLUMNS: &str = "event_id, event_type, subject, state, attempts, outcome, http_status, due_at, created_at, updated_at, position, item";

impl WebhookLog {
    /// Refuses an endpoint that is not known here.
    async fn must_know<C: ConnectionTrait>(
        conn: &C,
        tenant: &TenantId,
        endpoint: Uuid,
    ) -> Result<(), AppError> {
        let select =
            "SELECT 1 AS found FROM webhook_targets WHERE tenant = $1 AND endpoint_id = $2";
        let row = sql::one(conn, select, vec![tenant.as_str().into(), endpoint.into()]).await?;
        row.map(|_| ()).ok_or_else(|| Refusal::not_found().into())
    }

    async fn list(&self, listed: &Listed) -> Result<ListDeliveriesResponse, AppError> {
        let Listed { tenant, endpoint, state, page } = listed;
        let before = self.pages.read(&page.list, &page.token)?;
        let before = before.as_deref().and_then(|text| text.split_once('/'));
        let before = before.and_then(|(position, item)| {
            Some((position.parse::<i64>().ok()?, item.parse::<i64>().ok()?))
        });
        let (position, item) = before.unwrap_or((i64::MAX, i64::MAX));
        Self::must_know(self.db.system(), tenant, *endpoint).await?;
        let condition = if state.is_empty() { "" } else { " AND state = $6" };
        let select = format!(
            "SELECT {COLUMNS} FROM webhook_deliveries WHERE tenant = $1 AND endpoint_id = $2 AND (position < $3 OR (position = $3 AND item < $4))\
             {condition} ORDER BY position DESC, item DESC LIMIT $5"
        );
        let limit = i64::try_from(page.reads()).unwrap_or(i64::MAX);
        let mut values = vec![
            tenant.as_str().into(),
            (*endpoint).into(),
            position.into(),
            item.into(),
            limit.into(),
        ];
        if !state.is_empty() {
            values.push((*state).into());
        }
        let mut rows = sql::all(self.db.system(), &select, values).await?;
        let place = |row: &QueryResult| {
            let number = |column: &str| row.try_get::<i64>("", column).unwrap_or_default();
            format!("{}/{}", number("position"), number("item"))
        };
        let next_page_token = self.pages.cut(page, &mut rows, place);
        let webhook_deliveries = rows
            .iter()
            .map(|row| self.delivery(tenant, *endpoint, row))
            .collect::<Result<_, _>>()?;
        Ok(ListDeliveriesResponse { webhook_deliveries, next_page_token })
    }

    fn delivery(
        &self,
        tenant: &TenantId,
        endpoint: Uuid,
        row: &QueryResult,
    ) -> Result<WebhookDelivery, AppError> {
        let number = |column: &str| {
            row.try_get::<i64>("", column).map(|number| i32::try_from(number).unwrap_or(i32::MAX))
        };
        let due: Option<DateTime<Utc>> = row.try_get("", "due_at")?;
        let state: String = row.try_get("", "state")?;
        let event: Uuid = row.try_get("", "event_id")?;
        Ok(WebhookDelivery {
            name: format!("{}/deliveries/{event}", targets::name(tenant, endpoint)),
            source: self.db.service().to_owned(),
            event_type: row.try_get("", "event_type")?,
            subject: row.try_get("", "subject")?,
            state: State::from_str_name(&format!("STATE_{state}")).unwrap_or_default().into(),
            attempt_count: number("attempts")?,
            outcome: row.try_get("", "outcome")?,
            http_status: number("http_status")?,
            next_attempt_time: due.map(timestamp),
            create_time: Some(timestamp(row.try_get("", "created_at")?)),
            update_time: Some(timestamp(row.try_get("", "updated_at")?)),
        })
    }

    async fn redeliver(
        &self,
        call: &Call,
        endpoint: Uuid,
        event: Uuid,
    ) -> Result<Answer<RedeliverEventResponse>, AppError> {
        let mut tx = self.db.begin_forward(call).await?;
        let key = || vec![call.tenant.as_str().into(), endpoint.into(), event.into()];
        // The claim counts up, so that an attempt under way does not end what begins anew.
        let update = format!(
            "UPDATE webhook_deliveries SET state = 'PENDING', attempts = 0, claim = claim + 1, due_at = $4, first_attempt_at = NULL, updated_at = $4 \
             WHERE tenant = $1 AND endpoint_id = $2 AND event_id = $3 AND EXISTS (SELECT 1 FROM webhook_targets t \
             WHERE t.tenant = $1 AND t.endpoint_id = $2) AND EXISTS (SELECT 1 FROM outbox o WHERE o.tenant = $1 \
             AND o.position = webhook_deliveries.position) RETURNING {COLUMNS}"
        );
        let mut values = key();
        values.push(tx.time().real.into());
        let row = sql::one(tx.conn(), &update, values).await?;
        if let Some(answer) = tx.replay().await? {
            return Ok(answer);
        }
        let row = row.ok_or_else(Refusal::not_found)?;
        let webhook_delivery = Some(self.delivery(&call.tenant, endpoint, &row)?);
        tx.commit(RedeliverEventResponse { webhook_delivery }).await
    }

    async fn redeliver_span(
        &self,
        call: &Call,
        span: &Span,
    ) -> Result<Answer<RedeliverEventsResponse>, AppError> {
        let mut tx = self.db.begin_forward(call).await?;
        if let Some(answer) = tx.replay().await? {
            return Ok(answer);
        }
        Self::must_know(tx.conn(), &call.tenant, span.endpoint).await?;
        let insert = "INSERT INTO webhook_replays (tenant, endpoint_id, id, position, through, since, until) \
                      SELECT $1, $2, $3, 0, position, $4, $5 FROM webhook_targets WHERE tenant = $1 AND endpoint_id = $2";
        let values = vec![
            call.tenant.as_str().into(),
            span.endpoint.into(),
            call.request_id.into(),
            span.since.into(),
            span.until.into(),
        ];
        sql::exec(tx.conn(), insert, values).await?;
        tx.commit(RedeliverEventsResponse {}).await
    }
}

/// The collections of an endpoint's name, and of a delivery's.
const ENDPOINT: &[&str] = &["webhookEndpoints"];
const DELIVERY: &[&str] = &["webhookEndpoints", "deliveries"];

#[tonic::async_trait]
impl WebhookLogService for WebhookLog {
    async fn list_deliveries(
        &self,
        request: Request<ListDeliveriesRequest>,
    ) -> Result<Response<ListDeliveriesResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let name = fields.name("parent", &message.parent, ENDPOINT);
        let state =
            if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
        let state = match state {
            Some(State::Pending) => "PENDING",
            Some(State::Delivered) => "DELIVERED",
            Some(State::Failed) => "FAILED",
            Some(State::Unspecified) | None => "",
        };
        let list = format!("{} {state}", message.parent);
        let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
        fields.finish()?;
        let listed = Listed { endpoint: name.id(0), tenant: name.tenant, state, page };
        handler::read(self.list(&listed)).await
    }

    async fn redeliver_event(
        &self,
        request: Request<RedeliverEventRequest>,
    ) -> Result<Response<RedeliverEventResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let name = fields.name("name", &message.name, DELIVERY);
        let (endpoint, event) = (name.id(0), name.id(1));
        let call = fields.write(&message.request_id, name.tenant)?;
        handler::write(&self.flows, &call, || self.redeliver(&call, endpoint, event)).await
    }

    async fn redeliver_events(
        &self,
        request: Request<RedeliverEventsRequest>,
    ) -> Result<Response<RedeliverEventsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let name = fields.name("parent", &message.parent, ENDPOINT);
        let span = Span {
            endpoint: name.id(0),
            since: fields.instant("start_time", message.start_time.as_ref()),
            until: fields.instant("end_time", message.end_time.as_ref()),
        };
        let call = fields.write(&message.request_id, name.tenant)?;
        handler::write(&self.flows, &call, || self.redeliver_span(&call, &span)).await
    }
}
