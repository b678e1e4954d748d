//! What takes two people: one proposes, another decides.

pub mod decide;
pub mod limit;
pub mod propose;
pub mod read;
pub mod save;
