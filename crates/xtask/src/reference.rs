//! docs/reference.md: the methods that callers have, what each does, and which role may call it;
//! made from the contract and `proto/access.toml`.

use crate::readmes::{METHODS, SERVICES, caption, comment};
use prost_reflect::{DescriptorPool, FileDescriptor, ServiceDescriptor};
use std::{fmt::Write, fs, path::Path};
use toml::{Table, Value};

const PAGE: &str = "docs/reference.md";
const HEAD: &str = "# Reference\n\n\
All methods that callers have, and which role may call them: `yes` for all of the tenant (`OPERATOR`: of all tenants), `own` for the\n\
customer that the token or API key names, empty for nobody. Whoever has several roles may do what any of them may. A role is in a token,\n\
or in an [API key](authentication.md#api-keys), which OPERATOR never is; methods for *people* take no API key.\n\
Methods with *try* take `validate_only`, which [only checks](guides/concepts.md#trying-a-write) them.\n\
[Who is who](domain/README.md#who-takes-part).\n\n\
A method's path over HTTP is `/`, the full name of its service, `/` and its name ([plain HTTP](http.md)). Its fields, with what they mean,\n\
stand in the file that each section names, and in `GET /openapi.json` of a running suite. [Errors](errors.md) has all reasons,\n\
[lists](lists.md) what can be filtered, [guides](guides/README.md) how a job is done.\n\n\
This page is made from the protos and `proto/access.toml` by `cargo run -p payterms-xtask -- reference`.\n";
/// The packages, in the order of their sections.
const PACKAGES: [&str; 6] = ["wallet", "invoicing", "credit", "plans", "gateway", "common"];
/// The roles, in the order of their columns.
const ROLES: [&str; 8] = [
    "OPERATOR",
    "OWNER",
    "ADMIN",
    "STAFF",
    "SERVICE",
    "CUSTOMER_ADMIN",
    "BILLING_MANAGER",
    "MEMBER",
];

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
        Err(format!("{PAGE} is stale: run `cargo run -p payterms-xtask -- reference`"))
    }
}

fn page() -> Result<String, String> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET)
        .map_err(|error| error.to_string())?;
    let access =
        payterms_proto::ACCESS_TABLE.parse::<Table>().map_err(|error| error.to_string())?;
    let mut parts = vec![HEAD.to_owned()];
    for package in PACKAGES {
        parts.push(format!("\n## {package}\n"));
        let files: Vec<_> = pool
            .files()
            .filter(|file| file.package_name() == format!("payterms.{package}.v1"))
            .collect();
        for file in &files {
            for (index, service) in (0..).zip(file.services()) {
                parts.push(section(file, index, &service, &access)?);
            }
        }
    }
    Ok(parts.concat())
}

/// The methods of one gRPC service, which is number `index` of its file.
fn section(
    file: &FileDescriptor,
    index: i32,
    service: &ServiceDescriptor,
    access: &Table,
) -> Result<String, String> {
    let about = comment(file, &[SERVICES, index]);
    let (name, full, proto) = (service.name(), service.full_name(), file.name());
    let (roles, rule) = (ROLES.join(" | "), "---|".repeat(ROLES.len()));
    let mut part = format!(
        "\n### {name}\n\n{about}\n\n`/{full}/…`, [fields](../proto/{proto})\n\n| method | what it does | {roles} |\n|---|---|{rule}\n"
    );
    for (number, method) in (0..).zip(service.methods()) {
        let about = caption(method.name(), &comment(file, &[SERVICES, index, METHODS, number]));
        let row =
            access.get(full).and_then(|rows| rows.get(method.name())).and_then(Value::as_table);
        let row =
            row.ok_or_else(|| format!("{} has no row in proto/access.toml", method.full_name()))?;
        let cells: Vec<_> = ROLES
            .iter()
            .map(|role| row.get(*role).and_then(Value::as_str).unwrap_or_default())
            .collect();
        let stream = if method.is_server_streaming() || method.is_client_streaming() {
            " (stream)"
        } else {
            ""
        };
        let people = if row.get("api_keys").and_then(Value::as_bool) == Some(false) {
            " *people*"
        } else {
            ""
        };
        let tried =
            if method.input().get_field_by_name("validate_only").is_some() { " *try*" } else { "" };
        writeln!(
            part,
            "| {}{stream}{people}{tried} | {about} | {} |",
            method.name(),
            cells.join(" | ")
        )
        .map_err(|error| error.to_string())?;
    }
    Ok(part)
}
