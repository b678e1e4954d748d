//! A wallet's month: what accrues to its invoices, and how it is closed.

pub mod accrue;
pub mod close;
pub mod save;
