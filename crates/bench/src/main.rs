//! Measures the suite against a baseline in the same run: `payterms-bench gateway`.
#![allow(clippy::expect_used, clippy::float_arithmetic, reason = "a benchmark fails by panicking, and prints ratios")]

mod gateway;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Calls through the gateway against the same calls straight at the wallet.
    Gateway(gateway::Options),
}

#[tokio::main]
async fn main() {
    match Options::parse().what {
        What::Gateway(options) => gateway::run(&options).await,
    }
}
