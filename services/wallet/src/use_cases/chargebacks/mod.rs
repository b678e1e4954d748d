//! Chargebacks: what an issuer has taken back.

pub mod record;
