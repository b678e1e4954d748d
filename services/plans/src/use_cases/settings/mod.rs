//! What a tenant lets its customers propose.

pub mod read;
pub mod update;
