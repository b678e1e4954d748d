//! Payments of invoices.

mod announce;
pub mod cancel;
pub mod charge_back;
pub mod confirm;
pub mod create;
pub mod drive;
pub mod lapse;
pub mod load;
pub mod means;
pub mod pending;
pub mod plan;
pub mod quote;
pub mod read;
pub mod record_outside;
pub mod resume;
pub mod save;
