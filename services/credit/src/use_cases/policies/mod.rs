//! Verbs of policies: drafts, their trials, their publication.

pub mod back_test;
pub mod create;
pub mod load;
pub mod publish;
pub mod read;
pub mod save;
pub mod standard;
pub mod test;
pub mod update;
