//! State machines that are data, drawn into the README of their service.

use std::{fs, path::Path};

/// The README that shows the machine of plans.
const README: &str = "services/plans/README.md";
const BEGIN: &str = "<!-- states: `cargo run -p payterms-xtask -- states` draws them -->\n";
const END: &str = "<!-- states end -->";

/// The README as it should be, and as it is.
fn pages(root: &Path) -> Result<(String, String), String> {
    let text = fs::read_to_string(root.join(README)).map_err(|error| format!("{README}: {error}"))?;
    let marks = || format!("{README}: the marks of the states are missing");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let diagram = payterms_plans_domain::edges::diagram();
    Ok((format!("{before}{BEGIN}```mermaid\n{diagram}```\n{END}{after}"), text))
}

/// Draws the machine.
///
/// # Errors
/// A sentence that names the file.
pub fn draw(root: &Path) -> Result<(), String> {
    let (drawn, _) = pages(root)?;
    fs::write(root.join(README), drawn).map_err(|error| format!("{README}: {error}"))
}

/// Whether the README shows the machine as it is.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(root: &Path) -> Result<(), String> {
    let (drawn, shown) = pages(root)?;
    if drawn == shown { Ok(()) } else { Err(format!("{README} shows other states than the code: draw them anew")) }
}
