//! `payterms usage import`: records a file of uses by `RecordUsageStream`.

use crate::{
    Session,
    operate::{
        Outcome,
        connection::ConnectionOptions,
        output::{self, Output, plain},
        sentence_of,
    },
    usage_file::{Target, UsageFile},
};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use payterms_proto::wallet::v1::{
    GetWalletRequest, RecordUsageRequest, RecordUsageStreamRequest, RecordUsageStreamResponse,
};
use serde_json::json;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};
use tonic::{Code, Status};

/// Uses of one stream. A stream that breaks off is sent again, so it is not long.
const CHUNK: usize = 1_000;
/// How often a stream is sent before the import gives up.
const ATTEMPTS: u32 = 5;
/// Refusals that are printed; the rest is counted.
const MOST_SHOWN: usize = 100;

/// The commands of usage.
#[derive(Debug, Subcommand)]
pub enum UsageCommand {
    /// Records the uses of a CSV file in a wallet. A line that was recorded before is found by its
    /// `request_id` and not charged again: after a broken connection, import the file again. Exit
    /// code 3: lines were refused, and are named.
    #[command(
        after_help = "Example: payterms usage import calls.csv --wallet tenants/acme/customers/…/wallets/…"
    )]
    Import(ImportOptions),
}

/// Options of `usage import`.
#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Where to call, and as whom: role SERVICE of the tenant.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// The file, or `-` for the standard input: CSV whose first line names the columns `request_id`
    /// (a UUID, or any text that is the line's own), `usage_time`, `product`, `quantity` and
    /// `unit_price`, in the wallet's currency, and no others.
    pub file: PathBuf,
    /// Name of the wallet.
    #[arg(long)]
    pub wallet: String,
    /// Move the first use of the file to this day in UTC, and all others by as many days: an old
    /// file to try with. Uses are taken for the last 35 days.
    #[arg(long)]
    pub first_day: Option<NaiveDate>,
}

/// A line that was not recorded.
struct Refused {
    line: u64,
    reason: String,
    message: String,
}

/// What became of the lines.
#[derive(Default)]
struct Tally {
    recorded: i64,
    replayed: i64,
    refused: i64,
    first: Vec<Refused>,
}

impl Tally {
    fn refuse(&mut self, refused: Refused) {
        if self.first.len() < MOST_SHOWN {
            self.first.push(refused);
        }
    }
}

/// The whole of the command.
///
/// # Errors
/// A sentence that names the file, or the lines that may not be recorded.
pub async fn run(command: &UsageCommand, data: &Path) -> Result<Outcome, String> {
    let UsageCommand::Import(options) = command;
    let tenant = options
        .wallet
        .split('/')
        .nth(1)
        .ok_or("--wallet: write tenants/…/customers/…/wallets/…")?;
    let service = options.connection.session(data, "SERVICE", Some(tenant))?;
    let read = GetWalletRequest { name: options.wallet.clone() };
    let wallet = service
        .wallets()
        .get_wallet(read)
        .await
        .map_err(|status| sentence_of("--wallet", &status))?
        .into_inner();
    let currency = wallet.wallet.unwrap_or_default().currency_code;
    let target = Target { wallet: options.wallet.clone(), currency, first_day: options.first_day };
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", options.file.display());
    let file: Box<dyn Read> = if options.file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(&options.file).map_err(|error| fault(&error))?)
    };
    let mut lines = UsageFile::open(file, target).map_err(|error| fault(&error))?;
    let (mut tally, bar) = (Tally::default(), ProgressBar::no_length());
    loop {
        let mut uses = Vec::with_capacity(CHUNK);
        for line in lines.by_ref() {
            match line.usage {
                Ok(usage) => uses.push((line.number, usage)),
                Err(message) => {
                    tally.refused += 1;
                    tally.refuse(Refused {
                        line: line.number,
                        reason: "LINE_MALFORMED".to_owned(),
                        message,
                    });
                }
            }
            if uses.len() == CHUNK {
                break;
            }
        }
        if uses.is_empty() {
            break;
        }
        let answer = send(&service, &uses).await.map_err(|status| {
            let ends = [uses.first(), uses.last()].map(|end| end.map_or(0, |(line, _)| *line));
            let again = if is_passing(status.code()) { "; import the file again" } else { "" };
            sentence_of(
                &format!("lines {} to {} may not be recorded{again}", ends[0], ends[1]),
                &status,
            )
        })?;
        count(&mut tally, &uses, answer);
        bar.inc(u64::try_from(uses.len()).unwrap_or_default());
    }
    bar.finish_and_clear();
    show(&mut tally, options.connection.output)
}

/// Sends uses in one stream, again where it broke off: what was recorded is found by its request
/// id.
async fn send(
    service: &Session,
    uses: &[(u64, RecordUsageRequest)],
) -> Result<RecordUsageStreamResponse, Status> {
    let mut attempt = 1;
    loop {
        let messages: Vec<_> = uses
            .iter()
            .map(|(_, usage)| RecordUsageStreamRequest { record: Some(usage.clone()) })
            .collect();
        match service.usage().record_usage_stream(tokio_stream::iter(messages)).await {
            Err(status) if attempt < ATTEMPTS && is_passing(status.code()) => {
                tokio::time::sleep(Duration::from_millis(200) * attempt).await;
                attempt += 1;
            }
            answer => return answer.map(tonic::Response::into_inner),
        }
    }
}

/// Whether a call may go better if it is made again.
fn is_passing(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::ResourceExhausted
    )
}

fn count(tally: &mut Tally, uses: &[(u64, RecordUsageRequest)], answer: RecordUsageStreamResponse) {
    tally.recorded += answer.recorded_count;
    tally.replayed += answer.replayed_count;
    tally.refused += answer.refused_count;
    for refusal in answer.refusals {
        let line = usize::try_from(refusal.index)
            .ok()
            .and_then(|place| uses.get(place))
            .map_or(0, |(line, _)| *line);
        tally.refuse(Refused { line, reason: refusal.reason, message: refusal.message });
    }
}

fn show(tally: &mut Tally, output: Output) -> Result<Outcome, String> {
    tally.first.sort_by_key(|refused| refused.line);
    match output {
        Output::Json => {
            let refusals = tally.first.iter();
            let refusals = refusals
                .map(|refusal| json!({ "line": refusal.line, "reason": refusal.reason, "message": refusal.message }))
                .collect::<Vec<_>>();
            let (recorded, replayed, refused) = (tally.recorded, tally.replayed, tally.refused);
            output::print_json(
                &json!({ "recordedCount": recorded, "replayedCount": replayed, "refusedCount": refused, "refusals": refusals }),
            )?;
        }
        Output::Table => {
            let (recorded, replayed, refused) = (tally.recorded, tally.replayed, tally.refused);
            output::line(&format!(
                "{recorded} recorded, {replayed} recorded before, {refused} refused."
            ))?;
            let rows: Vec<_> = tally
                .first
                .iter()
                .map(|refusal| {
                    vec![refusal.line.to_string(), refusal.reason.clone(), plain(&refusal.message)]
                })
                .collect();
            if !rows.is_empty() {
                output::print_table(&["line", "reason", "why"], rows, "")?;
            }
        }
    }
    Ok(if tally.refused == 0 { Outcome::Well } else { Outcome::Wrong })
}
