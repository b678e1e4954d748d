//! API keys: made, given another secret, revoked by people; resolved for the gateway.

pub mod create;
pub mod read;
pub mod resolve;
pub mod revoke;
pub mod rotate;
pub mod save;
