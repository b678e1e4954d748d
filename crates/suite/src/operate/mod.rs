//! The operator's commands: they call a running suite at its gateway, with the methods that its
//! contract has for operators (docs/operating.md).

pub mod clock;
pub mod config_check;
pub mod connection;
mod copies;
pub mod dead_letters;
pub mod events;
pub mod health;
pub mod keys;
pub mod output;
pub mod queues;
pub mod sealed;
pub mod seed;
mod shared;
pub mod token;
pub mod usage;
pub mod verify;

use clap::ValueEnum;
use std::process::ExitCode;

/// A service of the suite behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Service {
    /// Credit, its ledger, charges.
    Wallet,
    /// Tenants, customers, invoices, payments.
    Invoicing,
    /// Credit lines.
    Credit,
    /// Payment plans.
    Plans,
}

payterms_kernel::names! {
    /// Its name in metadata and addresses.
    Service { Wallet = "wallet", Invoicing = "invoicing", Credit = "credit", Plans = "plans" }
}

impl Service {
    /// Those that were named; all if none was.
    #[must_use]
    pub fn chosen(named: &[Self]) -> Vec<Self> {
        if named.is_empty() { Self::ALL.to_vec() } else { named.to_vec() }
    }
}

/// How a command ended. A program that runs it can tell these apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and all is well: 0.
    Well,
    /// Done, and something is wrong that the command was to look for: 3.
    Wrong,
    /// Not all could be looked at, and nothing wrong was found in the rest: 4.
    Incomplete,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Well => Self::SUCCESS,
            Outcome::Wrong => Self::from(3),
            Outcome::Incomplete => Self::from(4),
        }
    }
}

/// The sentence of a call that failed: its code, its reason if it has one of ours, and its message.
#[must_use]
pub fn sentence_of(what: &str, status: &tonic::Status) -> String {
    let code = payterms_chassis::error::code_name(status.code());
    let reason = payterms_chassis::error::reason(status).filter(|reason| reason != code);
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    format!("{what}: {code}{reason}: {}", status.message())
}
