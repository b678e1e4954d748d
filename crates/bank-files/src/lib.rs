//! Bank files, read into one neutral model: CAMT.052/053/054, MT940, OFX, and CSV by a mapping or a
//! bank's preset.
//!
//! No I/O and no rule of any service lives here: what a booking means for an invoice or an
//! application is decided by those who call. A file is hostile until it is read: size, depth and
//! number are bounded, and an entry that cannot be used is a [`Finding`] with its place, never an
//! entry less.

mod account;
mod amount;
mod camt;
mod clean;
pub mod codes;
mod csv;
mod encoding;
mod finding;
pub mod identity;
mod model;
mod mt940;
mod names;
mod ofx;
mod reader;
mod xml;

pub use account::account_key;
pub use clean::is_placeholder;
pub use csv::{CsvMapping, DateOrder, Preset};
pub use finding::{FileError, Finding, FindingKind, Place};
pub use model::{
    Balance, BankFile, Entry, Format, Kind, PartOf, Reference, ReferenceKind, Returned, Statement,
    Status,
};
pub use names::{key_words, words};
pub use reader::{Limits, Source, read};
