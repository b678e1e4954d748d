//! The database of a service: pooled connections, transactions, batches of rows, and the tenants'
//! time.
#![expect(
    clippy::missing_errors_doc,
    reason = "every function fails as the database does; other errors are named"
)]

pub mod batch;
mod batch_key;
pub mod batch_verb;
pub mod columns;
pub mod committer;
pub(crate) mod connection;
mod database;
mod file;
pub mod health;
pub mod keyset;
pub mod marks;
mod options;
pub mod pool;
pub mod retry;
pub mod rows;
pub(crate) mod server_checks;
pub mod single_call;
pub mod sql;
pub mod table;
pub mod tenants;
pub mod transaction;
pub mod tx;

pub use database::{Db, steady};
pub use file::was_made;
pub use options::DatabaseOptions;
pub use tx::WriteTx;
