//! `payterms dead-letters`: events that a service could not apply.

use crate::{
    client::request_id,
    operate::{
        Outcome, Service,
        connection::ConnectionOptions,
        output::{self, Output, instant, json_from, json_of, plain},
        sentence_of,
    },
};
use clap::{Args, Subcommand};
use payterms_proto::common::v1::{
    DeadLetter, DismissDeadLetterRequest, ListDeadLettersRequest, RetryDeadLetterRequest,
};
use serde_json::{Value, json};
use std::path::Path;

/// The commands of dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetterCommand {
    /// Lists events that a service could not apply five times.
    #[command(after_help = "Example: payterms dead-letters list --service wallet")]
    List(ListOptions),
    /// Tries to apply one once more, after its cause is mended, and then what was held back behind
    /// it. Exit code 3: it failed again.
    #[command(
        after_help = "Example: payterms dead-letters retry wallet tenants/acme/deadLetters/0199…"
    )]
    Retry(OneOptions),
    /// Passes over one without applying it: what it said is missing in that service until a later
    /// event of the same aggregate. Exit code 3: something stands in the way.
    #[command(
        after_help = "Example: payterms dead-letters dismiss wallet tenants/acme/deadLetters/0199…"
    )]
    Dismiss(OneOptions),
}

/// Options of the list.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Service whose dead letters are listed; may be given several times. All if not given.
    #[arg(long = "service", value_enum)]
    pub services: Vec<Service>,
}

/// Options of what is done to one.
#[derive(Debug, Args)]
pub struct OneOptions {
    /// Where to call, and as whom: role OPERATOR.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// The service that could not apply it.
    #[arg(value_enum)]
    pub service: Service,
    /// Its name, as the list has it.
    pub name: String,
}

/// The whole of the command.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run(command: &DeadLetterCommand, data: &Path) -> Result<Outcome, String> {
    match command {
        DeadLetterCommand::List(options) => list(options, data).await,
        DeadLetterCommand::Retry(options) => {
            let request =
                RetryDeadLetterRequest { request_id: request_id(), name: options.name.clone() };
            let mut operations = options
                .connection
                .session(data, "OPERATOR", None)?
                .operations(options.service.name());
            let answer = operations
                .retry_dead_letter(request)
                .await
                .map_err(|status| sentence_of(options.service.name(), &status))?;
            let answer = answer.into_inner();
            done(options, &json_of(&answer)?, answer.applied, "Applied.", &answer.failure)
        }
        DeadLetterCommand::Dismiss(options) => {
            let request =
                DismissDeadLetterRequest { request_id: request_id(), name: options.name.clone() };
            let mut operations = options
                .connection
                .session(data, "OPERATOR", None)?
                .operations(options.service.name());
            let answer = operations
                .dismiss_dead_letter(request)
                .await
                .map_err(|status| sentence_of(options.service.name(), &status))?;
            let answer = answer.into_inner();
            done(options, &json_of(&answer)?, answer.dismissed, "Passed over.", &answer.failure)
        }
    }
}

fn done(
    options: &OneOptions,
    json: &Value,
    is_done: bool,
    sentence: &str,
    failure: &str,
) -> Result<Outcome, String> {
    match options.connection.output {
        Output::Json => output::print_json(json)?,
        Output::Table if is_done => output::line(sentence)?,
        Output::Table => output::line(&format!("It is still a dead letter: {}", plain(failure)))?,
    }
    Ok(if is_done { Outcome::Well } else { Outcome::Wrong })
}

async fn list(options: &ListOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let mut found: Vec<(Service, DeadLetter)> = Vec::new();
    for service in Service::chosen(&options.services) {
        let mut page_token = String::new();
        loop {
            let request = ListDeadLettersRequest { page_size: 500, page_token };
            let answer = session.operations(service.name()).list_dead_letters(request).await;
            let answer =
                answer.map_err(|status| sentence_of(service.name(), &status))?.into_inner();
            found.extend(answer.dead_letters.into_iter().map(|letter| (service, letter)));
            page_token = answer.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    match options.connection.output {
        Output::Json => {
            let letters = found
                .iter()
                .map(|(service, letter)| json_from(service.name(), letter))
                .collect::<Result<Vec<_>, _>>()?;
            output::print_json(&json!({ "deadLetters": letters }))?;
        }
        Output::Table => {
            let row = |(service, letter): &(Service, DeadLetter)| {
                let aggregate =
                    format!("{}/{}@{}", letter.aggregate_type, letter.aggregate_id, letter.version);
                let tried = instant(letter.attempt_time.as_ref());
                vec![
                    service.name().to_owned(),
                    letter.name.clone(),
                    letter.source.clone(),
                    plain(&aggregate),
                    letter.attempt_count.to_string(),
                    tried,
                    plain(&letter.failure),
                ]
            };
            let rows = found.iter().map(row).collect();
            output::print_table(
                &["service", "name", "from", "aggregate", "attempts", "last tried", "failure"],
                rows,
                "There are no dead letters.",
            )?;
        }
    }
    Ok(Outcome::Well)
}
