//! `payterms config check`: reads the configuration of a part as the part does, and names all that
//! is wrong, without starting it.

use crate::{
    operate::{
        Outcome,
        output::{self, Output},
    },
    programs::programs,
};
use clap::{Arg, Args, Subcommand, ValueEnum};
use payterms_chassis::boot;
use payterms_kernel::text::without_passwords;
use serde_json::json;
use std::ffi::OsString;

/// The commands of configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reads the flags, environment and file of a part as the part itself does, looks at its keys,
    /// certificates and database, and names all that is wrong at once. Nothing is started or
    /// written. Exit code 2: the settings themselves are wrong; 3: what they name is.
    #[command(
        after_help = "Example: payterms config check wallet -- --config wallet.toml --mode production"
    )]
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
    /// How the answer is printed: lines for people, or JSON whose names stay the same.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The flags that it is started with, after `--`.
    #[arg(last = true)]
    pub flags: Vec<OsString>,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Wallet => "wallet",
            Self::Invoicing => "invoicing",
            Self::Credit => "credit",
            Self::Plans => "plans",
        }
    }
}

/// The whole of the command.
///
/// # Errors
/// What is wrong with the settings themselves, with its exit code.
pub async fn run(command: &ConfigCommand) -> Result<Outcome, (String, i32)> {
    let ConfigCommand::Check(options) = command;
    let arguments: Vec<OsString> =
        std::iter::once("payterms".into()).chain(options.flags.iter().cloned()).collect();
    let checked = match options.part {
        Part::Gateway => payterms_gateway::check(arguments),
        Part::Wallet => Box::pin(boot::check::<payterms_wallet::Wallet>(arguments)).await,
        Part::Invoicing => Box::pin(boot::check::<payterms_invoicing::Invoicing>(arguments)).await,
        Part::Credit => Box::pin(boot::check::<payterms_credit::Credit>(arguments)).await,
        Part::Plans => Box::pin(boot::check::<payterms_plans::Plans>(arguments)).await,
    };
    let cannot_print = |error| (error, 1);
    match (checked, options.output) {
        (Ok(faults), Output::Table) => {
            for fault in &faults {
                output::line(&format!(
                    "- {}",
                    output::plain(&without_passwords(&fault.to_string()))
                ))
                .map_err(cannot_print)?;
            }
            if faults.is_empty() {
                output::line("Nothing is wrong.").map_err(cannot_print)?;
            }
            Ok(if faults.is_empty() { Outcome::Well } else { Outcome::Wrong })
        }
        (Ok(faults), Output::Json) => {
            let said: Vec<_> = faults
                .iter()
                .map(|fault| (vec![fault.setting.to_owned()], fault.sentence.as_str()))
                .collect();
            print_json(options.part, &said).map_err(cannot_print)?;
            Ok(if faults.is_empty() { Outcome::Well } else { Outcome::Wrong })
        }
        // What is asked for is no fault, such as `--help`.
        (Err((text, code)), Output::Json) if code != 0 => {
            print_json(options.part, &[(flags_in(&text), text.as_str())]).map_err(cannot_print)?;
            Err((text, code))
        }
        (Err(fault), _) => Err(fault),
    }
}

/// Prints sentences with the flags that each is about.
fn print_json(part: Part, faults: &[(Vec<String>, &str)]) -> Result<(), String> {
    let program = format!("payterms-{}", part.name());
    let command = programs()
        .into_iter()
        .find(|(name, _)| *name == program)
        .map(|(_, command)| command)
        .unwrap_or_default();
    let setting = |flags: &[String], argument: &Arg| {
        let flag = format!("--{}", argument.get_long()?);
        let variable = argument.get_env().map(|name| name.to_string_lossy());
        flags.contains(&flag).then(|| json!({ "flag": flag, "variable": variable }))
    };
    let fault = |(flags, sentence): &(Vec<String>, &str)| {
        let settings: Vec<_> =
            command.get_arguments().filter_map(|argument| setting(flags, argument)).collect();
        json!({ "settings": settings, "sentence": without_passwords(sentence).trim() })
    };
    let faults: Vec<_> = faults.iter().map(fault).collect();
    output::print_json(&json!({ "part": part.name(), "well": faults.is_empty(), "faults": faults }))
}

/// The flags that a text names.
fn flags_in(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| letter != '-' && !letter.is_ascii_lowercase());
    words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
}
