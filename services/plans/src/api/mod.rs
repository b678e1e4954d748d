//! The gRPC methods: parse, run the use case, answer.

mod plans;
mod settings;

use crate::app::App;

/// Serves all methods of plans.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}
