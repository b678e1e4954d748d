//! State machines that are data, drawn into the README of their service.

use std::{fs, path::Path};

/// A README that shows a machine, and the machine.
type Shown = (&'static str, fn() -> String);

const SHOWN: [Shown; 3] = [
    ("services/plans/README.md", payterms_plans_domain::edges::diagram),
    ("services/credit/README.md", payterms_credit_domain::edges::diagram),
    ("services/invoicing/README.md", payterms_invoicing_domain::transfer_refund::edges::diagram),
];
const BEGIN: &str = "<!-- states: `cargo run -p payterms-xtask -- states` draws them -->\n";
const END: &str = "<!-- states end -->";

/// A README as it should be, and as it is.
fn pages(root: &Path, (readme, diagram): Shown) -> Result<(String, String), String> {
    let text =
        fs::read_to_string(root.join(readme)).map_err(|error| format!("{readme}: {error}"))?;
    let marks = || format!("{readme}: the marks of the states are missing");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    Ok((format!("{before}{BEGIN}```mermaid\n{}```\n{END}{after}", diagram()), text))
}

/// Draws the machines.
///
/// # Errors
/// A sentence that names the file.
pub fn draw(root: &Path) -> Result<(), String> {
    for shown in SHOWN {
        let (drawn, _) = pages(root, shown)?;
        fs::write(root.join(shown.0), drawn).map_err(|error| format!("{}: {error}", shown.0))?;
    }
    Ok(())
}

/// Whether the READMEs show the machines as they are.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(root: &Path) -> Result<(), String> {
    for shown in SHOWN {
        let (drawn, is) = pages(root, shown)?;
        if drawn != is {
            return Err(format!("{} shows other states than the code: draw them anew", shown.0));
        }
    }
    Ok(())
}
