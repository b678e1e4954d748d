//! The gRPC methods: parse, run the use case, answer.

mod fees;
mod holds;
mod lots;
mod methods;
mod notifications;
mod postings;
mod postpaid;
mod recharges;
mod settings;
mod settlements;
mod top_ups;
mod usage;
mod wallets;

use crate::app::App;
use payterms_chassis::AppError;
use tonic::Status;
use tonic_types::StatusExt;

/// Serves all methods of the wallet.
#[derive(Debug, Clone)]
pub struct Api {
    /// What the use cases work with.
    pub app: App,
}

/// Why one of many was refused, as its caller would read it if it had been sent alone: reason and sentence.
fn why(error: AppError) -> (String, String) {
    let status = Status::from(error);
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
    (reason, status.message().to_owned())
}
