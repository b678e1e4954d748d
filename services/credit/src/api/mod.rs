//! The gRPC methods: parse, run the use case, answer.

mod draws;
mod lines;
mod programmes;

use crate::App;

/// Serves all methods of credit.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}
