//! The operator's methods in every service: publish snapshots again, look after dead letters, see
//! what waits, check what must hold.

use crate::{
    bus::{
        checks::Checks,
        heads,
        inbox::Inbox,
        queues,
        sealed::{self, SealedTable},
        shared,
        snapshots::Snapshots,
    },
    db::{
        Db, sql,
        tx::events::{AggregateVersion, EventKind},
    },
    flow::{Flows, handler},
    wire::{
        answer::Answer,
        call::Call,
        error::AppError,
        fields::Fields,
        page::{Page, PageSigner},
        render::timestamp,
    },
};
use payterms_kernel::{Kind, Reason, Refusal};
use payterms_proto::common::v1::{
    CheckRequest, CheckResponse, CountSealedValuesRequest, CountSealedValuesResponse, DeadLetter,
    DismissDeadLetterRequest, DismissDeadLetterResponse, ListAggregateVersionsRequest,
    ListAggregateVersionsResponse, ListDeadLettersRequest, ListDeadLettersResponse,
    ListDueJobsRequest, ListDueJobsResponse, ListOpenFlowsRequest, ListOpenFlowsResponse,
    ListSharedAmountsRequest, ListSharedAmountsResponse, ListWaitingWebhooksRequest,
    ListWaitingWebhooksResponse, RepublishRequest, RepublishResponse, ResealValuesRequest,
    ResealValuesResponse, RetryDeadLetterRequest, RetryDeadLetterResponse,
    operations_service_server::OperationsService,
};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use std::{collections::BTreeMap, sync::Arc};
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Aggregates published again in one call: their heads stay locked until its commit.
const PAGE: i64 = 200;

/// The handler of `OperationsService` in one service.
#[derive(Debug, Clone)]
pub struct Operations {
    pub(crate) db: Db,
    pub(crate) pages: PageSigner,
    pub(crate) snapshots: Snapshots,
    pub(crate) inbox: Inbox,
    pub(crate) flows: Flows,
    pub(crate) checks: Checks,
    /// The types of aggregate of other services whose events it applies, by service.
    pub(crate) hears: Arc<BTreeMap<String, Vec<String>>>,
    /// Its tables with sealed values.
    pub(crate) sealed: Arc<[SealedTable]>,
}

impl Operations {
    /// The types of aggregate that the service knows of a source.
    fn types_of(&self, source: &str) -> Vec<&str> {
        if source == self.db.service() {
            return self.snapshots.types().collect();
        }
        self.hears.get(source).into_iter().flatten().map(String::as_str).collect()
    }

    /// Publishes a page of aggregates again. Their versions rise by `raise`.
    async fn republish(
        &self,
        call: &Call,
        aggregate: &str,
        page: &Page,
        raise: i64,
    ) -> Result<Answer<RepublishResponse>, AppError> {
        let Some((aggregate, event, load)) = self.snapshots.get(aggregate) else {
            let types: Vec<_> = self.snapshots.types().collect();
            let message =
                format!("Nothing of that type can be repeated. Use one of: {}.", types.join(", "));
            return Err(Refusal::new(Kind::Invalid, Reason::AGGREGATE_TYPE_UNKNOWN, message).into());
        };
        let after = self.pages.read(&page.list, &page.token)?.unwrap_or_default();
        let mut tx = self.db.begin_forward(call).await?;
        // The heads are locked before the states are read, so that each snapshot carries the state
        // of exactly its version.
        let lock = if tx.conn().get_database_backend() == DbBackend::Postgres {
            " FOR UPDATE"
        } else {
            ""
        };
        let select = format!(
            "SELECT aggregate_id, version FROM aggregate_heads WHERE tenant = $1 AND aggregate_type = $2 AND aggregate_id > $3 \
             ORDER BY aggregate_id LIMIT {PAGE}{lock}"
        );
        let heads = sql::all(
            tx.conn(),
            &select,
            vec![call.tenant.as_str().into(), aggregate.into(), after.into()],
        )
        .await?;
        if let Some(answer) = tx.replay().await? {
            return Ok(answer);
        }
        let pair = |row: &QueryResult| {
            Ok::<(String, i64), AppError>((
                row.try_get("", "aggregate_id")?,
                row.try_get("", "version")?,
            ))
        };
        let heads = heads.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<_> = heads.iter().map(|(id, _)| id.clone()).collect();
        let states = load(&tx, &ids).await?;
        let mut snapshot_count = 0_i32;
        for (id, data) in states {
            let Some((_, version)) = heads.iter().find(|(head, _)| *head == id) else { continue };
            let event_id = tx.id::<Self>().uuid();
            let version = version.saturating_add(raise);
            if raise > 0 {
                let update = "UPDATE aggregate_heads SET version = $4 WHERE tenant = $1 AND aggregate_type = $2 AND aggregate_id = $3";
                let values = vec![
                    call.tenant.as_str().into(),
                    aggregate.into(),
                    id.as_str().into(),
                    version.into(),
                ];
                sql::exec(tx.conn(), update, values).await?;
            }
            let version = AggregateVersion { kind: aggregate, id: &id, version };
            tx.put_event(event_id, version, event, data, EventKind::Snapshot).await?;
            snapshot_count = snapshot_count.saturating_add(1);
        }
        let full = i64::try_from(heads.len()).unwrap_or(PAGE) == PAGE;
        let next = ids.last().filter(|_| full).map(|last| self.pages.sign(&page.list, last));
        tx.commit(RepublishResponse { snapshot_count, next_page_token: next.unwrap_or_default() })
            .await
    }

