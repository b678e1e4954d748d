//! The gRPC methods: parse, run the use case, answer.

mod plans;
mod settings;

use crate::app::App;

/// Serves all methods of plans.
#[derive(Debug, Clone)]
pub struct Api {
    /// The resources of the use cases.
    pub app: App,
}
