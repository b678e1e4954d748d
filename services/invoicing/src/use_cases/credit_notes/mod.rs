//! Credit notes.

pub mod create;
pub mod read;
pub mod save;
