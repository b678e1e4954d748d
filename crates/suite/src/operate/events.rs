//! `payterms events tail`: prints public events as they happen, and goes on where it stopped.

use crate::operate::{
    Outcome,
    connection::ConnectionOptions,
    output::{self, Output, instant, json_of, plain},
    sentence_of,
};
use clap::{Args, Subcommand};
use payterms_proto::{common::v1::PublicEvent, gateway::v1::WatchEventsRequest};
use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::NamedTempFile;
use tonic::Code;

/// The pause before a stream that ended is begun again.
const PAUSE: Duration = Duration::from_secs(1);

/// The commands of events.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Prints public events as they happen, one a line, until it is stopped. A stream that ends is
    /// begun again where it was.
    #[command(
        after_help = "Example: payterms events tail tenants/acme --type payterms.wallet.v1.CreditGranted --cursor-file acme.cursor"
    )]
    Tail(TailOptions),
}

/// Options of `events tail`.
#[derive(Debug, Args)]
pub struct TailOptions {
    /// Where to call, and as whom: a role that may read what happened, such as OWNER.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Whose events: `tenants/SLUG`, or `tenants/SLUG/customers/ID`.
    pub parent: String,
    /// Type of event, such as `payterms.wallet.v1.CreditGranted`; may be given several times. All
    /// if not given.
    #[arg(long = "type")]
    pub types: Vec<String>,
    /// File of the cursor: begins after it where the file is there, and writes it after what was
    /// printed.
    #[arg(long)]
    pub cursor_file: Option<PathBuf>,
    /// Begin with the oldest event that is kept, where there is no cursor; otherwise it begins with
    /// what happens from now on.
    #[arg(long)]
    pub from_start: bool,
    /// Stop after this many events. With a cursor file, after the message that brought the last of
    /// them: the cursor stands after all of its events.
    #[arg(long)]
    pub count: Option<usize>,
}

/// The whole of the command.
///
/// # Errors
/// A sentence that says what was refused.
pub async fn run(command: &EventCommand, data: &Path) -> Result<Outcome, String> {
    let EventCommand::Tail(options) = command;
    let tenant = options.parent.strip_prefix("tenants/").and_then(|rest| rest.split('/').next());
    let session = options.connection.session(data, "OWNER", tenant)?;
    let mut cursor =
        options.cursor_file.as_deref().map_or_else(|| Ok(String::new()), read_cursor)?;
    let mut printed = 0_usize;
    loop {
        if options.count.is_some_and(|count| printed >= count) {
            return Ok(Outcome::Well);
        }
        let request = WatchEventsRequest {
            parent: options.parent.clone(),
            types: options.types.clone(),
            cursor: cursor.clone(),
            from_now: cursor.is_empty() && !options.from_start,
        };
        let ended = async {
            let mut stream = session.events().watch_events(request).await?.into_inner();
            while let Some(message) = stream.message().await? {
                // Where a cursor is written, events of a message that are beyond the count are
                // printed too: it stands after all of them.
                let room = if options.cursor_file.is_some() {
                    None
                } else {
                    options.count.map(|count| count.saturating_sub(printed))
                };
                for event in message.events.iter().take(room.unwrap_or(usize::MAX)) {
                    printed += 1;
                    if let Err(error) = print(event, options.connection.output) {
                        return Ok(Err(error));
                    }
                }
                for service in &message.unreachable {
                    eprintln!("{service} does not answer; its events follow");
                }
                cursor = message.cursor;
                if let Some(file) = &options.cursor_file
                    && let Err(error) = write_cursor(file, &cursor)
                {
                    return Ok(Err(error));
                }
                if options.count.is_some_and(|count| printed >= count) {
                    break;
                }
            }
            Ok::<Result<(), String>, tonic::Status>(Ok(()))
        };
        match ended.await {
            Ok(done) => done?,
            Err(status) => {
                if !matches!(
                    status.code(),
                    Code::Unavailable
                        | Code::DeadlineExceeded
                        | Code::ResourceExhausted
                        | Code::Cancelled
                ) {
                    return Err(sentence_of("events", &status));
                }
                eprintln!("{}; going on where it stopped", sentence_of("events", &status));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn print(event: &PublicEvent, output: Output) -> Result<(), String> {
    match output {
        Output::Json => output::line(&json_of(event)?.to_string()),
        Output::Table => {
            let time = instant(event.time.as_ref());
            output::line(&format!(
                "{time}  {}  {}  {}",
                event.r#type,
                plain(&event.subject),
                event.id
            ))
        }
    }
}

fn read_cursor(file: &Path) -> Result<String, String> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Replaces the file as a whole, so that a crash leaves the cursor of before or this one.
fn write_cursor(file: &Path, cursor: &str) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = NamedTempFile::new_in(folder).map_err(|error| fault(&error))?;
    fresh.write_all(cursor.as_bytes()).map_err(|error| fault(&error))?;
    fresh.persist(file).map_err(|error| fault(&error.error)).map(drop)
}
