//! Use cases of plans.

pub mod accept;
pub mod collect;
pub mod counter;
pub mod decline_counter;
pub mod end;
pub mod evaluate;
pub mod follow_invoice;
pub mod follow_method;
pub mod follow_zone;
mod load;
pub mod preview;
pub mod propose;
pub mod read;
pub mod reinstate;
pub mod retry_collection;
mod save;
pub mod switch_blocks;
