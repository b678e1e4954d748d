//! docs/event-catalogue.md, made from the options of events in the contract.

use crate::readmes::{caption, comment};
use payterms_chassis::catalogue::{Catalogue, PublicType};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

const PAGE: &str = "docs/event-catalogue.md";
const HEAD: &str = "# Catalogue of events\n\n\
The types of events that [EventService](events.md) shows. A type is the full name of the message in `data`. Who may call the method in\n\
the last column sees the event: for the whole tenant, or of the own customer. Of the message the fields in the column *data* are\n\
shown; where it says *name only*, there is no `data`, and the method reads the resource.\n\n\
This page is made from `event_visibility` of the messages in `proto/payterms/*/v1/events.proto` by `cargo run -p payterms-xtask --\n\
events`. A message without it is never shown.\n";

/// Writes the page.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn write(root: &Path) -> Result<(), String> {
    fs::write(root.join(PAGE), page()?).map_err(|error| format!("{PAGE}: {error}"))
}

/// Whether the page is what the contract says.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(root: &Path) -> Result<(), String> {
    let written = fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    if written == page()? {
        Ok(())
    } else {
        Err(format!("{PAGE} is stale: run `cargo run -p payterms-xtask -- events`"))
    }
}

fn page() -> Result<String, String> {
    let catalogue = Catalogue::load()?;
    let mut services: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, kind) in catalogue.iter() {
        services.entry(kind.service()).or_default().push(row(kind));
    }
    let mut page = HEAD.to_owned();
    for (service, rows) in services {
        write!(
            page,
            "\n## {service}\n\nTypes begin with `payterms.{service}.v1.`\n\n| type | what it reports | data | read by |\n|---|---|---|---|\n{}",
            rows.concat()
        )
        .map_err(|error| error.to_string())?;
    }
    Ok(page)
}

fn row(kind: &PublicType) -> String {
    let message = kind.message();
    let about = caption(message.name(), &comment(&message.parent_file(), message.path()));
    let fields: Vec<_> = kind.shown.iter().map(|field| format!("`{}`", field.name())).collect();
    let mut data = if fields.is_empty() { "name only".to_owned() } else { fields.join(", ") };
    if let Some(each) = &kind.one_for_each {
        let _ = write!(data, "; an event for each of `{}`", each.name());
    }
    if kind.customers_see_name {
        data.push_str("; for people of customers name only");
    }
    if kind.can_be_hidden {
        data.push_str("; not for people of customers while the tenant hides its invoices");
    }
    let method = kind.read_by.rsplit('.').next().unwrap_or_default().replace('/', ".");
    format!("| `{}` | {about} | {data} | {method} |\n", message.name())
}
