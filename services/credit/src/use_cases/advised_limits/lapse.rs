//! Lets an advised limit lapse on which nobody decided in time, or whose line cannot be raised to
//! it any more.

use super::save::publish_advised_limit;
use crate::{
    app::App,
    store::{advised_limits, lines},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, take},
    names,
};
use payterms_credit_domain::Line;
use payterms_kernel::Id;

/// The job; its subject is the advised limit's id.
pub const JOB: &str = "lapse_advised_limit";

/// Lets the advised limit lapse that a row is of.
pub async fn lapse_advised_limit(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("advised limit {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let named = Id::from_uuid(id);
    // The line is locked first, as by every verb.
    let line = match advised_limits::find(tx.conn(), &row.tenant, named).await? {
        Some(advised_limit) => lines::lock(tx.conn(), &row.tenant, advised_limit.line).await?,
        None => None,
    };
    let found = advised_limits::lock(tx.conn(), &row.tenant, named).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let (Some(line), Some(mut advised_limit)) = (line, found)
        && advised_limit.lapse(&line, tx.now())?
    {
        publish_advised_limit(&mut tx, &advised_limit, &line).await?;
    }
    tx.commit_rows().await
}

/// Lets the open advised limit of a line lapse, which is locked and has just changed, where it
/// cannot be raised to it any more.
pub(crate) async fn lapse_with_line(tx: &mut WriteTx, line: &Line) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let Some(mut advised_limit) = advised_limits::lock_open(tx.conn(), &tenant, line.id).await?
    else {
        return Ok(());
    };
    if advised_limit.lapse(line, tx.now())? {
        publish_advised_limit(tx, &advised_limit, line).await?;
    }
    Ok(())
}
