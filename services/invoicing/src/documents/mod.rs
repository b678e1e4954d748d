//! What is printed: the sheets of each document, the words on them, and the paper that they are laid out on.

pub mod paper;
pub mod sheets;
pub mod wording;
