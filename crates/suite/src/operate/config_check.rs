//! `payterms config check`: reads the configuration of a part as the part does, and names all that is wrong, without starting it.

use crate::operate::{Outcome, output};
use clap::{Args, Subcommand, ValueEnum};
use payterms_chassis::boot;
use std::ffi::OsString;

/// The commands of configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reads the flags, environment and file of a part as the part itself does, looks at its keys, certificates and database, and names all
    /// that is wrong at once. Nothing is started or written. Exit code 2: the settings themselves are wrong; 3: what they name is.
    #[command(after_help = "Example: payterms config check wallet -- --config wallet.toml --mode production")]
    Check(CheckOptions),
}

/// A part of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// `payterms-gateway`.
    Gateway,
    /// `payterms-wallet`.
    Wallet,
    /// `payterms-invoicing`.
    Invoicing,
    /// `payterms-credit`.
    Credit,
    /// `payterms-plans`.
    Plans,
}

/// Options of `config check`.
#[derive(Debug, Args)]
pub struct CheckOptions {
    /// The part.
    #[arg(value_enum)]
    pub part: Part,
    /// The flags that it is started with, after `--`.
    #[arg(last = true)]
    pub flags: Vec<OsString>,
}

/// The whole of the command.
///
/// # Errors
/// What is wrong with the settings themselves, with its exit code.
pub async fn run(command: &ConfigCommand) -> Result<Outcome, (String, i32)> {
    let ConfigCommand::Check(options) = command;
    let arguments: Vec<OsString> = std::iter::once("payterms".into()).chain(options.flags.iter().cloned()).collect();
    let faults = match options.part {
        Part::Gateway => payterms_gateway::check(arguments),
        Part::Wallet => Box::pin(boot::check::<payterms_wallet::Wallet>(arguments)).await,
        Part::Invoicing => Box::pin(boot::check::<payterms_invoicing::Invoicing>(arguments)).await,
        Part::Credit => Box::pin(boot::check::<payterms_credit::Credit>(arguments)).await,
        Part::Plans => Box::pin(boot::check::<payterms_plans::Plans>(arguments)).await,
    }?;
    let print = |text: &str| output::line(text).map_err(|error| (error, 1));
    if faults.is_empty() {
        print("Nothing is wrong.")?;
        return Ok(Outcome::Well);
    }
    for fault in &faults {
        print(&format!("- {}", output::plain(&payterms_kernel::text::without_passwords(fault))))?;
    }
    Ok(Outcome::Wrong)
}
