//! Postpaid agreements: asked for, decided, ended early, read.

pub mod ask;
pub mod decide;
pub mod read;
pub mod save;
pub mod terminate;
