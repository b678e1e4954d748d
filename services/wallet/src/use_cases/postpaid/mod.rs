//! Postpaid agreements: asked for, decided, ended early, read.

pub mod decide;
pub mod read;
pub mod request;
pub mod save;
pub mod terminate;
