//! Verbs of credit lines.

pub mod change_limit;
pub mod decline;
pub mod evaluate;
pub mod follow_invoice;
pub mod follow_zone;
pub mod load;
pub mod offer;
pub mod read;
pub mod restore;
pub mod save;
pub mod suspend;
pub mod switch;
