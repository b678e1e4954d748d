//! The customer declines a counter-offer.

use super::{
    load::lock_plan,
    save::{EventDetails, publish_plan},
};
use crate::{app::App, commands::plans::ExplainedChange, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call};
use payterms_plans_domain::Side;
use payterms_proto::plans::v1::DeclineCounterOfferResponse;

/// Declines a counter-offer: the proposal is valid again.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::decline_counter`]; `RESOURCE_NOT_FOUND`.
pub async fn decline_counter_offer(
    app: &App,
    call: &Call,
    command: &ExplainedChange,
) -> Result<Answer<DeclineCounterOfferResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = lock_plan(&tx, &command.plan).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (zone, now) = (tx.time().zone, tx.now());
    plan.decline_counter(actor(call, Side::Customer), &command.explanation, zone, now)?;
    let plan = Some(publish_plan(&mut tx, &mut plan, EventDetails::default()).await?);
    tx.commit(DeclineCounterOfferResponse { plan }).await
}
