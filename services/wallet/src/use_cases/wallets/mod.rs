//! Wallets: opened, read, and loaded and saved for the verbs of other nouns.

pub mod load;
pub mod open;
pub mod read;
pub mod save;
