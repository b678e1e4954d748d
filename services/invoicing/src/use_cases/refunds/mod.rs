//! Refunds of what was paid.

pub mod drive;
pub mod read;
pub mod save;
pub mod unapply;
