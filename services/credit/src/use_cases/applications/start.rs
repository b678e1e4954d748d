//! An application is started.

use super::save::publish_application;
use crate::{
    app::App,
    commands::applications::StartApplication,
    store::{applications, customers, programmes},
    use_cases::programmes::eligibility::Standing,
};
use payterms_chassis::{Answer, AppError, Call, marks::must_be_free};
use payterms_credit_domain::{Application, application::must_be_eligible};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::StartApplicationResponse;

/// Starts an application.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `NOT_ELIGIBLE`, `COOL_DOWN_ACTIVE`, `EXTERNAL_ID_TAKEN`.
pub async fn start_application(
    app: &App,
    call: &Call,
    command: &StartApplication,
) -> Result<Answer<StartApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let programme = programmes::lock(tx.conn(), &call.tenant, command.programme)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let customer = customers::find(tx.conn(), &call.tenant, command.customer.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let standing = Standing::of(tx.conn(), &call.tenant, customer.clone()).await?;
    let (against, until) = standing.against(&call.tenant, &programme, tx.now());
    must_be_eligible(against, until)?;
    let (id, now) = (tx.id(), tx.now());
    let mut application =
        Application::start(id, &programme, &customer, call.caller.subject.clone(), now);
    must_be_free(
        &tx,
        applications::NAMED,
        application.id.uuid(),
        command.marks.external_id.as_deref(),
    )
    .await?;
    application.marks.clone_from(&command.marks);
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, true).await?);
    tx.commit(StartApplicationResponse { credit_application }).await
}
