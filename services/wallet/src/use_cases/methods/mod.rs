//! Payment methods: removed, pointed at, switched as credit lines, read.

pub mod load;
pub mod read;
pub mod remove;
pub mod save;
pub mod set_collection_method;
pub mod set_purchase_default;
pub mod switch_credit_line;
