//! The tenant sets the limit of a line.

use super::{
    load::lock_line,
    save::{DrawChanges, publish_line},
};
use crate::{app::App, commands::lines::ChangeLimit, store::programmes, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_kernel::{Refusal, Side};
use payterms_proto::credit::v1::ChangeLimitResponse;

/// The tenant sets the limit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, those of [`payterms_credit_domain::Line::change_limit`].
pub async fn change_limit(
    app: &App,
    call: &Call,
    command: &ChangeLimit,
) -> Result<Answer<ChangeLimitResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, &command.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&command.etag, line.version)?;
    let programme = programmes::find(tx.conn(), &call.tenant, line.programme)
        .await?
        .ok_or_else(Refusal::not_found)?;
    line.change_limit(
        &programme,
        command.limit,
        command.reasons.clone(),
        actor(call, Side::Tenant),
        tx.now(),
    )?;
    let credit_line = Some(publish_line(&mut tx, &mut line, DrawChanges::default()).await?);
    tx.commit(ChangeLimitResponse { credit_line }).await
}
