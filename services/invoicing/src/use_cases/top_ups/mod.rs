//! Credit that is sold by bank transfer.

pub mod lapse;
pub mod raise;
pub mod shortfall;
