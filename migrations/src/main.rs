//! `payterms-migrate`: brings the schemas of one or all services up to date, as their owner.

use clap::Parser;
use sea_orm::{ConnectOptions, Database};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(about = "Brings the schemas of the suite up to date on PostgreSQL")]
struct Options {
    /// The owner's connection, `postgres://owner@host/database`.
    #[arg(long, env = "PAYTERMS_OWNER_DATABASE_URL")]
    database_url: String,
    /// The services; all if none is named.
    services: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let services = if options.services.is_empty() { payterms_migrations::SERVICES.map(str::to_owned).to_vec() } else { options.services };
    let mut address = ConnectOptions::new(&options.database_url);
    address.idle_timeout(None).max_lifetime(None);
    let db = match Database::connect(address).await {
        Ok(db) => db,
        Err(error) => {
            eprintln!("cannot connect: {error}");
            return ExitCode::FAILURE;
        }
    };
    for service in services {
        if let Err(error) = payterms_migrations::migrate_postgres(&db, &service).await {
            eprintln!("{service}: {error}");
            return ExitCode::FAILURE;
        }
        println!("{service}: up to date");
    }
    ExitCode::SUCCESS
}
