//! `payterms clock`: the time of a sandbox tenant.

use crate::{
    Session,
    client::request_id,
    operate::{
        Outcome,
        connection::ConnectionOptions,
        output::{self, Output, instant, json_of, plain},
        sentence_of,
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use payterms_chassis::render::{instant_of, timestamp};
use payterms_proto::invoicing::v1::{
    AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, TestClock,
    test_clock::State,
};
use std::{path::Path, time::Duration};

/// How often a clock that advances is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The commands of clocks.
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Gives a sandbox tenant a clock of its own, which stands still until it is advanced.
    #[command(after_help = "Example: payterms clock start acme --at 2026-07-01T00:00:00Z")]
    Start(StartOptions),
    /// Lets the time of a sandbox tenant pass: what falls due on the way is done, in all services.
    /// Exit code 3: it is stuck, and the rows that do not get done are named.
    #[command(after_help = "Example: payterms clock advance acme --by-days 31")]
    Advance(AdvanceOptions),
    /// Prints the clock of a sandbox tenant.
    #[command(after_help = "Example: payterms clock show acme")]
    Show(ShowOptions),
}

/// Options of `clock start`.
#[derive(Debug, Args)]
pub struct StartOptions {
    /// Where to call, and as whom: role OPERATOR, or OWNER, ADMIN or SERVICE of the tenant.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant.
    pub tenant: String,
    /// What time it shall be, as in `2026-07-01T00:00:00Z`.
    #[arg(long)]
    pub at: DateTime<Utc>,
    /// Seed of the tenant's ids: the same story from the same seed has the same ids.
    #[arg(long, default_value = "")]
    pub seed: String,
}

/// Options of `clock advance`.
#[derive(Debug, Args)]
pub struct AdvanceOptions {
    /// Where to call, and as whom: role OPERATOR, or OWNER, ADMIN or SERVICE of the tenant.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant.
    pub tenant: String,
    /// Where to go.
    #[command(flatten)]
    pub target: Target,
}

/// Where a clock goes.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Target {
    /// The instant to go to, as in `2026-08-01T00:00:00Z`.
    #[arg(long)]
    pub to: Option<DateTime<Utc>>,
    /// How many times 24 hours to go on.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=3_650))]
    pub by_days: Option<i64>,
}

/// Options of `clock show`.
#[derive(Debug, Args)]
pub struct ShowOptions {
    /// Where to call, and as whom: role OPERATOR, or OWNER, ADMIN or SERVICE of the tenant.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant.
    pub tenant: String,
}

/// The whole of the command.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run(command: &ClockCommand, data: &Path) -> Result<Outcome, String> {
    match command {
        ClockCommand::Start(options) => {
            let session = options.connection.session(data, "OPERATOR", None)?;
            let request = StartTestClockRequest {
                request_id: request_id(),
                parent: format!("tenants/{}", options.tenant),
                now: Some(timestamp(options.at)),
                seed: options.seed.clone(),
            };
            let answer = session
                .clock()
                .start_test_clock(request)
                .await
                .map_err(|status| sentence_of("clock", &status))?;
            show(answer.into_inner().test_clock, options.connection.output)
        }
        ClockCommand::Advance(options) => advance(options, data).await,
        ClockCommand::Show(options) => {
            let session = options.connection.session(data, "OPERATOR", None)?;
            show(Some(read(&session, &options.tenant).await?), options.connection.output)
        }
    }
}

async fn read(session: &Session, tenant: &str) -> Result<TestClock, String> {
    let request = GetTestClockRequest { name: format!("tenants/{tenant}/testClock") };
    let answer = session
        .clock()
        .get_test_clock(request)
        .await
        .map_err(|status| sentence_of("clock", &status))?;
    Ok(answer.into_inner().test_clock.unwrap_or_default())
}

async fn advance(options: &AdvanceOptions, data: &Path) -> Result<Outcome, String> {
    let session = options.connection.session(data, "OPERATOR", None)?;
    let target = match (options.target.to, options.target.by_days) {
        (Some(instant), _) => instant,
        (None, days) => {
            let now = read(&session, &options.tenant)
                .await?
                .now
                .as_ref()
                .and_then(instant_of)
                .ok_or("the clock shows no time")?;
            now.checked_add_signed(TimeDelta::days(days.unwrap_or_default()))
                .ok_or("the time is out of range")?
        }
    };
    let request = AdvanceTestClockRequest {
        request_id: request_id(),
        name: format!("tenants/{}/testClock", options.tenant),
        target_time: Some(timestamp(target)),
    };
    let answer = session
        .clock()
        .advance_test_clock(request)
        .await
        .map_err(|status| sentence_of("clock", &status))?;
    let mut clock = answer.into_inner().test_clock.unwrap_or_default();
    while clock.state() == State::Advancing {
        tokio::time::sleep(LOOK_EVERY).await;
        clock = read(&session, &options.tenant).await?;
    }
    show(Some(clock), options.connection.output)
}

fn show(clock: Option<TestClock>, output: Output) -> Result<Outcome, String> {
    let clock = clock.unwrap_or_default();
    match output {
        Output::Json => output::print_json(&json_of(&clock)?)?,
        Output::Table => {
            let state = clock.state().as_str_name().trim_start_matches("STATE_").to_owned();
            let stuck =
                clock.stuck_rows.iter().map(|row| plain(row)).collect::<Vec<_>>().join("; ");
            let row = vec![
                clock.name.clone(),
                instant(clock.now.as_ref()),
                state,
                instant(clock.target_time.as_ref()),
                stuck,
            ];
            output::print_table(&["clock", "now", "state", "target", "not done"], vec![row], "")?;
        }
    }
    Ok(if clock.state() == State::Stuck { Outcome::Wrong } else { Outcome::Well })
}
