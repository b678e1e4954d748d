//! What an applicant does: start, upload, submit, take back. Uploaded statements always go to a person, with the policy's
//! answer as advice.

use super::programmes::Standing;
use crate::{
    App, jobs,
    parse::CustomerRef,
    parse_applications::{ApplicationRef, Upload},
    render_applications::{self as render, Parts},
    statements,
    store::{
        applications::{self, BankFile},
        customers, known, policies, programmes,
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    jobs::{DueRow, cancel, schedule, take},
    names,
};
use payterms_credit_domain::{
    Advice, Application, Programme,
    application::must_be_eligible,
    bank::{BankData, Statement},
    decision::decide,
};
use payterms_kernel::{Id, Refusal, TenantId, calendar::day_in};
use payterms_proto::credit::v1::{
    ApplicationChanged, CreditApplication, StartApplicationResponse, SubmitApplicationResponse, UploadBankStatementResponse,
    WithdrawApplicationResponse,
};
use sha2::{Digest, Sha256};

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
    let mut parts = Parts { files: Vec::new(), advice };
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
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let file = BankFile {
        sha256: hex::encode(Sha256::digest(&upload.content)),
        title: upload.title.clone(),
        content: upload.content.clone(),
        mapping: upload.mapping.clone(),
        accounts: count(told.iter().map(|own| own.account.as_str()).collect::<std::collections::BTreeSet<_>>().len()),
        bookings: count(told.iter().map(|own| own.bookings.len()).sum()),
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

/// All that the files of an application tell.
async fn bank_data(tx: &WriteTx, tenant: &TenantId, own: &Application, programme: &Programme) -> Result<BankData, AppError> {
    let mut told: Vec<Statement> = Vec::new();
    for file in applications::files(tx.conn(), tenant, own.id, true).await? {
        told.extend(statements::read(tenant, &file.content, file.mapping.as_ref())?);
    }
    Ok(BankData::of(programme.currency, &told))
}

/// Asks for the decision.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `BANK_DATA_REQUIRED`.
pub async fn submit(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<SubmitApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let data = bank_data(&tx, &call.tenant, &own, &programme).await?;
    let coverage = data.coverage();
    own.must_be_complete(coverage.accounts)?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let mut features = data.features();
    features.extend(known::features(tx.conn(), &call.tenant, (own.customer, programme.currency), today).await?);
    let policy = policies::find(tx.conn(), &call.tenant, programme.policy).await?;
    let policy = policy.ok_or_else(|| AppError::Fault(format!("programme {} without a policy", programme.id)))?;
    let decided = decide(&policy.terms, &features, programme.cap.micros());
    own.submit(now);
    applications::save(tx.conn(), &call.tenant, &own, programme.currency).await?;
    let advice = Advice { policy: policy.id, features, cap: programme.cap, coverage, decided, at: now };
    applications::advise(tx.conn(), &call.tenant, &own, &advice).await?;
    let credit_application = Some(publish(&mut tx, (&own, &programme), named.as_customer).await?);
    tx.commit(SubmitApplicationResponse { credit_application }).await
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
