//! The variables of the environment that the suite reads. A name that begins like one of them and
//! is none is a spelling mistake, and a process that ignored it would run with a default that
//! nobody wanted.

use clap::{Arg, Command};
use std::collections::BTreeSet;

/// The variables of all programs of the suite: programs are often started with one environment.
/// `xtask tidy` compares the list with the command lines.
pub const VARIABLES: [&str; 63] = [
    "PAYTERMS_AUDIENCE",
    "PAYTERMS_BUS",
    "PAYTERMS_BUS_CA",
    "PAYTERMS_BUS_CREDENTIALS",
    "PAYTERMS_BUS_REPLICAS",
    "PAYTERMS_BUS_TLS",
    "PAYTERMS_CA",
    "PAYTERMS_CALLER_CALLS_PER_SECOND",
    "PAYTERMS_CLAIMS",
    "PAYTERMS_CONFIG",
    "PAYTERMS_CONNECTION_AGE_SECONDS",
    "PAYTERMS_CONNECTION_GRACE_SECONDS",
    "PAYTERMS_CORS_ORIGINS",
    "PAYTERMS_CUSTOMER_CALLS_PER_SECOND",
    "PAYTERMS_DATA",
    "PAYTERMS_DATABASE_CONNECTIONS",
    "PAYTERMS_DATABASE_POOLED",
    "PAYTERMS_DATABASE_PROCESSES",
    "PAYTERMS_DATABASE_STATEMENT_SECONDS",
    "PAYTERMS_DATABASE_URL",
    "PAYTERMS_DATABASE_URL_FILE",
    "PAYTERMS_DATABASE_WAIT_SECONDS",
    "PAYTERMS_DOOR_TLS",
    "PAYTERMS_FIGURES_SECONDS",
    "PAYTERMS_GATEWAY",
    "PAYTERMS_GATEWAY_REPLICAS",
    "PAYTERMS_ISSUER",
    "PAYTERMS_JWKS",
    "PAYTERMS_JWKS_CA",
    "PAYTERMS_JWKS_EVERY_SECONDS",
    "PAYTERMS_JWKS_HOLDS_SECONDS",
    "PAYTERMS_JWKS_URL",
    "PAYTERMS_KEYS",
    "PAYTERMS_KILL_AT",
    "PAYTERMS_LISTEN",
    "PAYTERMS_LOG",
    "PAYTERMS_LOG_FORMAT",
    "PAYTERMS_LONGEST_TOKEN_SECONDS",
    "PAYTERMS_MAIL",
    "PAYTERMS_MAIL_CA",
    "PAYTERMS_MAIL_FILE",
    "PAYTERMS_MAIL_FROM",
    "PAYTERMS_METRICS",
    "PAYTERMS_MODE",
    "PAYTERMS_OTLP_ENDPOINT",
    "PAYTERMS_OWNER_DATABASE_URL",
    "PAYTERMS_OWNER_DATABASE_URL_FILE",
    "PAYTERMS_PEERS",
    "PAYTERMS_PLAID",
    "PAYTERMS_PLAID_CREDENTIALS",
    "PAYTERMS_POSTGRES",
    "PAYTERMS_PROBES",
    "PAYTERMS_SEAL_KEY",
    "PAYTERMS_SERVER_NAME",
    "PAYTERMS_SIMULATOR",
    "PAYTERMS_SIMULATOR_SECRET",
    "PAYTERMS_STRIPE",
    "PAYTERMS_TENANT_CALLS_PER_SECOND",
    "PAYTERMS_TLS",
    "PAYTERMS_TOKEN_FILE",
    "PAYTERMS_TRACE_RATIO",
    "PAYTERMS_VIES",
    "PAYTERMS_WEBHOOKS_INSIDE",
];

/// Variables of the repository's own checks, which start programs of the suite with their
/// environment.
const OF_CHECKS: [&str; 3] = ["PAYTERMS_NODE_MODULES", "PAYTERMS_PYTHON", "PAYTERMS_TOOLS"];

/// How alike two names must be, from 0 to 1, for one to be offered in place of the other.
const ALIKE: f64 = 0.7;

/// A sentence for each of these names that looks like a setting of the suite and is none.
pub(crate) fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_unknown = |name: &String| {
        name.starts_with("PAYTERMS_")
            && !VARIABLES.contains(&name.as_str())
            && !OF_CHECKS.contains(&name.as_str())
    };
    let mut unknown: Vec<_> = names.filter(is_unknown).collect();
    unknown.sort();
    unknown
        .iter()
        .map(|name| {
            format!("{name} in the environment is no setting of the suite. {}", remedy(name))
        })
        .collect()
}

/// A sentence for each of these names that is a setting of other programs of the suite and none of
/// this one. A process that has the work of all of them would serve without what it says.
#[must_use]
pub fn of_others(program: &Command, names: impl Iterator<Item = String>) -> Vec<String> {
    let own = of_program(program);
    let mut others: Vec<_> =
        names.filter(|name| VARIABLES.contains(&name.as_str()) && !own.contains(name)).collect();
    others.sort();
    let sentence = |name: &String| {
        format!(
            "{name} in the environment is a setting of the parts as processes of their own, which all in one process does not have. \
             Take it away, or start the parts by themselves; docs/configuration.md says which program has it."
        )
    };
    others.iter().map(sentence).collect()
}

/// The variables that a program and its commands read.
#[must_use]
pub fn of_program(program: &Command) -> BTreeSet<String> {
    let here = program
        .get_arguments()
        .filter_map(Arg::get_env)
        .map(|name| name.to_string_lossy().into_owned());
    here.chain(program.get_subcommands().flat_map(of_program)).collect()
}

fn remedy(name: &str) -> String {
    let like = |known: &&str| strsim::normalized_damerau_levenshtein(name, known);
    let nearest = VARIABLES
        .iter()
        .copied()
        .max_by(|a, b| like(a).total_cmp(&like(b)))
        .filter(|nearest| like(nearest) >= ALIKE);
    match nearest {
        Some(nearest) => format!("Write {nearest}, or take it away."),
        None => "Take it away; docs/configuration.md lists all settings.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn a_misspelt_variable_is_named_with_the_one_that_was_meant() {
        let sentences = |names: &[&str]| unknown(names.iter().map(|name| (*name).to_owned()));
        assert!(sentences(&["PATH", "PAYTERMS_LOG", "PAYTERMS_PYTHON", "WALLET_PORT"]).is_empty());
        let both = sentences(&["PAYTERMS_WALLET_PORT_50051_TCP_PROTO", "PAYTERMS_DATABSE_URL"]);
        assert_eq!(
            both[0],
            "PAYTERMS_DATABSE_URL in the environment is no setting of the suite. Write PAYTERMS_DATABASE_URL, or take it away."
        );
        assert!(both[1].contains("docs/configuration.md") && both.len() == 2, "{both:?}");
    }
}
