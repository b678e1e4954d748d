//! The demo: plays the stories in simulated time through the gateway, tells each step as a person
//! wants to read it, and fails if anything does not hold.

pub mod account;
pub mod back_test;
pub mod bank;
pub mod bank_undo;
pub mod check;
pub mod s1;
pub mod s2;
pub mod s3;
pub mod s4;
pub mod s5;
pub mod stage;

use crate::{Suite, SuiteOptions};
use payterms_chassis::{config::WebhookOptions, db::DatabaseOptions, net::broker::BrokerOptions};
use payterms_gateway::CorsOptions;
use stage::Stage;
use std::{path::PathBuf, time::Instant};
use tokio_util::sync::CancellationToken;

/// The usage that story S5 plays, unless another file is named.
pub const USAGE: &str = include_str!("../../demo/usage.csv");

/// The customers that the tenant brings with it.
const CUSTOMERS: &str = include_str!("../../demo/customers.csv");

/// Plays all stories on a suite of its own that keeps nothing; on a fresh PostgreSQL database if one is
/// named (`host:port/database`), and with events by a broker if one is named.
///
/// # Errors
/// A sentence that says which step failed.
pub async fn play(usage: Option<PathBuf>, postgres: Option<String>, broker: BrokerOptions) -> Result<(), String> {
    let began = Instant::now();
    let usage = match usage {
        Some(file) => std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?,
        None => USAGE.to_owned(),
    };
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let listen = "127.0.0.1:0".parse().map_err(|_| "no loopback address".to_owned())?;
    let options = SuiteOptions {
        data: folder.path().to_path_buf(),
        listen,
        postgres,
        simulator: None,
        mail: None,
        plaid: None,
        vies: None,
        cors: CorsOptions::default(),
        jwks: None,
        webhooks: WebhookOptions::default(),
        database: DatabaseOptions::default(),
        broker,
    };
    let suite = Suite::start(&options, CancellationToken::new()).await?;
    println!("The suite serves on {}; all below goes through that door.", suite.gateway);
    let mut stage = Stage::new(suite);
    let outcome = Box::pin(stories(&mut stage, &usage)).await;
    stage.suite.stop().await;
    outcome?;
    println!("\nAll as told, in {:.1} s.", began.elapsed().as_secs_f32());
    Ok(())
}

/// Plays all stories on a stage whose suite runs, with the usage of this file.
///
/// # Errors
/// A sentence that says which step failed.
pub async fn stories(stage: &mut Stage, usage: &str) -> Result<(), String> {
    stage.open().await?;
    stage.import(CUSTOMERS).await?;
    Box::pin(s4::play(stage)).await?;
    Box::pin(s5::play(stage, usage)).await?;
    Box::pin(s3::play(stage)).await?;
    Box::pin(s2::play(stage)).await?;
    Box::pin(bank::play(stage)).await?;
    Box::pin(bank_undo::play(stage)).await?;
    Box::pin(account::play(stage)).await?;
    Box::pin(s1::play(stage)).await?;
    Box::pin(back_test::play(stage)).await?;
    check::all(stage).await
}
