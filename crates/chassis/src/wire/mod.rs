//! The API's common parts: resource names, fields, pages, errors, tokens, callers.

pub mod amounts;
pub mod answer;
pub mod api_key;
pub mod bank_file;
pub mod call;
pub mod catalogue;
mod dates;
pub mod deadline;
pub mod enums;
pub mod error;
pub mod etag;
pub mod fields;
pub mod filter;
pub mod identity;
pub mod key_derived;
pub mod key_pairs;
pub mod listing;
mod marks;
pub mod names;
pub mod page;
pub mod render;
pub mod seal_keys;
pub mod store_error;
pub mod topology;
