//! The tenant offers another schedule.

use super::{
    load::lock_plan,
    save::{EventDetails, publish_plan},
};
use crate::{app::App, commands::plans::CounterPlan, store::plan_settings, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call};
use payterms_plans_domain::Side;
use payterms_proto::plans::v1::CounterPlanResponse;

/// Makes a counter-offer.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::offer_instead`]; `RESOURCE_NOT_FOUND`.
pub async fn counter_plan(
    app: &App,
    call: &Call,
    command: &CounterPlan,
) -> Result<Answer<CounterPlanResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = lock_plan(&tx, &command.plan).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let settings = plan_settings::find(tx.conn(), &call.tenant).await?;
    let (zone, now) = (tx.time().zone, tx.now());
    plan.offer_instead(
        command.schedule,
        actor(call, Side::Tenant),
        command.explanation.clone(),
        &settings,
        zone,
        now,
    )?;
    let plan = Some(publish_plan(&mut tx, &mut plan, EventDetails::default()).await?);
    tx.commit(CounterPlanResponse { plan }).await
}
