//! Files of banks, read as hostile input.

pub mod camt;
