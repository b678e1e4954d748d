//! Advised limits: opened with the line that an approval offers, decided by a person of the tenant,
//! or lapsed.

pub mod decide;
pub mod lapse;
pub mod read;
pub mod save;