    /// Does something to a dead letter that tells its failure, and stores the answer. Applying and
    /// passing over are idempotent by the event's id, so what was done and not answered may be done
    /// again.
    async fn handle<M: Message + Default>(
        &self,
        call: &Call,
        handled: impl Future<Output = Result<Option<String>, AppError>>,
        answer: impl FnOnce(Option<String>) -> M,
    ) -> Result<Answer<M>, AppError> {
        let mut tx = self.db.begin_forward(call).await?;
        if let Some(answer) = tx.replay().await? {
            return Ok(answer);
        }
        drop(tx);
        let failure = handled.await?;
        let mut tx = self.db.begin_forward(call).await?;
        if let Some(answer) = tx.replay().await? {
            return Ok(answer);
        }
        tx.commit(answer(failure)).await
    }

    async fn list(&self, page: &Page) -> Result<ListDeadLettersResponse, AppError> {
        let after = self.pages.cursor(page)?.unwrap_or(Uuid::nil());
        let mut dead_letters = self.inbox.dead_letters(after, page.reads()).await?;
        let next_page_token = self.pages.cut(page, &mut dead_letters, |letter| {
            letter.name.rsplit('/').next().unwrap_or_default().to_owned()
        });
        Ok(ListDeadLettersResponse { dead_letters, next_page_token })
    }
}

