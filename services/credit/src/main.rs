//! The credit service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    payterms_chassis::boot::main::<payterms_credit::Credit>()
}
