//! What is printed: the sheets of each document, the words on them, codes for payment apps, and the
//! paper that they are laid out on.

pub mod countries;
pub mod epc;
pub mod paper;
pub mod reasons;
pub mod sheets;
pub mod statements;
pub mod wording;
