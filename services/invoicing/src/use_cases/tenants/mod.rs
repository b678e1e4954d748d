//! The register of tenants.

pub mod create;
pub mod follow_zone;
pub mod limit;
pub mod read;
pub mod save;
pub mod suspend;
pub mod update;
