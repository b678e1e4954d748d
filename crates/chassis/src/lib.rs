//! The runtime that every service stands on: boot, layers, database, idempotency, events, jobs.
//!
//! It knows tenants, requests, events and time, and no noun of any service. Its rooms stand on each other in this order:
//! `wire`, `db`, `flow`, `bus`, `edge`, and on all of them `boot`; none knows one above it.

pub mod boot;
pub mod bus;
pub mod config;
pub mod db;
pub mod edge;
pub mod flow;
pub mod key_file;
pub mod kill;
pub mod telemetry;
pub mod ttl_cache;
pub mod wire;

pub use boot::{Parts, Runtime, Service};
pub use bus::{copies, inbox, operations, peer_channel, peers, relay, run_due, snapshots};
pub use db::{Db, WriteTx, batch, columns, committer, pool, retry::retry, rows, single_call, sql, tenants, transaction, tx};
pub use edge::{access, body, layers, reflection, serve};
pub use flow::{handler, housekeeping, jobs};
pub use wire::{
    answer::{self, Answer},
    call::{self, Call, Caller, Scope},
    deadline,
    error::{self, AppError},
    etag,
    fields::{self, Fields},
    identity, names, page, render, topology, xml,
};

/// Many small things are made and let go for each call; with the system's allocator that is a quarter of the work. Without
/// huge pages: with them a process that does little holds three times as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
