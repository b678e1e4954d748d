//! What waits in a service, for the operator: open flows and due jobs, the oldest first, and
//! webhooks.

use crate::{
    db::{Db, sql},
    wire::{
        error::AppError,
        page::{Page, PageSigner},
        render::timestamp,
    },
};
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::{
    DueJob, ListDueJobsResponse, ListOpenFlowsResponse, ListWaitingWebhooksResponse, OpenFlow,
    WaitingWebhooks,
};
use sea_orm::QueryResult;
use uuid::Uuid;

/// Separates the parts of a cursor; no name of a tenant, job or flow has it.
const BETWEEN: char = '\u{1f}';

/// Deliveries of an endpoint that are counted; what is more is shown as this.
const MOST: i64 = 10_000;

fn parts(cursor: Option<String>) -> Vec<String> {
    cursor.map(|cursor| cursor.split(BETWEEN).map(str::to_owned).collect()).unwrap_or_default()
}

fn part(parts: &[String], at: usize) -> String {
    parts.get(at).cloned().unwrap_or_default()
}

/// A page of open flows.
pub(crate) async fn flows(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
) -> Result<ListOpenFlowsResponse, AppError> {
    let after = parts(pages.read(&page.list, &page.token)?);
    let fence: i64 = part(&after, 0).parse().unwrap_or(i64::MIN);
    let intent: Uuid = part(&after, 1).parse().unwrap_or_default();
    let select = "SELECT tenant, flow, intent_id, fence, expires_at FROM intent_lease WHERE tenant <> '' AND (fence, intent_id) > ($1, $2) \
                  ORDER BY fence, intent_id LIMIT $3";
    let values =
        vec![fence.into(), intent.into(), i64::try_from(page.reads()).unwrap_or(i64::MAX).into()];
    let rows = sql::all(db.system(), select, values).await?;
    let flow = |row: &QueryResult| {
        let fence: i64 = row.try_get("", "fence")?;
        let expires: DateTime<Utc> = row.try_get("", "expires_at")?;
        let flow = OpenFlow {
            tenant: format!("tenants/{}", row.try_get::<String>("", "tenant")?),
            kind: row.try_get("", "flow")?,
            intent_id: row.try_get::<Uuid>("", "intent_id")?.to_string(),
            open_time: DateTime::from_timestamp_micros(fence).map(timestamp),
            lease_expire_time: Some(timestamp(expires)),
        };
        Ok::<_, AppError>((fence, flow))
    };
    let mut found = rows.iter().map(flow).collect::<Result<Vec<_>, _>>()?;
    let next_page_token =
        pages.cut(page, &mut found, |(fence, flow)| format!("{fence}{BETWEEN}{}", flow.intent_id));
    Ok(ListOpenFlowsResponse {
        open_flows: found.into_iter().map(|(_, flow)| flow).collect(),
        next_page_token,
    })
}

/// A page of due jobs.
pub(crate) async fn due(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
    overdue: bool,
) -> Result<ListDueJobsResponse, AppError> {
    let after = parts(pages.read(&page.list, &page.token)?);
    let instant = part(&after, 0)
        .parse()
        .ok()
        .and_then(DateTime::from_timestamp_micros)
        .unwrap_or(DateTime::UNIX_EPOCH);
    let now = db.clock().now();
    // A test clock stands until somebody advances it, and what it has come to is done then: only
    // while it advances can that be late.
    let waits = "due_at <= coalesce(clock_now, $5) AND NOT suspended AND (clock_now IS NULL OR clock_run IS NOT NULL)";
    let condition = if overdue { format!(" AND {waits}") } else { String::new() };
    let select = format!(
        "SELECT due.tenant AS tenant, job, subject, due_at, claimed_until, CASE WHEN {waits} THEN 1 ELSE 0 END AS overdue FROM due \
         JOIN tenant_states ON tenant_states.tenant = due.tenant WHERE (due_at, due.tenant, job, subject) > ($1, $2, $3, $4){condition} \
         ORDER BY due_at, due.tenant, job, subject LIMIT $6"
    );
    let limit = i64::try_from(page.reads()).unwrap_or(i64::MAX);
    let values = vec![
        instant.into(),
        part(&after, 1).into(),
        part(&after, 2).into(),
        part(&after, 3).into(),
        now.into(),
        limit.into(),
    ];
    let rows = sql::all(db.system(), &select, values).await?;
    let job = |row: &QueryResult| {
        let due: DateTime<Utc> = row.try_get("", "due_at")?;
        let claimed: Option<DateTime<Utc>> = row.try_get("", "claimed_until")?;
        let overdue = row.try_get::<i32>("", "overdue")? == 1;
        let tenant: String = row.try_get("", "tenant")?;
        let job = DueJob {
            tenant: format!("tenants/{tenant}"),
            job: row.try_get("", "job")?,
            subject: row.try_get("", "subject")?,
            due_time: Some(timestamp(due)),
            claim_expire_time: claimed.filter(|until| *until > now).map(timestamp),
            overdue,
        };
        Ok::<_, AppError>((due, tenant, job))
    };
    let mut found = rows.iter().map(job).collect::<Result<Vec<_>, _>>()?;
    let next_page_token = pages.cut(page, &mut found, |(due, tenant, job)| {
        [due.timestamp_micros().to_string(), tenant.clone(), job.job.clone(), job.subject.clone()]
            .join(&BETWEEN.to_string())
    });
    Ok(ListDueJobsResponse {
        due_jobs: found.into_iter().map(|(_, _, job)| job).collect(),
        next_page_token,
    })
}

