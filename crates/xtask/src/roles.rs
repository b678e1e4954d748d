//! docs/roles.md: which role may call which method, from proto/access.toml; and whether API keys may.

use payterms_chassis::{
    access::{AccessTable, ROLES, is_for_peers},
    call::Grant,
};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

const FILE: &str = "docs/roles.md";
const INTRO: &str = "# Roles

Which role may call which method: `yes` for the whole tenant (an OPERATOR: every tenant), `own` for the customer that the token or API key names,
nothing: not at all. A role is in a token, or in an [API key](authentication.md#api-keys), which OPERATOR never is; `people` are methods that
take no API key. Whoever has several roles may do what any of them may. What the roles mean: [who takes
part](domain/README.md#who-takes-part).

This page is made from `proto/access.toml` by `cargo run -p payterms-xtask -- readmes`.
";

/// Writes the page.
///
/// # Errors
/// A sentence that names the file.
pub fn write(root: &Path) -> Result<(), String> {
    fs::write(root.join(FILE), page()?).map_err(|error| format!("{FILE}: {error}"))
}

/// Whether the page is what the table says.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(root: &Path) -> Result<(), String> {
    if fs::read_to_string(root.join(FILE)).unwrap_or_default() == page()? {
        return Ok(());
    }
    Err(format!("{FILE} is stale: run `cargo run -p payterms-xtask -- readmes`"))
}

fn page() -> Result<String, String> {
    let access = AccessTable::load()?;
    let mut packages: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    for (path, grants) in access.cells().filter(|(path, _)| !is_for_peers(path)) {
        let method = path.trim_start_matches('/');
        let (package, name) = method.split_once(".v1.").ok_or_else(|| format!("{path} has no version"))?;
        let cell = |role: &&str| match grants.get(*role) {
            Some(Grant::Tenant) => "yes",
            Some(Grant::OwnCustomer) => "own",
            None => "",
        };
        let mut cells: Vec<_> = ROLES.iter().map(cell).collect();
        cells.push(if access.is_for_people(path) { "people" } else { "" });
        packages.entry(package).or_default().insert(name, cells.join(" | "));
    }
    let heads = ROLES.map(|role| format!("`{role}`")).join(" | ");
    let mut page = INTRO.to_owned();
    for (package, methods) in packages {
        let lines = "|---".repeat(ROLES.len() + 2);
        write!(page, "\n## {package}.v1\n\n| method | {heads} | |\n{lines}|\n").map_err(|error| error.to_string())?;
        for (method, cells) in methods {
            writeln!(page, "| {method} | {cells} |").map_err(|error| error.to_string())?;
        }
    }
    Ok(page)
}
