//! `payterms flows`, `payterms due` and `payterms webhooks`: what has begun and not closed, what
//! falls due, and which webhooks wait.

use crate::operate::{
    Outcome, Service,
    connection::ConnectionOptions,
    output::{self, Output, instant, json_from, plain},
    sentence_of,
};
use clap::Args;
use payterms_proto::common::v1::{
    DueJob, ListDueJobsRequest, ListOpenFlowsRequest, ListWaitingWebhooksRequest, OpenFlow,
    WaitingWebhooks,
};
use serde_json::json;
use std::path::Path;

/// Rows of one call.
const PAGE: i32 = 500;

/// Options of `flows`.
#[derive(Debug, Args)]
#[command(
    about = "Lists flows over several services that have begun and not closed, the oldest first of each service",
    after_help = "Example: payterms flows --service invoicing"
)]
pub struct FlowOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Service whose flows are listed; may be given several times. All if not given.
    #[arg(long = "service", value_enum)]
    pub services: Vec<Service>,
    /// How many of each service at most.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Options of `due`.
#[derive(Debug, Args)]
#[command(
    about = "Lists what falls due, the earliest first of each service",
    after_help = "Example: payterms due --overdue"
)]
pub struct DueOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Service whose jobs are listed; may be given several times. All if not given.
    #[arg(long = "service", value_enum)]
    pub services: Vec<Service>,
    /// Only what is due now and waits; nothing of a tenant whose test clock stands.
    #[arg(long)]
    pub overdue: bool,
    /// How many of each service at most.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Options of `webhooks`.
#[derive(Debug, Args)]
#[command(
    about = "Lists webhook endpoints for which something waits, with how much, in each service",
    after_help = "Example: payterms webhooks --tenant acme"
)]
pub struct WebhookOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant whose endpoints are listed; all tenants' if not given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// Service whose webhooks are listed; may be given several times. All if not given.
    #[arg(long = "service", value_enum)]
    pub services: Vec<Service>,
    /// How many endpoints of each service at most.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// The whole of `flows`.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run_flows(options: &FlowOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let mut found: Vec<(Service, OpenFlow)> = Vec::new();
    for service in Service::chosen(&options.services) {
        let (mut page_token, mut left) = (String::new(), options.limit);
        while left > 0 {
            let request = ListOpenFlowsRequest { page_size: PAGE, page_token };
            let answer = session.operations(service.name()).list_open_flows(request).await;
            let answer =
                answer.map_err(|status| sentence_of(service.name(), &status))?.into_inner();
            let taken = answer.open_flows.len().min(left);
            left -= taken;
            found.extend(answer.open_flows.into_iter().take(taken).map(|flow| (service, flow)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    match options.connection.output {
        Output::Json => {
            let flows = found
                .iter()
                .map(|(service, flow)| json_from(service.name(), flow))
                .collect::<Result<Vec<_>, _>>()?;
            output::print_json(&json!({ "openFlows": flows }))?;
        }
        Output::Table => {
            let row = |(service, flow): &(Service, OpenFlow)| {
                let (opened, lease) =
                    (instant(flow.open_time.as_ref()), instant(flow.lease_expire_time.as_ref()));
                vec![
                    service.name().to_owned(),
                    flow.tenant.clone(),
                    plain(&flow.kind),
                    flow.intent_id.clone(),
                    opened,
                    lease,
                ]
            };
            let rows = found.iter().map(row).collect();
            output::print_table(
                &["service", "tenant", "flow", "intent", "open since", "leased until"],
                rows,
                "No flow is open.",
            )?;
        }
    }
    Ok(Outcome::Well)
}

/// The whole of `due`.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run_due(options: &DueOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let mut found: Vec<(Service, DueJob)> = Vec::new();
    for service in Service::chosen(&options.services) {
        let (mut page_token, mut left) = (String::new(), options.limit);
        while left > 0 {
            let request =
                ListDueJobsRequest { overdue: options.overdue, page_size: PAGE, page_token };
            let answer = session.operations(service.name()).list_due_jobs(request).await;
            let answer =
                answer.map_err(|status| sentence_of(service.name(), &status))?.into_inner();
            let taken = answer.due_jobs.len().min(left);
            left -= taken;
            found.extend(answer.due_jobs.into_iter().take(taken).map(|job| (service, job)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    match options.connection.output {
        Output::Json => {
            let jobs = found
                .iter()
                .map(|(service, job)| json_from(service.name(), job))
                .collect::<Result<Vec<_>, _>>()?;
            output::print_json(&json!({ "dueJobs": jobs }))?;
        }
        Output::Table => {
            let row = |(service, job): &(Service, DueJob)| {
                let state = match (job.overdue, job.claim_expire_time.is_some()) {
                    (_, true) => "claimed",
                    (true, false) => "overdue",
                    (false, false) => "",
                };
                let due = instant(job.due_time.as_ref());
                vec![
                    service.name().to_owned(),
                    job.tenant.clone(),
                    due,
                    plain(&job.job),
                    plain(&job.subject),
                    state.to_owned(),
                ]
            };
            let rows = found.iter().map(row).collect();
            output::print_table(
                &["service", "tenant", "due", "job", "subject", "state"],
                rows,
                "Nothing falls due.",
            )?;
        }
    }
    Ok(Outcome::Well)
}

/// The whole of `webhooks`.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run_webhooks(options: &WebhookOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let parent = options.tenant.as_ref().map(|slug| format!("tenants/{slug}")).unwrap_or_default();
    let mut found: Vec<(Service, WaitingWebhooks)> = Vec::new();
    for service in Service::chosen(&options.services) {
        let (mut page_token, mut left) = (String::new(), options.limit);
        while left > 0 {
            let request =
                ListWaitingWebhooksRequest { parent: parent.clone(), page_size: PAGE, page_token };
            let answer = session.operations(service.name()).list_waiting_webhooks(request).await;
            let answer =
                answer.map_err(|status| sentence_of(service.name(), &status))?.into_inner();
            let taken = answer.waiting_webhooks.len().min(left);
            left -= taken;
            found.extend(
                answer.waiting_webhooks.into_iter().take(taken).map(|waiting| (service, waiting)),
            );
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    match options.connection.output {
        Output::Json => {
            let waiting = found
                .iter()
                .map(|(service, waiting_webhooks)| json_from(service.name(), waiting_webhooks))
                .collect::<Result<Vec<_>, _>>()?;
            output::print_json(&json!({ "waitingWebhooks": waiting }))?;
        }
        Output::Table => {
            let row = |(service, waiting_webhooks): &(Service, WaitingWebhooks)| {
                let more = if waiting_webhooks.behind { "and more to look at" } else { "" };
                let state = if waiting_webhooks.enabled { "enabled" } else { "disabled" };
                let (many, oldest) = (
                    waiting_webhooks.waiting_count.to_string(),
                    instant(waiting_webhooks.oldest_time.as_ref()),
                );
                vec![
                    service.name().to_owned(),
                    plain(&waiting_webhooks.webhook_endpoint),
                    many,
                    more.to_owned(),
                    oldest,
                    state.to_owned(),
                ]
            };
            let head = ["service", "endpoint", "wait", "", "oldest since", "state"];
            output::print_table(&head, found.iter().map(row).collect(), "No webhook waits.")?;
        }
    }
    Ok(Outcome::Well)
}
