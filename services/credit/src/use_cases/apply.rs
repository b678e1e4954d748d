//! What an applicant does: start, upload, take back.

use super::programmes::Standing;
use crate::{
    App, jobs,
    parse::CustomerRef,
    parse_applications::{ApplicationRef, Upload},
    render_applications::{self as render, Parts},
    statements,
    store::{
        applications::{self, BankFile},
        bank_links, customers, programmes,
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, cancel, schedule, schedule_many, take},
    names,
};
use payterms_credit_domain::{Application, Programme, application::must_be_eligible, bank::Statement};
use payterms_kernel::{Id, Refusal};
use payterms_proto::credit::v1::{
    ApplicationChanged, CreditApplication, StartApplicationResponse, UploadBankStatementResponse, WithdrawApplicationResponse,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// An application and its programme, the application locked.
pub(super) async fn locked(tx: &WriteTx, named: &ApplicationRef) -> Result<(Application, Programme), AppError> {
    let tenant = &named.tenant;
    let found = applications::lock(tx.conn(), tenant, named.application).await?;
    let own = found.filter(|own| own.customer == named.customer).ok_or_else(Refusal::not_found)?;
    let programme = programmes::find(tx.conn(), tenant, own.programme).await?;
    let programme = programme.ok_or_else(|| AppError::Fault(format!("application {} without a programme", own.id)))?;
    Ok((own, programme))
}

/// Saves an application, tells how it stands, and lets it expire when that is due.
pub(super) async fn publish(
    tx: &mut WriteTx,
    (own, programme): (&Application, &Programme),
    as_customer: bool,
) -> Result<CreditApplication, AppError> {
    let tenant = tx.call().tenant.clone();
    applications::save(tx.conn(), &tenant, own, programme.currency).await?;
    let files = applications::files(tx.conn(), &tenant, own.id, false).await?;
    let advice = applications::advised(tx.conn(), &tenant, own.id).await?;
    let links = bank_links::of(tx.conn(), &tenant, own.id).await?;
    if !own.state.is_open() {
        let opened: Vec<_> = links.iter().filter(|own| !own.token.is_empty()).map(|own| (own.id.to_string(), tx.now())).collect();
        schedule_many(tx, jobs::FORGET_BANK_LINK, &opened).await?;
    }
    let mut parts = Parts { files: Vec::new(), advice, links };
    let asked_for_more = own.asked_for_more;
    let event = ApplicationChanged { credit_application: Some(render::application(&tenant, own, &parts, false)), asked_for_more };
    let id = own.id.to_string();
    tx.emit("credit_application", &id, &event).await?;
    match own.expires_at {
        Some(at) => schedule(tx, jobs::EXPIRE_APPLICATION, &id, at).await?,
        None => cancel(tx, jobs::EXPIRE_APPLICATION, &id).await?,
    }
    parts.files = files;
    Ok(render::application(&tenant, own, &parts, as_customer))
}

/// Starts an application.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `NOT_ELIGIBLE`, `COOL_DOWN_ACTIVE`.
pub async fn start(
    app: &App,
    call: &Call,
    named: &CustomerRef,
    programme: Id<Programme>,
) -> Result<Answer<StartApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let programme = programmes::lock(tx.conn(), &call.tenant, programme).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let customer = customers::find(tx.conn(), &call.tenant, named.customer).await?.ok_or_else(Refusal::not_found)?;
    let standing = Standing::of(tx.conn(), &call.tenant, customer.clone()).await?;
    let (against, until) = standing.against(&call.tenant, &programme, tx.now());
    must_be_eligible(against, until)?;
    let (id, now) = (tx.id(), tx.now());
    let own = Application::start(id, (&programme, &customer), call.caller.subject.clone(), now);
    let credit_application = Some(publish(&mut tx, (&own, &programme), true).await?);
    tx.commit(StartApplicationResponse { credit_application }).await
}

/// Accounts that statements tell of.
pub(super) fn accounts(told: &[Statement]) -> i64 {
    let names: BTreeSet<_> = told.iter().map(|own| own.account.as_str()).collect();
    i64::try_from(names.len()).unwrap_or(i64::MAX)
}

/// Bookings that they tell of.
pub(super) fn bookings(told: &[Statement]) -> i64 {
    i64::try_from(told.iter().map(|own| own.bookings.len()).sum::<usize>()).unwrap_or(i64::MAX)
}

/// Takes a file in; one that is there already changes nothing.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `TOO_MANY_ITEMS`, `BANK_FILE_INVALID`.
pub async fn upload(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
    upload: &Upload,
) -> Result<Answer<UploadBankStatementResponse>, AppError> {
    let told = statements::read(&call.tenant, &upload.content, upload.mapping.as_ref())?;
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let file = BankFile {
        sha256: hex::encode(Sha256::digest(&upload.content)),
        title: upload.title.clone(),
        content: upload.content.clone(),
        mapping: upload.mapping.clone(),
        linked: false,
        accounts: accounts(&told),
        bookings: bookings(&told),
        at: now,
    };
    let mut after = own.clone();
    after.upload(now)?;
    if applications::keep(tx.conn(), &call.tenant, own.id, &file).await? {
        own = after;
    }
    let credit_application = Some(publish(&mut tx, (&own, &programme), named.as_customer).await?);
    tx.commit(UploadBankStatementResponse { credit_application }).await
}

/// Takes an application back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`.
pub async fn withdraw(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<WithdrawApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.withdraw(&programme, tx.now())?;
    let credit_application = Some(publish(&mut tx, (&own, &programme), named.as_customer).await?);
    tx.commit(WithdrawApplicationResponse { credit_application }).await
}

/// Nobody went on with an application: the job.
///
/// # Errors
/// The database's.
pub async fn expire(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("application {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let found = applications::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut own) = found {
        let programme = programmes::find(tx.conn(), &row.tenant, own.programme).await?;
        if own.expire(tx.now())
            && let Some(programme) = programme
        {
            publish(&mut tx, (&own, &programme), false).await?;
        }
    }
    tx.commit_rows().await
}
