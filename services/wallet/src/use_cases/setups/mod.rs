//! Set-ups of payment methods: a hosted page is made, what a person did on it is taken in, an unused one expires.

pub mod expire;
pub mod read;
pub mod settle;
pub mod start;
