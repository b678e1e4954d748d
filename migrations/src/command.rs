//! The command line of `payterms-migrate`.

use crate::Schema;
use clap::{Args, Command, CommandFactory, Parser};
use payterms_chassis::production::{Mode, Objections};
use payterms_kernel::text::without_passwords;
use sea_orm::{
    ConnectOptions, Database, DbErr,
    sqlx::{Connection, PgConnection},
};
use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};
use tokio::time::timeout;

/// How long the server may take to let us in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
#[command(
    name = "payterms-migrate",
    version,
    about = "Brings the schemas of the suite up to date on PostgreSQL, as the owner of the database"
)]
struct Options {
    #[command(flatten)]
    address: Address,
    /// What the database serves. In production the line to it is never plain text, but where it
    /// ends on this machine.
    #[arg(long, env = "PAYTERMS_MODE", hide_env_values = true, value_enum, default_value_t = Mode::Production)]
    mode: Mode,
    /// The services; all if none is named.
    services: Vec<String>,
}

/// Where the database is. The address may hold a password, so it may be in a file.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Address {
    /// The owner's connection,
    /// `postgres://owner@host/database?sslmode=verify-full&sslrootcert=ca.crt`.
    #[arg(long, env = "PAYTERMS_OWNER_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// A file with this address.
    #[arg(long, env = "PAYTERMS_OWNER_DATABASE_URL_FILE", hide_env_values = true)]
    database_url_file: Option<PathBuf>,
}

impl Address {
    fn url(&self) -> Result<String, String> {
        let Some(file) = &self.database_url_file else {
            return Ok(self.database_url.clone().unwrap_or_default());
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(text.trim().to_owned())
    }
}

/// The command line of the program.
#[must_use]
pub fn command() -> Command {
    Options::command()
}

/// The whole of the program, with arguments of the caller's; the first is its name.
#[must_use]
pub fn main_with(arguments: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) if error.use_stderr() => {
            eprint!("{}", without_passwords(&error.render().to_string()));
            return ExitCode::from(2);
        }
        Err(error) => {
            print!("{}", error.render());
            return ExitCode::SUCCESS;
        }
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string());
    match runtime.and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("payterms-migrate: {}", without_passwords(&text));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), String> {
    let services = if options.services.is_empty() {
        crate::SERVICES.map(str::to_owned).to_vec()
    } else {
        options.services
    };
    let url = options.address.url()?;
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err("the address is none: write postgres://owner@host:port/database".to_owned());
    }
    let mut objections = Objections::new(options.mode);
    let setting = if options.address.database_url_file.is_some() {
        "--database-url-file"
    } else {
        "--database-url"
    };
    objections.check_address(setting, &url);
    objections.settle()?;
    // A pool tries for long and then says no reason.
    let connected = timeout(CONNECT_TIMEOUT, PgConnection::connect(&url)).await;
    let connection = connected
        .map_err(|_| "cannot connect: the server does not answer")?
        .map_err(|error| format!("cannot connect: {error}"))?;
    let _ = connection.close().await;
    let mut address = ConnectOptions::new(&url);
    address.idle_timeout(None).max_lifetime(None).sqlx_logging(false);
    let db =
        Database::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
    for service in services {
        let schema = crate::migrate_postgres(&db, &service).await.map_err(|error| match error {
            DbErr::Custom(sentence) => sentence,
            error => format!("{service}: {error}"),
        })?;
        match schema {
            Schema::UpToDate => println!("{service}: up to date"),
            Schema::Newer(step) => {
                println!("{service}: of a newer release ({step}); nothing was changed");
            }
        }
    }
    Ok(())
}
