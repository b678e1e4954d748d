//! Measures the suite against a baseline in the same run: `payterms-bench wallet`, `credit`,
//! `gateway`, `growth` and `fairness`. `payterms-bench idle` reads what it costs while nobody calls;
//! `payterms-bench deadlines` plays a load that must lose nothing.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a benchmark fails by panicking, and prints ratios"
)]

mod baseline;
mod books;
mod credit;
mod crowd;
mod deadlines;
mod fairness;
mod finding;
mod gateway;
mod growth;
mod idle;
mod load;
mod machine;
mod report;
mod stage;
mod wallet;

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(about = "Measures the suite, each figure as a ratio to a baseline of the same run")]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Debits and uses, one by one, in bulk and streamed, against the database's own benchmark.
    Wallet(Measure),
    /// Draws on credit lines against debits of wallets.
    Credit(Measure),
    /// Calls through the gateway against the same calls straight at the wallet.
    Gateway(Measure),
    /// A tenant's waits while another one floods the gateway, against its waits alone.
    Fairness(Measure),
    /// A million wallets, and ten million entries on one.
    Growth(Measure),
    /// What the suite asks of its database while nobody calls, with one tenant and with many.
    Idle(Idle),
    /// Debits while other callers' deadlines pass in the middle: whether anything that was
    /// acknowledged is missing.
    Deadlines(Deadlines),
}

/// How many tenants stand still, and for how long.
#[derive(Debug, Args)]
struct Idle {
    /// Tenants, besides the turn with one.
    #[arg(long, default_value_t = 5_000)]
    tenants: usize,
    #[command(flatten)]
    measure: Measure,
}

/// How long the load of `deadlines` lasts.
#[derive(Debug, Args)]
struct Deadlines {
    /// Minutes in all, a third for each place.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    #[command(flatten)]
    measure: Measure,
}

/// How long and how wide it is measured.
#[derive(Debug, Clone, Args)]
struct Measure {
    /// `postgres://owner@host:port` of a server to measure on, with `fsync` and
    /// `synchronous_commit` on; one is started here if not given.
    #[arg(long)]
    postgres: Option<String>,
    /// Callers at once.
    #[arg(long, default_value_t = 512)]
    callers: usize,
    /// Seconds of one turn.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Turns of each way, interleaved.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Wallets, or lines, that the calls are spread over.
    #[arg(long, default_value_t = 10_000)]
    accounts: usize,
    /// Also writes the figures to this file, as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
    /// Few and short turns, for correctness alone: what it prints is no figure.
    #[arg(long)]
    quick: bool,
}

impl Measure {
    fn settled(self) -> Self {
        if self.quick {
            Self { callers: 64, seconds: 1, rounds: 1, accounts: 200, ..self }
        } else {
            self
        }
    }
}

/// Seconds over which the cost of standing still is read.
const IDLE_SECONDS: u64 = 60;

fn main() -> ExitCode {
    // The services that are measured are processes of this same binary.
    let first = std::env::args().nth(1).unwrap_or_default();
    if first == "service" || first == "simulator" || first.starts_with("--data=") {
        return payterms_testkit::binary::main();
    }
    let what = Options::parse().what;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        match what {
            What::Wallet(measure) => wallet::run(&measure.settled()).await,
            What::Credit(measure) => credit::run(&measure.settled()).await,
            What::Gateway(measure) => gateway::run(&measure.settled()).await,
            What::Fairness(measure) => fairness::run(&measure.settled()).await,
            What::Growth(measure) => growth::run(&measure.settled()).await,
            What::Idle(idle) => {
                idle::run(&idle.measure.settled(), idle.tenants, IDLE_SECONDS).await;
            }
            What::Deadlines(load) => deadlines::run(&load.measure.settled(), load.minutes).await,
        }
    });
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::Options;
    use clap::CommandFactory;

    #[test]
    fn no_option_comes_from_the_environment_so_that_help_shows_no_password() {
        let command = Options::command();
        let mut options = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments)
            .chain(command.get_arguments());
        assert!(options.all(|option| option.get_env().is_none()));
    }
}
