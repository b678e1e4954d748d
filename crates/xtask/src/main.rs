//! `xtask`: chores of the repository. `cargo run -p payterms-xtask -- CHORE` with one of
//!
//! - `errors`: writes docs/errors.md from the contract
//! - `events`: writes docs/event-catalogue.md from the contract
//! - `reference`: writes docs/reference.md from the contract and `proto/access.toml`
//! - `readmes`: writes methods, events and tables into the READMEs of the services,
//!   docs/configuration.md, and the versions of the schemas into the manifests
//! - `states`: draws the state machines into the READMEs of their services
//! - `tidy`: checks the rules of the tree, as the test does

mod citations;
mod configuration;
mod errors;
mod events;
mod field_words;
mod languages;
mod movements;
mod neighbours;
mod readmes;
mod recipes;
mod reference;
mod refusals;
mod rooms;
mod schema_versions;
mod states;
mod tidy;
mod words;

use std::{path::PathBuf, process::ExitCode};

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("errors") => errors::write(&root()),
        Some("events") => events::write(&root()),
        Some("reference") => reference::write(&root()),
        Some("states") => states::draw(&root()),
        Some("readmes") => {
            let (readmes, schemas) = (readmes::write(&root()), schema_versions::write(&root()));
            readmes.and(schemas).and_then(|()| configuration::write(&root()))
        }
        Some("tidy") => tidy::check(&root()),
        _ => Err("use: xtask errors | events | readmes | reference | states | tidy".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}
