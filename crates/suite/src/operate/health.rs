//! `payterms health`: whether the gateway and the services behind it answer.

use crate::operate::{
    Outcome, Service,
    connection::ConnectionOptions,
    output::{self, Output, plain},
    sentence_of,
};
use clap::Args;
use payterms_proto::common::v1::{
    ListDeadLettersRequest, ListDueJobsRequest, ListOpenFlowsRequest,
};
use serde_json::json;
use std::{path::Path, time::Duration};
use tokio::time::Instant;
use tonic::{Request, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is counted of a queue; more is shown as this and a plus.
const COUNTED: usize = 500;

/// Options of `health`.
#[derive(Debug, Args)]
#[command(
    about = "Asks the gateway and each service behind it, with its database, and counts what waits there. Exit code 3: a part does not \
             answer, or an event could not be applied",
    after_help = "Example: payterms health --output json"
)]
pub struct HealthOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
}

/// What a part said.
#[derive(Debug, Default)]
struct Part {
    name: &'static str,
    failure: Option<String>,
    millis: u64,
    /// None of the gateway, which has none, and of a part that did not say.
    waiting: Option<Waiting>,
}

/// What waits in a service.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    dead_letters: usize,
    open_flows: usize,
    overdue_jobs: usize,
}

impl Part {
    fn is_well(&self) -> bool {
        self.failure.is_none() && self.waiting.is_none_or(|waiting| waiting.dead_letters == 0)
    }
}

/// The whole of the command.
///
/// # Errors
/// A sentence if nobody could be asked.
pub async fn run(options: &HealthOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let begun = Instant::now();
    let mut check = Request::new(HealthCheckRequest::default());
    check.set_timeout(PATIENCE);
    let gateway = HealthClient::new(options.connection.channel()?).check(check).await;
    let failure = match gateway {
        Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => None,
        Ok(answer) => Some(format!("gateway: {}", answer.get_ref().status().as_str_name())),
        Err(status) => Some(sentence_of("gateway", &status)),
    };
    let mut parts =
        vec![Part { name: "gateway", failure, millis: millis(begun), ..Part::default() }];
    for service in Service::ALL {
        let begun = Instant::now();
        let asked = ask(&session, service).await;
        let mut part = match asked {
            Ok(waiting) => Part { waiting: Some(waiting), ..Part::default() },
            Err(status) => {
                Part { failure: Some(sentence_of(service.name(), &status)), ..Part::default() }
            }
        };
        (part.name, part.millis) = (service.name(), millis(begun));
        parts.push(part);
    }
    let is_well = parts.iter().all(Part::is_well);
    match options.connection.output {
        Output::Json => {
            let part = |part: &Part| {
                let waiting = part.waiting;
                json!({
                    "part": part.name, "well": part.is_well(), "failure": part.failure, "millis": part.millis,
                    "deadLetters": waiting.map(|waiting| waiting.dead_letters), "openFlows": waiting.map(|waiting| waiting.open_flows),
                    "overdueJobs": waiting.map(|waiting| waiting.overdue_jobs),
                })
            };
            output::print_json(
                &json!({ "well": is_well, "parts": parts.iter().map(part).collect::<Vec<_>>() }),
            )?;
        }
        Output::Table => {
            let row = |part: &Part| {
                let state = part.failure.as_deref().map_or_else(|| "answers".to_owned(), plain);
                let count = |count: usize| {
                    if count >= COUNTED { format!("{COUNTED}+") } else { count.to_string() }
                };
                let counts = match part.waiting {
                    Some(waiting) => {
                        [waiting.dead_letters, waiting.open_flows, waiting.overdue_jobs].map(count)
                    }
                    None => std::array::from_fn(|_| "-".to_owned()),
                };
                [part.name.to_owned(), format!("{} ms", part.millis)]
                    .into_iter()
                    .chain(counts)
                    .chain([state])
                    .collect()
            };
            let head =
                ["part", "answered in", "dead letters", "open flows", "overdue jobs", "state"];
            output::print_table(&head, parts.iter().map(row).collect(), "")?;
        }
    }
    Ok(if is_well { Outcome::Well } else { Outcome::Wrong })
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A service that lists these reaches its database.
async fn ask(session: &crate::Session, service: Service) -> Result<Waiting, Status> {
    fn request<M>(message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        request
    }
    let mut operations = session.operations(service.name());
    let page_size = i32::try_from(COUNTED).unwrap_or_default();
    let letters = operations
        .list_dead_letters(request(ListDeadLettersRequest { page_size, ..Default::default() }))
        .await?;
    let flows = operations
        .list_open_flows(request(ListOpenFlowsRequest { page_size, ..Default::default() }))
        .await?;
    let jobs = operations
        .list_due_jobs(request(ListDueJobsRequest {
            overdue: true,
            page_size,
            ..Default::default()
        }))
        .await?;
    Ok(Waiting {
        dead_letters: letters.get_ref().dead_letters.len(),
        open_flows: flows.get_ref().open_flows.len(),
        overdue_jobs: jobs.get_ref().due_jobs.len(),
    })
}
