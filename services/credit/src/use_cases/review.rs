//! What people of the tenant do with an application: claim, release, ask for more, decide; never their own.

use super::{News, actor, apply, offer_line};
use crate::{
    App,
    parse_applications::{ApplicationRef, Verdict},
    store::{customers, programmes},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::{Outcome, line::Offer};
use payterms_kernel::{Refusal, Side};
use payterms_proto::credit::v1::{
    ClaimApplicationResponse, DecideApplicationResponse, ReleaseApplicationResponse, RequestInformationResponse,
};

/// Takes an application on.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `SEPARATION_OF_DUTIES`, `CLAIMED`.
pub async fn claim(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<ClaimApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.claim(&call.caller.subject, tx.now())?;
    let credit_application = Some(apply::publish(&mut tx, (&own, &programme), false).await?);
    tx.commit(ClaimApplicationResponse { credit_application }).await
}

/// Gives an application back to the queue.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `NOT_CLAIMED`.
pub async fn release(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<ReleaseApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.release(&call.caller.subject, tx.now())?;
    let credit_application = Some(apply::publish(&mut tx, (&own, &programme), false).await?);
    tx.commit(ReleaseApplicationResponse { credit_application }).await
}

/// Asks the applicant for more.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `NOT_CLAIMED`.
pub async fn ask(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
    explanation: &str,
) -> Result<Answer<RequestInformationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.ask_for_more(&call.caller.subject, explanation, tx.now())?;
    let credit_application = Some(apply::publish(&mut tx, (&own, &programme), false).await?);
    tx.commit(RequestInformationResponse { credit_application }).await
}

/// Approves, which offers a line, or declines.
///
/// # Errors
/// Those of [`payterms_credit_domain::Application::decide`] and of an offer; `RESOURCE_NOT_FOUND`.
pub async fn decide(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
    verdict: &Verdict,
) -> Result<Answer<DecideApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let what = (verdict.limit, verdict.reasons.clone(), verdict.explanation.as_str());
    let outcome = own.decide(&programme, &call.caller.subject, what, tx.now())?;
    if let Some(limit) = verdict.limit.filter(|_| outcome == Outcome::Approve) {
        // Offers of one customer wait for each other at the programme.
        let programme = programmes::lock(tx.conn(), &call.tenant, programme.id).await?.ok_or_else(Refusal::not_found)?;
        let customer = customers::find(tx.conn(), &call.tenant, own.customer).await?.ok_or_else(Refusal::not_found)?;
        let (by, explanation) = (actor(call, Side::Tenant), verdict.explanation.clone());
        let offer = Offer { limit, application: Some(own.id.uuid()), by, explanation };
        let mut line = offer_line::offer_to(&mut tx, (&programme, &customer), offer).await?;
        own.line = Some(line.id.uuid());
        super::publish(&mut tx, &mut line, News::default()).await?;
    }
    let credit_application = Some(apply::publish(&mut tx, (&own, &programme), false).await?);
    tx.commit(DecideApplicationResponse { credit_application }).await
}
