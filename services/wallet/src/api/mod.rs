//! The gRPC methods: parse, run the use case, answer.

mod holds;
mod lots;
mod methods;
mod notifications;
mod postings;
mod recharges;
mod settings;
mod settlements;
mod top_ups;
mod usage;
mod wallets;

use crate::App;

/// Serves all methods of the wallet.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}
