//! The runtime that every service stands on: boot, layers, database, idempotency, events, jobs.
//!
//! It knows tenants, requests, events and time, and no noun of any service.

pub mod access;
pub mod answer;
mod background;
pub mod batch;
pub mod body;
pub mod boot;
pub mod call;
pub mod columns;
pub mod committer;
pub mod config;
mod connection;
mod connections;
pub mod copies;
mod copies_layer;
pub mod database_file;
pub mod db;
mod early;
pub mod error;
pub mod etag;
pub mod fields;
pub mod flow;
pub mod health;
pub mod housekeeping;
pub mod identity;
pub mod inbox;
pub mod jobs;
pub mod key_file;
pub mod kill;
pub mod layers;
pub mod names;
pub mod operations;
pub mod page;
pub mod peer_channel;
pub mod peers;
pub mod pool;
pub mod reflection;
pub mod relay;
pub mod render;
pub mod rows;
pub mod run_due;
mod runtime_role;
pub mod serve;
pub mod single_call;
pub mod snapshots;
pub mod sql;
pub mod telemetry;
pub mod tenants;
pub mod topology;
pub mod transaction;
pub mod ttl_cache;
pub mod tx;
mod versions;
pub mod xml;

pub use answer::Answer;
pub use boot::{Parts, Runtime, Service};
pub use call::{Call, Caller, Scope};
pub use db::Db;
pub use error::AppError;
pub use fields::Fields;
pub use tx::WriteTx;

/// Many small things are made and let go for each call; with the system's allocator that is a quarter of the work. Without
/// huge pages: with them a process that does little holds three times as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
