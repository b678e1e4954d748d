//! Endpoints of webhooks. Every change is published for the services that deliver.

pub mod change;
pub mod create;
pub mod fail;
pub mod read;
pub mod rotate;
pub mod save;
pub mod secret;
pub mod switch;
pub mod test;
