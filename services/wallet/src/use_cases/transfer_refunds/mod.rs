//! Credit that had come by bank transfer, on its way back to its payer.

pub mod book;
pub mod load;
pub mod quote;
pub mod release;
pub mod reserve;
