//! Debits and fees, decided in batches.

pub mod debit;
