//! Revocations: bought credit is taken for cause by two people, and given back.

pub mod decide;
pub mod propose;
pub mod read;
pub mod restore;
pub mod save;
