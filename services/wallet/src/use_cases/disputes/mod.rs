//! Disputes: charges that issuers have taken back, and how that ends.

pub mod ask_again;
pub mod decide;
pub mod follow;
pub mod open;
pub mod read;
pub mod save;
