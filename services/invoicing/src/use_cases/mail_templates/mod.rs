//! The tenant's templates of mails.

pub mod preview;
pub mod read;
pub mod update;
