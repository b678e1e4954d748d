//! The gRPC methods: parse, run the use case, answer.

mod applications;
mod draws;
mod lines;
mod policies;
mod programmes;

use crate::app::App;

/// Serves all methods of credit.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}