/// A page of the webhook endpoints for which something waits, of one tenant or of all: deliveries
/// that were made, and events that an endpoint has not come to yet.
pub(crate) async fn waiting_webhooks(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
    tenant: Option<&TenantId>,
) -> Result<ListWaitingWebhooksResponse, AppError> {
    let after = parts(pages.read(&page.list, &page.token)?);
    let endpoint: Uuid = part(&after, 1).parse().unwrap_or_default();
    let limit = i64::try_from(page.reads()).unwrap_or(i64::MAX);
    let mut values = vec![part(&after, 0).into(), endpoint.into(), limit.into()];
    let only = if tenant.is_some() { " AND t.tenant = $4" } else { "" };
    values.extend(tenant.map(|tenant| tenant.as_str().into()));
    let of_target = "FROM webhook_deliveries d WHERE d.tenant = t.tenant AND d.endpoint_id = t.endpoint_id AND d.state = 'PENDING'";
    let select = format!(
        "SELECT * FROM (SELECT t.tenant, t.endpoint_id, CASE WHEN t.enabled AND t.reported < t.generation THEN 1 ELSE 0 END AS served, \
         (SELECT count(*) FROM (SELECT 1 {of_target} LIMIT {MOST}) waiting) AS many, (SELECT min(d.created_at) {of_target}) AS since, \
         CASE WHEN t.enabled AND t.reported < t.generation AND EXISTS (SELECT 1 FROM outbox o WHERE o.tenant = t.tenant \
         AND o.position > t.position) THEN 1 ELSE 0 END AS behind \
         FROM webhook_targets t WHERE (t.tenant, t.endpoint_id) > ($1, $2){only}) targets WHERE many > 0 OR behind = 1 \
         ORDER BY tenant, endpoint_id LIMIT $3"
    );
    let rows = sql::all(db.system(), &select, values).await?;
    let waiting = |row: &QueryResult| {
        let (tenant, endpoint): (String, Uuid) =
            (row.try_get("", "tenant")?, row.try_get("", "endpoint_id")?);
        let (many, since): (i64, Option<DateTime<Utc>>) =
            (row.try_get("", "many")?, row.try_get("", "since")?);
        let waiting = WaitingWebhooks {
            webhook_endpoint: format!("tenants/{tenant}/webhookEndpoints/{endpoint}"),
            waiting_count: i32::try_from(many).unwrap_or(i32::MAX),
            behind: row.try_get::<i32>("", "behind")? == 1,
            enabled: row.try_get::<i32>("", "served")? == 1,
            oldest_time: since.map(timestamp),
        };
        Ok::<_, AppError>((tenant, endpoint, waiting))
    };
    let mut found = rows.iter().map(waiting).collect::<Result<Vec<_>, _>>()?;
    let next_page_token =
        pages.cut(page, &mut found, |(tenant, endpoint, _)| format!("{tenant}{BETWEEN}{endpoint}"));
    Ok(ListWaitingWebhooksResponse {
        waiting_webhooks: found.into_iter().map(|(_, _, waiting)| waiting).collect(),
        next_page_token,
    })
}
