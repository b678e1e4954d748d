//! Invoices that are collected by themselves, and the blocks that keep them from it.

pub mod block;
pub mod block_for_owner;
pub mod collect;
pub mod collect_for_owner;
pub mod follow_method;
pub mod outlook;
pub mod resume;
pub mod retry;
pub mod schedule;
