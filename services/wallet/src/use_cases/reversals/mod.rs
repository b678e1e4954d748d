//! Reversals: what debits, captures, uses and fees took is given back.

pub mod follow_invoice;
pub mod invoiced;
pub mod load;
pub mod read;
pub mod reverse;
pub mod reverse_metered;
