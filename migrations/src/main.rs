//! `payterms-migrate`: brings the schemas of one or all services up to date, as their owner.

use std::process::ExitCode;

fn main() -> ExitCode {
    payterms_migrations::command::main_with(std::env::args_os().collect())
}
