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
use clap::Args;
use payterms_chassis::{config::WebhookOptions, db::DatabaseOptions, net::broker::BrokerOptions};
use payterms_gateway::{CorsOptions, identity::TokenOptions, limits::LimitOptions};
use stage::Stage;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The usage that story S5 plays, unless another file is named.
pub const USAGE: &str = include_str!("../../demo/usage.csv");

/// The customers that the tenant brings with it.
pub const CUSTOMERS: &str = include_str!("../../demo/customers.csv");

/// How the demo is played.
#[derive(Debug, Args)]
pub struct DemoOptions {
    /// A CSV of usage: `request_id`, `usage_time`, `product`, `quantity`, `unit_price`.
    #[arg(long)]
    pub usage: Option<PathBuf>,
    /// Folder to leave keys, databases and mails in; it must be empty or missing. If not given,
    /// they go with the demo.
    #[arg(long)]
    pub keep: Option<PathBuf>,
}

/// Where the demo has its data.
enum Data {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Data {
    fn open(keep: Option<&Path>) -> Result<Self, String> {
        let Some(folder) = keep else {
            return tempfile::tempdir().map(Self::Temporary).map_err(|error| error.to_string());
        };
        let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(fault)?;
        if std::fs::read_dir(folder).map_err(fault)?.next().is_some() {
            return Err(format!(
                "{} is not empty: the demo begins with nothing. Name another folder with --keep.",
                folder.display()
            ));
        }
        Ok(Self::Kept(folder.to_path_buf()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// Plays all stories on a suite of its own that keeps nothing unless it is to; on a fresh
/// PostgreSQL database if one is named (`host:port/database`), and with events by a broker if one
/// is named.
///
/// # Errors
/// A sentence that says which step failed.
pub async fn play(
    options: &DemoOptions,
    postgres: Option<String>,
    broker: BrokerOptions,
) -> Result<(), String> {
    let began = Instant::now();
    let usage = match &options.usage {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => USAGE.to_owned(),
    };
    let data = Data::open(options.keep.as_deref())?;
    let listen = "127.0.0.1:0".parse().map_err(|_| "no loopback address".to_owned())?;
    let suite = SuiteOptions {
        data: data.path().to_path_buf(),
        listen,
        postgres,
        simulator: None,
        mail: None,
        mail_ca: None,
        mail_from: "billing@payterms.example".to_owned(),
        plaid: None,
        stripe: None,
        vies: None,
        cors: CorsOptions::default(),
        limits: LimitOptions::default(),
        jwks: None,
        tokens: TokenOptions::default(),
        webhooks: WebhookOptions::default(),
        database: DatabaseOptions::default(),
        broker,
    };
    let suite = Suite::start(&suite, CancellationToken::new()).await?;
    println!("The suite serves on {}; all below goes through that door.", suite.gateway);
    let mut stage = Stage::new(suite);
    let outcome = Box::pin(stories(&mut stage, &usage)).await;
    stage.suite.stop().await;
    outcome?;
    println!("\nAll as told, in {:.1} s.", began.elapsed().as_secs_f32());
    if let Some(folder) = &options.keep {
        println!("\nThe data is kept. Open it, and act in it:");
        println!("  payterms --data {}", folder.display());
        println!(
            "  payterms token --data {} --role OWNER --tenant {}",
            folder.display(),
            stage::TENANT
        );
    }
    Ok(())
}

/// Plays the stories on a stage whose suite runs, without the usage and the bank files, of which
/// much is taken side by side.
///
/// # Errors
/// A sentence that says which step failed.
pub async fn one_by_one(stage: &mut Stage) -> Result<(), String> {
    stage.open().await?;
    stage.import(CUSTOMERS).await?;
    Box::pin(s4::play(stage)).await?;
    Box::pin(s3::play(stage)).await?;
    Box::pin(s2::play(stage)).await?;
    Box::pin(account::play(stage)).await
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
