//! `payterms keys`: makes and replaces the keys that sign tokens and those that values are sealed
//! with, and publishes those of tokens that count.

use crate::operate::{
    Outcome,
    output::{self, Output},
};
use clap::{Args, Subcommand};
use payterms_chassis::{
    key_pairs::{KeyIds, KeyPair, key_set, replace},
    seal_keys::SealKeys,
};
use payterms_gateway::identity::LONGEST_TOKEN_SECONDS;
use serde_json::json;
use std::{path::PathBuf, time::Duration};

/// The commands of keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes pairs: `NAME.key`, which signs and only its owner may read, and `NAME.pub`. What is
    /// there is not touched. The names `seal` and `webhooks` are those of the keys that values are
    /// sealed with: they have no `NAME.pub`.
    #[command(after_help = "Example: payterms keys make --keys keys callers")]
    Make(NamedOptions),
    /// Begins to replace a key: makes the next one, and lets both count in `NAME.pub`. The present
    /// one still signs. Bring `NAME.pub`, or the published set, to all who verify, and then go on
    /// with `switch`. The next key of `seal` or `webhooks` opens from now on: bring `NAME.key` to
    /// all services and restart them first.
    #[command(
        after_help = "Example: payterms keys rotate --keys keys callers && payterms keys publish --keys keys --to jwks.json callers"
    )]
    Rotate(NamedOptions),
    /// Lets the next key sign. What the key before it signed still counts. The next key of `seal`
    /// or `webhooks` seals, and the one before still opens: bring `NAME.key` to all services,
    /// restart them, and go on with `payterms reseal`.
    #[command(after_help = "Example: payterms keys switch --keys keys callers")]
    Switch(NamedOptions),
    /// Ends the key before: only the one that signs counts. Refused while tokens of the key before
    /// may still be used. Of `seal` and `webhooks` only when `payterms sealed` says that nothing is
    /// sealed with the key before.
    #[command(
        after_help = "Example: payterms keys retire --keys keys callers && payterms keys publish --keys keys --to jwks.json callers"
    )]
    Retire(RetireOptions),
    /// Prints which keys sign and count.
    #[command(after_help = "Example: payterms keys list --keys keys gateway wallet")]
    List(NamedOptions),
    /// Writes the keys that count as a JWKS for `--jwks` of the gateway. The file is replaced as a
    /// whole, and the gateway reads it again by itself.
    #[command(after_help = "Example: payterms keys publish --keys keys --to jwks.json callers")]
    Publish(PublishOptions),
}

/// Where keys are, and which are meant.
#[derive(Debug, Args)]
pub struct NamedOptions {
    /// Folder of the keys.
    #[arg(long, env = "PAYTERMS_KEYS", default_value = "keys")]
    pub keys: PathBuf,
    /// Names of the pairs: that of who signs; or `seal`, `webhooks`.
    #[arg(required = true)]
    pub names: Vec<String>,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Options of `keys retire`.
#[derive(Debug, Args)]
pub struct RetireOptions {
    /// Where keys are, and which are meant.
    #[command(flatten)]
    pub named: NamedOptions,
    /// How long tokens of the key before may count: as `--longest-token-seconds` of the gateway;
    /// 300 for keys of the parts.
    #[arg(long, default_value_t = LONGEST_TOKEN_SECONDS, value_parser = clap::value_parser!(i64).range(0..=31_536_000))]
    pub longest_token_seconds: i64,
}

/// Options of `keys publish`.
#[derive(Debug, Args)]
pub struct PublishOptions {
    /// Where keys are, and which are meant.
    #[command(flatten)]
    pub named: NamedOptions,
    /// The file to write; the standard output if not given.
    #[arg(long)]
    pub to: Option<PathBuf>,
}

/// The whole of the command.
///
/// # Errors
/// A sentence that names the file.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a closure takes a pair of any lifetime, the method does not"
)]
pub fn run(command: &KeyCommand) -> Result<Outcome, String> {
    match command {
        KeyCommand::Make(named) => each(named, |pair| pair.make(), SealKeys::make),
        KeyCommand::Rotate(named) => each(named, |pair| pair.rotate(), SealKeys::rotate),
        KeyCommand::Switch(named) => each(named, |pair| pair.switch(), SealKeys::switch),
        KeyCommand::List(named) => each(named, |pair| pair.ids(), SealKeys::ids),
        KeyCommand::Retire(options) => {
            let longest = Duration::from_secs(options.longest_token_seconds.unsigned_abs());
            each(&options.named, |pair| pair.retire(longest), SealKeys::retire)
        }
        KeyCommand::Publish(options) => {
            let names: Vec<_> = options.named.names.iter().map(String::as_str).collect();
            let set = key_set(&options.named.keys, &names)?;
            match &options.to {
                Some(file) => replace(file, &set)?,
                None => output::line(&set)?,
            }
            Ok(Outcome::Well)
        }
    }
}

/// Does something to each pair, or file of keys that seal, and prints which keys there are then.
fn each(
    named: &NamedOptions,
    to_pair: impl Fn(&KeyPair<'_>) -> Result<KeyIds, String>,
    to_file: impl Fn(&SealKeys) -> Result<KeyIds, String>,
) -> Result<Outcome, String> {
    let mut all = Vec::new();
    for name in &named.names {
        let done = match SealKeys::new(&named.keys, name) {
            Some(file) => to_file(&file),
            None => to_pair(&KeyPair::new(&named.keys, name)?),
        };
        all.push((name, done?));
    }
    match named.output {
        Output::Json => {
            let pair = |(name, ids): &(&String, KeyIds)| json!({ "name": name, "signs": ids.signs, "next": ids.next, "count": ids.count });
            output::print_json(&json!({ "keys": all.iter().map(pair).collect::<Vec<_>>() }))?;
        }
        Output::Table => {
            let row = |(name, ids): &(&String, KeyIds)| {
                vec![
                    (*name).clone(),
                    ids.signs.clone(),
                    ids.next.clone().unwrap_or_default(),
                    ids.count.join(", "),
                ]
            };
            output::print_table(
                &["name", "signs or seals", "next", "count or open"],
                all.iter().map(row).collect(),
                "",
            )?;
        }
    }
    Ok(Outcome::Well)
}
