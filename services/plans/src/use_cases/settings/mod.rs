//! Use cases of a tenant's plan settings.

pub mod read;
pub mod update;
