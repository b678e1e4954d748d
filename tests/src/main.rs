//! The suite as the flows start and kill it; and what a test runner with a process per test needs
//! before the first.

use std::{ffi::OsStr, process::ExitCode};

fn main() -> ExitCode {
    let first = std::env::args_os().nth(1);
    if first.as_deref() == Some(OsStr::new("postgres-for-nextest")) {
        postgres_for_nextest()
    } else {
        payterms_testkit::binary::main()
    }
}

/// A setup script of nextest: a PostgreSQL that its tests share, and that ends with it.
#[expect(
    clippy::disallowed_methods,
    reason = "nextest says by the environment where it reads from"
)]
fn postgres_for_nextest() -> ExitCode {
    let Ok(file) = std::env::var("NEXTEST_ENV") else {
        eprintln!("NEXTEST_ENV is not set: nextest runs this");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Runtime::new();
    let environment = runtime.map(|runtime| {
        runtime
            .block_on(payterms_testkit::postgres::for_runner(std::os::unix::process::parent_id()))
    });
    match environment.and_then(|environment| std::fs::write(file, environment)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
