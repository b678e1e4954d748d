//! What a credit line covers of a payment.

pub mod draw;
pub mod means;
