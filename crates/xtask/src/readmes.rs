//! The reference part of each service's README: its methods with who may call them, its events,
//! jobs and flows, what it calls and subscribes to, and its tables. All of it is read from the
//! contract, `proto/access.toml`, `proto/topology.toml`, the use cases and the migrations, so that
//! nobody maintains it by hand.

use prost_reflect::{DescriptorPool, FileDescriptor, ServiceDescriptor};
use std::{fmt::Write, fs, path::Path};
use toml::{Table, Value};

/// A README, and the package whose methods it shows.
const SHOWN: [(&str, &str); 5] = [
    ("services/wallet/README.md", "wallet"),
    ("services/invoicing/README.md", "invoicing"),
    ("services/credit/README.md", "credit"),
    ("services/plans/README.md", "plans"),
    ("gateway/README.md", "gateway"),
];
const BEGIN: &str = "<!-- reference: `cargo run -p payterms-xtask -- readmes` writes it -->\n";
const END: &str = "<!-- reference end -->";
/// Field numbers in `google.protobuf.FileDescriptorProto` and `ServiceDescriptorProto`, which paths
/// of comments are made of.
const MESSAGES: i32 = 4;
pub const SERVICES: i32 = 6;
pub const METHODS: i32 = 2;

/// Writes the reference part of all READMEs.
///
/// # Errors
/// A sentence that names the file.
pub fn write(root: &Path) -> Result<(), String> {
    for (readme, package) in SHOWN {
        let (fresh, _) = pages(root, readme, package)?;
        fs::write(root.join(readme), fresh).map_err(|error| format!("{readme}: {error}"))?;
    }
    Ok(())
}

/// Whether the READMEs show what the contract says.
///
/// # Errors
/// A sentence that says what to do.
pub fn check(root: &Path) -> Result<(), String> {
    for (readme, package) in SHOWN {
        let (fresh, written) = pages(root, readme, package)?;
        if fresh != written {
            return Err(format!("{readme} is stale: run `cargo run -p payterms-xtask -- readmes`"));
        }
    }
    Ok(())
}

/// A README as it should be, and as it is.
fn pages(root: &Path, readme: &str, package: &str) -> Result<(String, String), String> {
    let text =
        fs::read_to_string(root.join(readme)).map_err(|error| format!("{readme}: {error}"))?;
    let marks = || format!("{readme}: the marks of the reference are missing");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(marks)?;
    let reference = reference(root, package).map_err(|error| format!("{readme}: {error}"))?;
    Ok((format!("{before}{BEGIN}{reference}{END}{after}"), text))
}

fn reference(root: &Path, package: &str) -> Result<String, String> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET)
        .map_err(|error| error.to_string())?;
    let access =
        payterms_proto::ACCESS_TABLE.parse::<Table>().map_err(|error| error.to_string())?;
    let files: Vec<_> = pool
        .files()
        .filter(|file| file.package_name() == format!("payterms.{package}.v1"))
        .collect();
    let mut parts = vec!["\n## Methods\n".to_owned()];
    for file in &files {
        for (index, service) in (0..).zip(file.services()) {
            parts.push(service_table(file, index, &service, &access)?);
        }
    }
    let for_peers: Vec<_> = pool
        .files()
        .filter(|file| file.package_name() == format!("payterms.{package}.peers.v1"))
        .collect();
    if !for_peers.is_empty() {
        parts.push(
            "\n## Methods for the other services\n\nThe gateway neither routes nor shows them.\n"
                .to_owned(),
        );
    }
    for file in &for_peers {
        for (index, service) in (0..).zip(file.services()) {
            parts.push(service_table(file, index, &service, &access)?);
        }
    }
    let events: String = files.iter().map(event_rows).collect();
    if !events.is_empty() {
        parts.push(format!(
            "\n## Events\n\n| event | aggregate | what it reports |\n|---|---|---|\n{events}"
        ));
    }
    parts.push(work(root, package));
    parts.push(neighbours(package)?);
    let tables = tables(root, package);
    if !tables.is_empty() {
        let list: Vec<_> = tables.iter().map(|table| format!("`{table}`")).collect();
        parts.push(format!(
            "\n## Tables\n\n{}.\nThey are created in {}; the tables that every service has are in `migrations/src/system.rs`.\n",
            wrapped(&list),
            migrations(root, package).iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ")
        ));
    }
    parts.push("\n".to_owned());
    Ok(parts.concat())
}

