//! How commands print: tables for people, JSON for programs. Messages of the contract are printed
//! as `ProtoJSON` has them.

use clap::ValueEnum;
use comfy_table::{Table, presets};
use payterms_proto::DESCRIPTOR_SET;
use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use std::{
    io::{ErrorKind, Write},
    sync::LazyLock,
};

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// A table.
    Table,
    /// JSON.
    Json,
}

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR_SET).unwrap_or_default());

/// A message of the contract as JSON.
///
/// # Errors
/// A sentence if the contract of this program does not have it.
pub fn json_of<M: Message + Name>(message: &M) -> Result<Value, String> {
    let name = M::full_name();
    let kind =
        POOL.get_message_by_name(&name).ok_or_else(|| format!("{name} is not in the contract"))?;
    let message = DynamicMessage::decode(kind, message.encode_to_vec().as_slice())
        .map_err(|error| format!("{name}: {error}"))?;
    serde_json::to_value(&message).map_err(|error| format!("{name}: {error}"))
}

/// The same with the service that it came from.
///
/// # Errors
/// As [`json_of`].
pub fn json_from<M: Message + Name>(service: &str, message: &M) -> Result<Value, String> {
    let mut value = json_of(message)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("service".to_owned(), service.into());
    }
    Ok(value)
}

/// Prints a line. Whoever has read enough, as `head` does, ends the program quietly.
///
/// # Errors
/// A sentence if it cannot be written.
pub fn line(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        written => written.map_err(|error| format!("the standard output: {error}")),
    }
}

/// Prints JSON over several lines.
///
/// # Errors
/// As [`line`].
pub fn print_json(value: &Value) -> Result<(), String> {
    line(&serde_json::to_string_pretty(value).map_err(|error| error.to_string())?)
}

/// Prints a table; a sentence in place of one without rows.
///
/// # Errors
/// As [`line`].
pub fn print_table(head: &[&str], rows: Vec<Vec<String>>, if_empty: &str) -> Result<(), String> {
    if rows.is_empty() {
        return line(if_empty);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.iter().copied());
    table.add_rows(rows);
    line(&table.trim_fmt())
}

/// A text without what could move the cursor of a terminal: what is printed comes from others.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// An instant as people and programs read it; empty where there is none.
#[must_use]
pub fn instant(time: Option<&prost_types::Timestamp>) -> String {
    time.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{json_from, json_of, plain};
    use payterms_proto::common::v1::{CheckedRule, DueJob};
    use serde_json::json;

    #[test]
    fn messages_are_printed_as_the_contract_names_them() {
        let job = DueJob {
            tenant: "tenants/acme".into(),
            job: "expire_lot".into(),
            overdue: true,
            ..DueJob::default()
        };
        assert_eq!(
            json_of(&job).unwrap(),
            json!({ "tenant": "tenants/acme", "job": "expire_lot", "overdue": true })
        );
        let rule = CheckedRule { broken_count: 2, ..CheckedRule::default() };
        assert_eq!(
            json_from("wallet", &rule).unwrap(),
            json!({ "service": "wallet", "brokenCount": "2" })
        );
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a [2Jb ");
    }
}
