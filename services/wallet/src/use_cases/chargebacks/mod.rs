//! Chargebacks: charges that an issuer has taken back.

pub mod record;
