//! Set-ups of payment methods: a hosted page is made, its result is recorded, an unused page
//! expires.

pub mod expire;
pub mod read;
pub mod settle;
pub mod start;
