//! Verbs of programmes, and whom they are for.

pub mod close;
pub mod create;
pub mod eligibility;
pub mod invite;
mod load;
pub mod read;
mod save;
pub mod update;
