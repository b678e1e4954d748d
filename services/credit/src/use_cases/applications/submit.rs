//! The flow of a submission: linked accounts are read, then the policy decides, and an approval
//! offers a line, in one transaction. Reading may be repeated; the decision is the point of no
//! return.

use super::{
    decide_by_policy::decide_by_policy,
    load::lock_application,
    read_accounts::{AccountsRead, read_accounts},
    save::publish_application,
};
use crate::{
    app::App,
    commands::applications::ApplicationRef,
    store::{applications, bank_links, programmes},
};
use payterms_chassis::{
    Answer, AppError, Call,
    flow::{self, Lease},
    kill, retry, tenants,
};
use payterms_credit_domain::{Application, ApplicationState};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::credit::v1::SubmitApplicationResponse;
use tonic::Status;

/// The kind of flow; its intent is the application.
pub const FLOW: &str = "credit_application";

/// Stores the submission, drives it, and answers when it is decided or goes to a person.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `BANK_DATA_REQUIRED`, `BANK_LINK_BROKEN`,
/// `BANK_DATA_NOT_READY`.
pub async fn submit_application(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
) -> Result<Answer<SubmitApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    application.submit(tx.now())?;
    publish_application(&mut tx, &application, &programme, named.as_customer).await?;
    let lease = app.flows.open(&tx, FLOW, application.id.uuid()).await?;
    kill::point("application.before_intent");
    tx.commit_intent(application.id.uuid()).await?;
    kill::point("application.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Drives the flow to its close; the recovery resumes it where it fails.
pub async fn drive_submission(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = applications::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    let links = bank_links::of(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    let state = tenants::state(&conn, &lease.tenant).await?;
    drop(conn);
    let Some(application) = found else { return Ok(()) };
    // It was submitted when it was last changed.
    let today = state.map_or(application.updated_at.date_naive(), |state| {
        day_in(state.zone, application.updated_at)
    });
    let accounts = read_accounts(app, lease, links, today).await?;
    kill::point("application.after_read");
    retry(|| record_submission(app, lease, &application, &accounts)).await
}

/// Closes the flow: decides, or gives the application back and says why.
async fn record_submission(
    app: &App,
    lease: &Lease,
    submitted: &Application,
    accounts: &AccountsRead,
) -> Result<(), AppError> {
    // It may be submitted again: each time has ids of its own.
    let cause = format!("application_read/{}", submitted.version);
    let mut tx = app
        .db
        .begin_apart(&Call::internal("credit", &lease.tenant, &cause, lease.intent, None))
        .await?;
    let found = applications::lock(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await?;
    flow::hold(&tx, lease).await?;
    let mut application =
        found.ok_or_else(|| AppError::Fault(format!("no application {}", lease.intent)))?;
    // Offers of one customer wait for each other at the programme.
    let programme = programmes::lock(tx.conn(), &lease.tenant, application.programme).await?;
    let programme = programme.ok_or_else(|| {
        AppError::Fault(format!("application {} without a programme", application.id))
    })?;
    let mut refused = None;
    // Taken back meanwhile: there is nothing to decide.
    if application.state == ApplicationState::Submitted {
        refused = decide_by_policy(&mut tx, &mut application, &programme, accounts).await?;
    }
    let shown = publish_application(&mut tx, &application, &programme, true).await?;
    match refused {
        Some(refusal) => tx.refuse_intent(lease.intent, &Status::from(refusal)).await?,
        None => {
            tx.answer_intent(
                lease.intent,
                &SubmitApplicationResponse { credit_application: Some(shown) },
            )
            .await?;
        }
    }
    flow::close(&tx, lease).await?;
    kill::point("application.before_record");
    tx.commit_rows().await?;
    kill::point("application.after_record");
    Ok(())
}