/// The dead letter of an inbox row whose stored event has the type `event_type`.
pub(crate) fn dead_letter(row: &QueryResult, event_type: &str) -> Result<DeadLetter, AppError> {
    let id: Uuid = row.try_get("", "event_id")?;
    let tried: chrono::DateTime<chrono::Utc> = row.try_get("", "recorded_at")?;
    let attempts: i64 = row.try_get("", "attempts")?;
    Ok(DeadLetter {
        name: format!("tenants/{}/deadLetters/{id}", row.try_get::<String>("", "tenant")?),
        source: row.try_get("", "source")?,
        r#type: event_type.to_owned(),
        aggregate_type: row.try_get("", "aggregate_type")?,
        aggregate_id: row.try_get("", "aggregate_id")?,
        version: row.try_get("", "version")?,
        attempt_count: i32::try_from(attempts).unwrap_or(i32::MAX),
        failure: row.try_get("", "failure")?,
        attempt_time: Some(timestamp(tried)),
    })
}

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn republish(
        &self,
        request: Request<RepublishRequest>,
    ) -> Result<Response<RepublishResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("parent", &message.parent, &[]).tenant;
        let aggregate = fields.text("aggregate_type", &message.aggregate_type, 1, 40);
        let page = Page::parse(
            &mut fields,
            &format!("{} {aggregate}", message.parent),
            0,
            &message.page_token,
        );
        let call = fields.write(&message.request_id, tenant)?;
        let raise = if message.after_restore { heads::RESTORED } else { 0 };
        handler::write(&self.flows, &call, || {
            Self::republish(self, &call, &aggregate, &page, raise)
        })
        .await
    }

    async fn list_aggregate_versions(
        &self,
        request: Request<ListAggregateVersionsRequest>,
    ) -> Result<Response<ListAggregateVersionsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("parent", &message.parent, &[]).tenant;
        let source = fields.text("source", &message.source, 1, 40);
        let aggregate = fields.text("aggregate_type", &message.aggregate_type, 1, 40);
        let types = self.types_of(&source);
        if !aggregate.is_empty() && !types.contains(&aggregate.as_str()) {
            let description = format!(
                "It knows no such aggregates of that source. Use one of: {}.",
                types.join(", ")
            );
            fields.wrong("aggregate_type", Reason::AGGREGATE_TYPE_UNKNOWN, description);
        }
        let list = format!("{} {source} {aggregate}", message.parent);
        let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
        fields.finish()?;
        handler::read(heads::list(&self.db, &self.pages, &page, &tenant, &source, &aggregate)).await
    }

    async fn list_shared_amounts(
        &self,
        request: Request<ListSharedAmountsRequest>,
    ) -> Result<Response<ListSharedAmountsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("parent", &message.parent, &[]).tenant;
        let kind = fields.choice("kind", message.kind);
        let list = format!("{} {}", message.parent, message.kind);
        let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
        fields.finish()?;
        handler::read(shared::list(&self.db, &self.pages, &page, &tenant, self.checks.shared(kind)))
            .await
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let page = Page::parse(&mut fields, "", message.page_size, &message.page_token);
        fields.finish()?;
        handler::read(self.list(&page)).await
    }

    async fn retry_dead_letter(
        &self,
        request: Request<RetryDeadLetterRequest>,
    ) -> Result<Response<RetryDeadLetterResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let name = fields.name("name", &message.name, &["deadLetters"]);
        let call = fields.write(&message.request_id, name.tenant.clone())?;
        let answer = |failure: Option<String>| RetryDeadLetterResponse {
            applied: failure.is_none(),
            failure: failure.unwrap_or_default(),
        };
        Box::pin(handler::write(&self.flows, &call, || {
            self.handle(&call, self.inbox.retry(&call.tenant, name.id(0)), answer)
        }))
        .await
    }

    async fn dismiss_dead_letter(
        &self,
        request: Request<DismissDeadLetterRequest>,
    ) -> Result<Response<DismissDeadLetterResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let name = fields.name("name", &message.name, &["deadLetters"]);
        let call = fields.write(&message.request_id, name.tenant.clone())?;
        let answer = |failure: Option<String>| DismissDeadLetterResponse {
            dismissed: failure.is_none(),
            failure: failure.unwrap_or_default(),
        };
        Box::pin(handler::write(&self.flows, &call, || {
            self.handle(&call, self.inbox.dismiss(&call.tenant, name.id(0)), answer)
        }))
        .await
    }

    async fn list_open_flows(
        &self,
        request: Request<ListOpenFlowsRequest>,
    ) -> Result<Response<ListOpenFlowsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let page = Page::parse(&mut fields, "", message.page_size, &message.page_token);
        fields.finish()?;
        handler::read(queues::flows(&self.db, &self.pages, &page)).await
    }

    async fn list_due_jobs(
        &self,
        request: Request<ListDueJobsRequest>,
    ) -> Result<Response<ListDueJobsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let page = Page::parse(
            &mut fields,
            &message.overdue.to_string(),
            message.page_size,
            &message.page_token,
        );
        fields.finish()?;
        handler::read(queues::due(&self.db, &self.pages, &page, message.overdue)).await
    }

    async fn list_waiting_webhooks(
        &self,
        request: Request<ListWaitingWebhooksRequest>,
    ) -> Result<Response<ListWaitingWebhooksResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = (!message.parent.is_empty())
            .then(|| fields.name("parent", &message.parent, &[]).tenant);
        let page =
            Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
        fields.finish()?;
        handler::read(queues::waiting_webhooks(&self.db, &self.pages, &page, tenant.as_ref())).await
    }

    async fn count_sealed_values(
        &self,
        request: Request<CountSealedValuesRequest>,
    ) -> Result<Response<CountSealedValuesResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = (!message.parent.is_empty())
            .then(|| fields.name("parent", &message.parent, &[]).tenant);
        let page = Page::parse(&mut fields, &message.parent, 0, &message.page_token);
        fields.finish()?;
        handler::read(sealed::count(&self.db, &self.pages, &page, &self.sealed, tenant.as_ref()))
            .await
    }

    async fn reseal_values(
        &self,
        request: Request<ResealValuesRequest>,
    ) -> Result<Response<ResealValuesResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.name("parent", &message.parent, &[]).tenant;
        let page = Page::parse(&mut fields, &message.parent, 0, &message.page_token);
        let call = fields.write(&message.request_id, tenant)?;
        handler::write(&self.flows, &call, || {
            sealed::reseal(&self.db, &call, &self.pages, &page, &self.sealed)
        })
        .await
    }

    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let checked = self.checks.parse(&mut fields, &message);
        fields.finish()?;
        handler::read(self.checks.check_next_pieces(&self.pages, &checked)).await
    }
}
