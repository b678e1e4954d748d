//! The fields of a programme that a mask names are changed.

use super::{
    load::{deciding_policy, lock_programme},
    save::save_programme,
};
use crate::{app::App, commands::programmes::UpdateProgramme};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_credit_domain::Programme;
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::UpdateProgrammeResponse;

/// Changes the fields that the mask names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `PROGRAMME_STATE`, `CURRENCY_MISMATCH`.
pub async fn update_programme(
    app: &App,
    call: &Call,
    command: &UpdateProgramme,
) -> Result<Answer<UpdateProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut programme = lock_programme(&tx, &command.programme).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&command.etag, programme.version)?;
    programme.must_be_open()?;
    apply(command, &mut programme)?;
    programme.policy = deciding_policy(&tx, &programme).await?;
    programme.touch(tx.now());
    let programme = Some(save_programme(&mut tx, &programme).await?);
    tx.commit(UpdateProgrammeResponse { programme }).await
}

/// Takes the fields that the mask names over; refuses a cap in another currency than the
/// programme's.
fn apply(command: &UpdateProgramme, programme: &mut Programme) -> Result<(), Refusal> {
    for path in &command.paths {
        match path.as_str() {
            "title" => programme.title.clone_from(&command.new.title),
            "limit_cap" => {
                command.new.cap.compare(programme.cap)?;
                programme.cap = command.new.cap;
            }
            "payment_term" => programme.term = command.new.term,
            "countries" => programme.countries.clone_from(&command.new.countries),
            "tiers" => programme.tiers.clone_from(&command.new.tiers),
            "invitation_only" => programme.invitation_only = command.new.invitation_only,
            "cool_down_days" => programme.cool_down_days = command.new.cool_down_days,
            "plans_allowed" => programme.plans_allowed = command.new.plans_allowed,
            "draws_during_plans" => programme.draws_during_plans = command.new.draws_during_plans,
            "policy" => programme.policy = command.new.policy,
            _ => programme.offer_days = command.new.offer_days,
        }
    }
    Ok(())
}
