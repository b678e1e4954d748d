//! `payterms`: the whole suite in one process.

use std::process::ExitCode;

fn main() -> ExitCode {
    payterms_suite::command::main()
}
