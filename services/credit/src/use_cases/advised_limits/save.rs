//! What every change of an advised limit ends with: its row, its event, and the job that lets it
//! lapse.

use super::lapse;
use crate::{
    messages::advised_limits::{advised_limit, advised_limit_changed},
    store::advised_limits,
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_credit_domain::{AdvisedLimit, AdvisedState, Line};
use payterms_proto::credit::v1::AdvisedLimit as Message;

/// Saves an advised limit and emits how it stands. It lapses when that is due.
pub(crate) async fn publish_advised_limit(
    tx: &mut WriteTx,
    this_advised_limit: &AdvisedLimit,
    line: &Line,
) -> Result<Message, AppError> {
    let tenant = tx.call().tenant.clone();
    advised_limits::save(tx.conn(), &tenant, this_advised_limit).await?;
    let id = this_advised_limit.id.to_string();
    tx.emit("advised_limit", &id, &advised_limit_changed(&tenant, this_advised_limit, line.limit))
        .await?;
    if this_advised_limit.state == AdvisedState::Open {
        schedule(tx, lapse::JOB, &id, this_advised_limit.expires_at).await?;
    } else {
        cancel(tx, lapse::JOB, &id).await?;
    }
    Ok(advised_limit(&tenant, this_advised_limit, false))
}
