//! The suite as the flows start and kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    payterms_testkit::binary::main()
}
