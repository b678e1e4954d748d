//! What every verb of a programme ends with: its row and its event.

use crate::{messages::programmes::render_programme, store::programmes};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::Programme;
use payterms_proto::credit::v1::{Programme as ProgrammeMessage, ProgrammeChanged};

/// Saves a programme and emits how it stands.
pub(super) async fn save_programme(
    tx: &mut WriteTx,
    programme: &Programme,
) -> Result<ProgrammeMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    programmes::save(tx.conn(), &tenant, programme).await?;
    let rendered = render_programme(&tenant, programme);
    tx.emit(
        "programme",
        &programme.id.to_string(),
        &ProgrammeChanged { programme: Some(rendered.clone()) },
    )
    .await?;
    Ok(rendered)
}
