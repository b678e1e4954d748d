//! A programme is closed: it takes no more applications and offers.

use super::{load::lock_programme, save::save_programme};
use crate::{app::App, commands::programmes::ProgrammeRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::CloseProgrammeResponse;

/// Closes a programme.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PROGRAMME_STATE`.
pub async fn close_programme(
    app: &App,
    call: &Call,
    named: &ProgrammeRef,
) -> Result<Answer<CloseProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut programme = lock_programme(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    programme.close(tx.now())?;
    let programme = Some(save_programme(&mut tx, &programme).await?);
    tx.commit(CloseProgrammeResponse { programme }).await
}