/// The methods of one gRPC service, which is number `index` of its file.
fn service_table(
    file: &FileDescriptor,
    index: i32,
    service: &ServiceDescriptor,
    access: &Table,
) -> Result<String, String> {
    let name = service.name();
    let about = comment(file, &[SERVICES, index]);
    let mut page = format!(
        "\n### {name}\n\n{about}\n\n| method | what it does | who may call |\n|---|---|---|\n"
    );
    for (number, method) in (0..).zip(service.methods()) {
        let about = caption(method.name(), &comment(file, &[SERVICES, index, METHODS, number]));
        let row = access
            .get(service.full_name())
            .and_then(|rows| rows.get(method.name()))
            .and_then(Value::as_table);
        let callers = row
            .map(callers)
            .ok_or_else(|| format!("{} has no row in proto/access.toml", method.full_name()))?;
        let stream = if method.is_server_streaming() || method.is_client_streaming() {
            " (stream)"
        } else {
            ""
        };
        writeln!(page, "| {}{stream} | {about} | {callers} |", method.name())
            .map_err(|error| error.to_string())?;
    }
    Ok(page)
}

/// Who may call a method: roles for the whole tenant, roles for their own customer, services.
fn callers(row: &Table) -> String {
    let with = |reach: &str| {
        row.iter()
            .filter(|(_, cell)| cell.as_str() == Some(reach))
            .map(|(role, _)| role.clone())
            .collect::<Vec<_>>()
    };
    let names = |key: &str| -> Vec<String> {
        let list = row.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    let groups = [
        ("", with("yes")),
        ("own customer: ", with("own")),
        ("services: ", names("PEER")),
        ("for a caller: ", names("asserted_by")),
    ];
    let shown = groups
        .iter()
        .filter(|(_, who)| !who.is_empty())
        .map(|(how, who)| format!("{how}{}", who.join(", ")));
    shown.collect::<Vec<_>>().join("; ")
}

/// A row for each event of a file: a message whose comment names its aggregate.
fn event_rows(file: &FileDescriptor) -> String {
    let rows = (0..).zip(file.messages()).filter_map(|(index, message)| {
        let about = comment(file, &[MESSAGES, index]);
        let aggregate = about.split("Aggregate `").nth(1)?.split('`').next()?;
        Some(format!(
            "| {} | `{aggregate}` | {} |\n",
            message.name(),
            caption(message.name(), &about)
        ))
    });
    rows.collect::<Vec<_>>().concat()
}

/// The jobs and flows of a service, each with the file that handles it and what that file says of
/// itself.
fn work(root: &Path, package: &str) -> String {
    let folder = root.join(format!("services/{package}"));
    let mut rows = Vec::new();
    for file in crate::tidy::rust_files(&folder.join("src/use_cases")) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let path = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        for (mark, kind) in
            [("pub const JOB: &str = \"", "job"), ("pub const FLOW: &str = \"", "flow")]
        {
            let Some(name) = text.split(mark).nth(1).and_then(|rest| rest.split('"').next()) else {
                continue;
            };
            let header: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
            let about = header.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
            rows.push(format!(
                "| {kind} | `{name}` | {} | [{path}]({path}) |\n",
                caption("", &about)
            ));
        }
    }
    rows.sort();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n## Jobs and flows\n\n| kind | name | what it does | handled in |\n|---|---|---|---|\n{}",
        rows.concat()
    )
}

