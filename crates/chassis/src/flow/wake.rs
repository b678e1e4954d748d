//! Events that come while the flow they concern is open. What the flow itself records is recorded
//! once, by it alone: an event leaves a note at the flow's lease, and the driver looks for the note
//! in the transaction in which it would close the flow.
//!
//! The note is a lease without an owner. A takeover overwrites it; the new driver begins from the
//! start, and reads what the event has said.

use super::{
    flows::Flows,
    leases::{Lease, key},
};
use crate::{
    db::{sql, tx::WriteTx},
    wire::error::AppError,
};
use uuid::Uuid;

/// Tells the flow of an intent, if it is open, that something it may record has come. Returns
/// whether it is open.
pub async fn wake_if_open(
    tx: &WriteTx,
    flow: &'static str,
    intent: Uuid,
) -> Result<bool, AppError> {
    let update =
        "UPDATE intent_lease SET owner = $1 WHERE tenant = $2 AND flow = $3 AND intent_id = $4";
    let values =
        vec![Uuid::nil().into(), tx.call().tenant.as_str().into(), flow.into(), intent.into()];
    Ok(sql::exec(tx.conn(), update, values).await? > 0)
}

impl Flows {
    /// Whether something has come since the flow was begun or this was last asked. The lease is
    /// locked by [`super::hold`] before.
    pub async fn take_wake(&self, tx: &WriteTx, lease: &Lease) -> Result<bool, AppError> {
        let update = "UPDATE intent_lease SET owner = $4 WHERE tenant = $1 AND flow = $2 AND intent_id = $3 AND owner = $5";
        let values = [key(lease), vec![self.owner().into(), Uuid::nil().into()]].concat();
        Ok(sql::exec(tx.conn(), update, values).await? > 0)
    }
}
