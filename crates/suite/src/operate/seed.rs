//! `payterms seed`: makes a sandbox tenant ready for everything to be tried.

use crate::{
    operate::{
        Outcome,
        connection::ConnectionOptions,
        output::{self, Output},
    },
    sandbox,
};
use clap::Args;
use serde_json::{Map, Value};
use std::path::Path;

/// Options of `seed`.
#[derive(Debug, Args)]
#[command(
    about = "Makes a sandbox tenant ready for everything to be tried, as `payterms` does at its start: tax rules, the simulator as payment \
             provider, prepayment, a customer with profile, card and wallet, an open invoice, a programme for credit lines, payment plans. What \
             is there stays, so it may be repeated. Prints the names, as lines for a shell",
    after_help = "Example: eval \"$(payterms seed acme)\""
)]
pub struct SeedOptions {
    /// Where to call, and as whom: an OWNER of the tenant, by a token (an API key makes no keys,
    /// and seeding needs one for a moment).
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// Slug of the tenant, which was created with `sandbox` set.
    pub tenant: String,
}

/// The whole of the command.
///
/// # Errors
/// A sentence that says which call failed.
pub async fn run(options: &SeedOptions, data: &Path) -> Result<Outcome, String> {
    let owner = options.connection.session(data, "OWNER", Some(&options.tenant))?;
    let sandbox = Box::pin(sandbox::furnish(&owner, &options.tenant)).await?;
    match options.connection.output {
        Output::Table => {
            for (name, value) in sandbox.exports() {
                output::line(&format!("export {name}={value}"))?;
            }
        }
        Output::Json => {
            let names = [
                ("customer", sandbox.customer),
                ("wallet", sandbox.wallet),
                ("invoice", sandbox.invoice),
                ("programme", sandbox.programme),
            ];
            let names: Map<_, _> = names
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Value::String(value)))
                .collect();
            output::print_json(&Value::Object(names))?;
        }
    }
    Ok(Outcome::Well)
}
