//! A tenant's settings: changed, prepayment turned on and off, read.

pub mod read;
pub mod save;
pub mod turn_off;
pub mod turn_on;
pub mod update;
