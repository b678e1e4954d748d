//! Uses: recorded in batches, read.

pub mod load;
pub mod read;
pub mod record;
