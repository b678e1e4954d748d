//! A person of the tenant approves, which offers a line, or declines.

use super::{load::lock_application, save::publish_application};
use crate::{
    app::App,
    commands::applications::DecideApplication,
    store::{customers, programmes},
    use_cases::{
        actor,
        lines::{
            offer::new_line,
            save::{DrawChanges, publish_line},
        },
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::{Outcome, line::Offer};
use payterms_kernel::{Refusal, Side};
use payterms_proto::credit::v1::DecideApplicationResponse;

/// Approves, which offers a line, or declines.
///
/// # Errors
/// Those of [`payterms_credit_domain::Application::decide`] and of an offer; `RESOURCE_NOT_FOUND`.
pub async fn decide_application(
    app: &App,
    call: &Call,
    command: &DecideApplication,
) -> Result<Answer<DecideApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, &command.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let outcome = application.decide(
        &programme,
        &call.caller.subject,
        command.limit,
        command.reasons.clone(),
        &command.explanation,
        tx.now(),
    )?;
    if let Some(limit) = command.limit.filter(|_| outcome == Outcome::Approve) {
        // Offers of one customer wait for each other at the programme.
        let programme = programmes::lock(tx.conn(), &call.tenant, programme.id)
            .await?
            .ok_or_else(Refusal::not_found)?;
        let customer = customers::find(tx.conn(), &call.tenant, application.customer)
            .await?
            .ok_or_else(Refusal::not_found)?;
        let (by, explanation) = (actor(call, Side::Tenant), command.explanation.clone());
        let offer = Offer { limit, application: Some(application.id.uuid()), by, explanation };
        let mut line = new_line(&mut tx, &programme, &customer, offer).await?;
        application.line = Some(line.id.uuid());
        publish_line(&mut tx, &mut line, DrawChanges::default()).await?;
    }
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, false).await?);
    tx.commit(DecideApplicationResponse { credit_application }).await
}
