//! The layers before every method: the accept loop, access, limits, health.

pub mod access;
pub mod bearer;
pub mod body;
pub(crate) mod connections;
pub(crate) mod copies_layer;
pub(crate) mod early;
pub mod layers;
pub mod listeners;
pub(crate) mod normalised;
pub(crate) mod readiness;
pub mod reflection;
pub mod scraped;
pub mod serve;
pub(crate) mod traced;
pub(crate) mod unread;
