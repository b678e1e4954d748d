//! The other services, as invoicing reaches them: clients and requests of theirs are made here
//! alone.

pub mod clocks;
pub mod credit;
pub mod wallet;
