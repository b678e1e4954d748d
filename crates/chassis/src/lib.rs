//! The runtime that every service stands on: boot, layers, database, idempotency, events, jobs.
//!
//! Its nouns are tenants, requests, events and time; it uses none of any service. Its modules form
//! layers, each of which may use only those before it: `wire`, `net`, `db`, `flow`, `bus`, `edge`,
//! `webhooks`, and `boot`, which may use all.

pub mod boot;
pub mod bus;
pub mod config;
pub mod db;
pub mod edge;
pub mod flow;
pub mod key_file;
pub mod kill;
pub mod net;
pub mod production;
pub mod seal;
pub(crate) mod signals;
pub mod telemetry;
pub mod ttl_cache;
pub mod variables;
pub mod webhooks;
pub mod wire;

pub use boot::{Parts, Runtime, Service};
pub use bus::{
    copies, inbox, operations, peer_channel, peers, public_events, relay, rules, run_due, samples,
    sealed, shared, snapshots, steps,
};
pub use db::{
    Db, WriteTx, batch, batch_verb, columns, committer, keyset, marks, pool, retry::retry, rows,
    single_call, sql, table, tenants, transaction, tx,
};
pub use edge::{access, bearer, body, layers, listeners, reflection, scraped, serve};
pub use flow::{handler, housekeeping, jobs, zones};
pub use net::Network;
pub use wire::{
    answer::{self, Answer},
    api_key, bank_file,
    call::{self, Call, Caller, Scope},
    catalogue, deadline,
    error::{self, AppError},
    etag,
    fields::{self, Fields},
    filter, identity, key_derived, key_pairs, listing, names, page, render, seal_keys, topology,
};

/// A call makes many small allocations, which take a quarter of its time with the system's
/// allocator. Huge pages are off: with them an idle process uses three times the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
