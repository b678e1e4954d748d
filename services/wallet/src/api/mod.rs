//! The gRPC methods: each parses its request, executes the use case and returns its answer.

mod disputes;
mod fees;
mod holds;
mod lots;
mod methods;
mod notifications;
mod postings;
mod postpaid;
mod recharges;
mod reconciliations;
mod reversals;
mod revocations;
mod settings;
mod settlements;
mod top_ups;
mod usage;
mod wallets;

use crate::app::App;
use payterms_chassis::{AppError, error::reason};
use std::collections::BTreeMap;
use tonic::Status;
use tonic_types::StatusExt;

/// Serves all methods of the wallet.
#[derive(Debug, Clone)]
pub struct Api {
    /// The means of the use cases.
    pub app: App,
}

/// The reason, message and metadata of one refused item, as its caller would get them if it had
/// been sent by itself.
fn refused(error: AppError) -> (String, String, BTreeMap<String, String>) {
    let status = Status::from(error);
    let metadata = status.get_details_error_info().map(|info| info.metadata).unwrap_or_default();
    (
        reason(&status).unwrap_or_default(),
        status.message().to_owned(),
        metadata.into_iter().collect(),
    )
}
