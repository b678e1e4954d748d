//! The suite as flows start and kill it, and as it is measured: whole, or one program of it with
//! `service <name> …`.

use std::{ffi::OsString, process::ExitCode};

/// The whole of such a binary.
#[must_use]
pub fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_none_or(|word| word != "service") {
        return payterms_suite::command::main();
    }
    let os_strings: Vec<OsString> = arguments.drain(1..3.min(arguments.len())).collect();
    match os_strings.get(1).and_then(|name| name.to_str()) {
        Some("wallet") => payterms_chassis::boot::main_with::<payterms_wallet::Wallet>(arguments),
        Some("invoicing") => {
            payterms_chassis::boot::main_with::<payterms_invoicing::Invoicing>(arguments)
        }
        Some("credit") => payterms_chassis::boot::main_with::<payterms_credit::Credit>(arguments),
        Some("plans") => payterms_chassis::boot::main_with::<payterms_plans::Plans>(arguments),
        Some("migrate") => payterms_migrations::command::main_with(arguments),
        Some("gateway") => payterms_gateway::main_with(arguments),
        other => {
            eprintln!("there is no service {other:?}");
            ExitCode::FAILURE
        }
    }
}
