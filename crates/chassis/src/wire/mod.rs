//! What goes over the wire: names, fields and pages, errors, tokens, who calls.

pub mod answer;
pub mod call;
pub mod deadline;
pub mod error;
pub mod etag;
pub mod fields;
pub mod identity;
pub mod names;
pub mod page;
pub mod render;
pub mod topology;
pub mod xml;
