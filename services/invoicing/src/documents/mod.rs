//! What is printed: the sheets of each document, the words on them, codes for payment apps, and the paper that they are laid out on.

pub mod epc;
pub mod paper;
pub mod sheets;
pub mod wording;