/// What a service calls and subscribes to.
fn neighbours(package: &str) -> Result<String, String> {
    let topology = payterms_proto::TOPOLOGY.parse::<Table>().map_err(|error| error.to_string())?;
    let Some(row) = topology.get(package).and_then(Value::as_table) else {
        return Ok(String::new());
    };
    let list = |value: &Value, mark: &str| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|name| format!("{mark}{name}{mark}"))
            .collect()
    };
    let calls = row.get("calls").map(|calls| list(calls, "")).unwrap_or_default();
    let calls = if calls.is_empty() { "no service".to_owned() } else { calls.join(", ") };
    let mut parts = vec![format!("\n## Neighbours\n\n| | |\n|---|---|\n| calls | {calls} |\n")];
    for (publisher, aggregates) in row.get("hears").and_then(Value::as_table).into_iter().flatten()
    {
        parts.push(format!(
            "| subscribes to {publisher}'s | {} |\n",
            list(aggregates, "`").join(", ")
        ));
    }
    Ok(parts.concat())
}

/// The files of a service's migrations.
fn migrations(root: &Path, package: &str) -> Vec<String> {
    let files = fs::read_dir(root.join("migrations/src")).into_iter().flatten().flatten();
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let is_of = |name: &String| {
        name.strip_suffix(".rs")
            .is_some_and(|stem| stem == package || stem.starts_with(&format!("{package}_")))
    };
    let mut paths: Vec<_> =
        names.filter(is_of).map(|name| format!("migrations/src/{name}")).collect();
    paths.sort();
    paths
}

/// The tables that a service's migrations create, in their order.
fn tables(root: &Path, package: &str) -> Vec<String> {
    let texts = migrations(root, package)
        .into_iter()
        .map(|path| fs::read_to_string(root.join(path)).unwrap_or_default());
    let text: String = texts.collect();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let named =
        lines.iter().zip(lines.iter().skip(1)).filter(|(before, _)| before.ends_with("Table {"));
    named
        .filter_map(|(_, line)| Some(line.strip_prefix("name: \"")?.split('"').next()?.to_owned()))
        .collect()
}

/// The leading comment at a path of a file, on one line.
pub fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location =
        info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let text = location.and_then(|location| location.leading_comments.clone()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a comment says first, for a cell of a table that names its subject already.
pub fn caption(subject: &str, comment: &str) -> String {
    let end = comment.find(". ").unwrap_or(comment.len());
    let sentence = comment.get(..end).unwrap_or(comment).trim_end_matches('.');
    let rest = sentence.strip_prefix(subject).map_or(sentence, str::trim_start);
    let rest = rest
        .strip_prefix("reports that ")
        .or_else(|| rest.strip_prefix("reports "))
        .unwrap_or(rest);
    rest.replace('|', "\\|")
}

/// Names in lines of about 120 letters.
fn wrapped(names: &[String]) -> String {
    let (mut page, mut width) = (String::new(), 0_usize);
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            page.push_str(if width > 110 { ",\n" } else { ", " });
            width = if width > 110 { 0 } else { width };
        }
        page.push_str(name);
        width = width.saturating_add(name.len()).saturating_add(2);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{callers, caption};

    #[test]
    fn callers_are_grouped_by_their_reach() {
        let row = r#"STAFF = "yes"
            MEMBER = "own"
            PEER = ["plans"]
            asserted_by = ["credit"]"#;
        assert_eq!(
            callers(&row.parse().unwrap()),
            "STAFF; own customer: MEMBER; services: plans; for a caller: credit"
        );
    }

    #[test]
    fn a_caption_is_the_first_sentence_without_its_subject() {
        assert_eq!(
            caption("VoidHold", "VoidHold frees 1.5 of it. HOLD_STATE else."),
            "frees 1.5 of it"
        );
        assert_eq!(caption("HoldVoided", "HoldVoided reports that a hold ended."), "a hold ended");
    }
}
