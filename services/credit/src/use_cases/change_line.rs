//! What people do to a line that the wallet need not hear of: decline, suspend, restore, set the limit.

use super::{News, actor, locked, publish};
use crate::{
    App,
    parse::{LineRef, NewLimit},
    store::programmes,
};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_kernel::{Refusal, Side};
use payterms_proto::credit::v1::{ChangeLimitResponse, DeclineLineResponse, RestoreLineResponse, SuspendLineResponse};

/// The customer turns an offer down.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LINE_STATE`, `CONCURRENT_UPDATE`.
pub async fn decline(app: &App, call: &Call, named: &LineRef) -> Result<Answer<DeclineLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.decline(actor(call, Side::Customer), tx.now())?;
    let credit_line = Some(publish(&mut tx, &mut line, News::default()).await?);
    tx.commit(DeclineLineResponse { credit_line }).await
}

/// The tenant bars new draws.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LINE_STATE`, `CONCURRENT_UPDATE`.
pub async fn suspend(app: &App, call: &Call, named: &LineRef, explanation: &str) -> Result<Answer<SuspendLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.suspend(actor(call, Side::Tenant), explanation, tx.now())?;
    let credit_line = Some(publish(&mut tx, &mut line, News::default()).await?);
    tx.commit(SuspendLineResponse { credit_line }).await
}

/// The tenant takes its own suspension back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LINE_STATE`, `CONCURRENT_UPDATE`.
pub async fn restore(app: &App, call: &Call, named: &LineRef, explanation: &str) -> Result<Answer<RestoreLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.restore(actor(call, Side::Tenant), explanation, tx.now())?;
    let credit_line = Some(publish(&mut tx, &mut line, News::default()).await?);
    tx.commit(RestoreLineResponse { credit_line }).await
}

/// The tenant sets the limit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, those of [`payterms_credit_domain::Line::change_limit`].
pub async fn limit(app: &App, call: &Call, named: &LineRef, new: &NewLimit) -> Result<Answer<ChangeLimitResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&new.etag, line.version)?;
    let programme = programmes::find(tx.conn(), &call.tenant, line.programme).await?.ok_or_else(Refusal::not_found)?;
    line.change_limit(&programme, (new.limit, new.reasons.clone()), actor(call, Side::Tenant), tx.now())?;
    let credit_line = Some(publish(&mut tx, &mut line, News::default()).await?);
    tx.commit(ChangeLimitResponse { credit_line }).await
}
