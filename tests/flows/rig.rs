//! The suite under test in processes of its own.

pub use payterms_testkit::rig::{People, Rig, Services, retry, until};

use payterms_testkit::postgres;

pub const BINARY: &str = env!("CARGO_BIN_EXE_payterms-under-test");

/// A rig with a running suite; none where PostgreSQL is asked for and not to be had.
pub async fn start(on_postgres: bool) -> Option<Rig> {
    start_with(on_postgres, &[]).await
}

/// The same, with more options of the suite.
pub async fn start_with(on_postgres: bool, options: &[String]) -> Option<Rig> {
    let database = if on_postgres { Some(postgres::database().await?) } else { None };
    Some(Rig::start(BINARY, database, options).await)
}
