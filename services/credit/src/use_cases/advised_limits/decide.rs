//! A person of the tenant grants an advised limit, which raises the line's, or refuses it.

use super::save::publish_advised_limit;
use crate::{
    app::App,
    commands::advised_limits::DecideAdvisedLimit,
    messages::lines::credit_line,
    store::{advised_limits, programmes},
    use_cases::{
        actor,
        lines::{
            load::lock_line,
            save::{DrawChanges, publish_line},
        },
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Refusal, Side};
use payterms_proto::credit::v1::DecideAdvisedLimitResponse;

/// Grants, or refuses.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, those of [`payterms_credit_domain::AdvisedLimit::decide`].
pub async fn decide_advised_limit(
    app: &App,
    call: &Call,
    command: &DecideAdvisedLimit,
) -> Result<Answer<DecideAdvisedLimitResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, &command.named.line).await?;
    let found = advised_limits::lock(tx.conn(), &call.tenant, command.named.advised).await?;
    let mut this_advised_limit = found
        .filter(|advised_limit| advised_limit.line == line.id)
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    // What is past due since midnight suspends the line before its limit is raised.
    line.evaluate(tx.today(), now);
    let programme = programmes::find(tx.conn(), &call.tenant, line.programme)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let (by, answer) = (actor(call, Side::Tenant), command.answer.clone());
    this_advised_limit.decide(&mut line, &programme, by, answer, &command.explanation, now)?;
    let advised_limit = Some(publish_advised_limit(&mut tx, &this_advised_limit, &line).await?);
    let credit_line = if line.taken.is_empty() {
        credit_line(&call.tenant, &line)?
    } else {
        publish_line(&mut tx, &mut line, DrawChanges::default()).await?
    };
    tx.commit(DecideAdvisedLimitResponse { advised_limit, credit_line: Some(credit_line) }).await
}
