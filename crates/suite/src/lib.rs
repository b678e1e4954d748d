//! The whole suite in one process: every service on its own database and loopback port, the
//! gateway before them. The same code as separate processes, started together.

pub mod banner;
pub mod client;
mod client_api_keys;
mod client_pages;
mod client_wallet;
pub mod command;
pub mod credentials;
pub mod demo;
pub mod operate;
pub mod programs;
pub mod request_ids;
pub mod sandbox;
pub mod shop;
pub mod start;
pub mod usage_file;

pub use client::Session;
pub use start::{Suite, SuiteOptions};
