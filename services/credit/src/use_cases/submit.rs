//! The flow of a submission: linked accounts are read, then the policy decides, and an approval offers a line, in one
//! transaction. Reading may be repeated; the decision is the point of no return. Uploaded statements, and what a person
//! has asked for more of, go to a person with the policy's answer as advice.

use super::{
    News,
    apply::{self, publish},
    offer_line,
};
use crate::{
    App,
    bank_data::{Read, Unknown},
    parse_applications::ApplicationRef,
    statements,
    store::{
        applications::{self, BankFile},
        bank_links, customers, known, policies, programmes,
    },
};
use chrono::{DateTime, Months, NaiveDate, Utc};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx, answer,
    error::not_yet,
    flow::{self, Lease},
    kill, tenants,
};
use payterms_credit_domain::{
    Advice, Application, BankLink, LinkState, Outcome, Programme,
    bank::{BankData, Statement},
    decision::decide,
    line::Offer,
    link::broken,
};
use payterms_kernel::{
    Actor, Id, Money, Refusal,
    calendar::{day_in, first_of_month},
};
use payterms_proto::credit::v1::SubmitApplicationResponse;
use sha2::{Digest, Sha256};
use std::time::Duration;
use tonic::Status;

/// The kind of flow; its intent is the application.
pub const FLOW: &str = "credit_application";

/// Whole months that accounts are read over, beside the one that has begun.
const MONTHS: u32 = 13;
/// Tries of a bank that is still collecting, or of a provider that does not answer, and the pause between.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// Stores the submission, drives it, and answers when it is decided or goes to a person.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `BANK_DATA_REQUIRED`, `BANK_LINK_BROKEN`, `BANK_DATA_NOT_READY`.
pub async fn run(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<SubmitApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    own.submit(tx.now())?;
    publish(&mut tx, (&own, &programme), named.as_customer).await?;
    let lease = app.flows.open(&tx, FLOW, own.id.uuid()).await?;
    kill::point("application.before_intent");
    tx.commit_intent(own.id.uuid()).await?;
    kill::point("application.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// What the banks told.
enum Told {
    /// What each link was read as.
    Statements(Vec<(BankLink, Vec<Statement>)>),
    /// This bank lets us in no more.
    Broken(BankLink),
    /// Not all of them, in all that time.
    NotYet,
}

/// Drives the flow to its close.
///
/// # Errors
/// The database's; the recovery goes on.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = applications::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    let links = bank_links::of(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    let state = tenants::state(&conn, &lease.tenant).await?;
    drop(conn);
    let Some(own) = found else { return Ok(()) };
    // It was submitted when it was last changed.
    let today = state.map_or(own.updated_at.date_naive(), |state| day_in(state.zone, own.updated_at));
    let told = read(app, lease, (links, today)).await?;
    kill::point("application.after_read");
    answer::retry(|| record(app, lease, (&own, &told))).await
}

/// Reads the accounts of all links.
async fn read(app: &App, lease: &Lease, (links, today): (Vec<BankLink>, NaiveDate)) -> Result<Told, AppError> {
    let from = first_of_month(today).checked_sub_months(Months::new(MONTHS)).unwrap_or(today);
    let mut statements = Vec::new();
    for link in links.into_iter().filter(|link| link.state == LinkState::Linked) {
        match one(app, lease, &link, (from, today)).await? {
            Ok(Read::Statements(told)) => statements.push((link, told)),
            Ok(Read::Broken) => return Ok(Told::Broken(link)),
            Ok(Read::NotReady) => return Ok(Told::NotYet),
            Err(error) => {
                tracing::warn!(%error, "the accounts of a link could not be read");
                return Ok(Told::NotYet);
            }
        }
    }
    Ok(Told::Statements(statements))
}

/// Reads the accounts of one link, again while the bank is collecting.
async fn one(app: &App, lease: &Lease, link: &BankLink, days: (NaiveDate, NaiveDate)) -> Result<Result<Read, Unknown>, AppError> {
    let token = app.unseal(link.id.uuid(), &link.token)?;
    let mut last = Ok(Read::NotReady);
    for _ in 0..TRIES {
        last = app.bank_data()?.read(&lease.tenant, &token, days).await;
        if !matches!(last, Ok(Read::NotReady) | Err(_)) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(last)
}

async fn record(app: &App, lease: &Lease, (submitted, told): (&Application, &Told)) -> Result<(), AppError> {
    // It may be submitted again: each time has ids of its own.
    let cause = format!("application_read/{}", submitted.version);
    let mut tx = app.db.begin_apart(&Call::own("credit", &lease.tenant, &cause, lease.intent, None)).await?;
    let found = applications::lock(tx.conn(), &lease.tenant, Id::from_uuid(lease.intent)).await?;
    flow::hold(&tx, lease).await?;
    let mut own = found.ok_or_else(|| AppError::Fault(format!("no application {}", lease.intent)))?;
    // Offers of one customer wait for each other at the programme.
    let programme = programmes::lock(tx.conn(), &lease.tenant, own.programme).await?;
    let programme = programme.ok_or_else(|| AppError::Fault(format!("application {} without a programme", own.id)))?;
    let mut refused = None;
    // Taken back meanwhile: there is nothing to decide.
    if own.state == payterms_credit_domain::ApplicationState::Submitted {
        refused = settle(&mut tx, (&mut own, &programme), told).await?;
    }
    let shown = publish(&mut tx, (&own, &programme), true).await?;
    match refused {
        Some(refusal) => tx.refuse_intent(lease.intent, &Status::from(refusal)).await?,
        None => tx.answer_intent(lease.intent, &SubmitApplicationResponse { credit_application: Some(shown) }).await?,
    }
    flow::close(&tx, lease).await?;
    kill::point("application.before_record");
    tx.commit_rows().await?;
    kill::point("application.after_record");
    Ok(())
}

/// Decides on what the banks told and on what was uploaded; or gives it back, and says why.
async fn settle(tx: &mut WriteTx, (own, programme): (&mut Application, &Programme), told: &Told) -> Result<Option<AppError>, AppError> {
    let tenant = tx.call().tenant.clone();
    let now = tx.now();
    match told {
        Told::Statements(statements) => {
            for (link, statements) in statements {
                let content = statements::keep(statements)?;
                let file = BankFile {
                    sha256: hex::encode(Sha256::digest(&content)),
                    title: link.institution.clone(),
                    content,
                    mapping: None,
                    linked: true,
                    accounts: apply::accounts(statements),
                    bookings: apply::bookings(statements),
                    at: now,
                };
                applications::keep(tx.conn(), &tenant, own.id, &file).await?;
            }
        }
        Told::Broken(link) => {
            let mut link = link.clone();
            link.break_up();
            bank_links::save(tx.conn(), &tenant, &link).await?;
            own.give_back(now);
            return Ok(Some(broken(&link.institution).into()));
        }
        Told::NotYet => {
            own.give_back(now);
            let message = "The bank is still collecting, or does not answer. Submit again in some minutes.";
            return Ok(Some(not_yet("BANK_DATA_NOT_READY", message)));
        }
    }
    let data = bank_data(tx, own, programme).await?;
    if data.coverage().accounts == 0 {
        own.give_back(now);
        let message = "Link an account, or upload a statement of one, in the programme's currency first.";
        return Ok(Some(Refusal::precondition("BANK_DATA_REQUIRED", message).into()));
    }
    decided(tx, (own, programme), &data, now).await?;
    Ok(None)
}

/// All that files and linked accounts tell.
async fn bank_data(tx: &WriteTx, own: &Application, programme: &Programme) -> Result<BankData, AppError> {
    let tenant = &tx.call().tenant;
    let mut told: Vec<Statement> = Vec::new();
    for file in applications::files(tx.conn(), tenant, own.id, true).await? {
        if file.linked {
            told.extend(statements::kept(&file.content)?);
        } else {
            told.extend(statements::read(tenant, &file.content, file.mapping.as_ref())?);
        }
    }
    Ok(BankData::of(programme.currency, &told))
}

/// The policy's answer, kept with all that led to it, and what follows.
async fn decided(
    tx: &mut WriteTx,
    (own, programme): (&mut Application, &Programme),
    data: &BankData,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let mut features = data.features();
    let today = day_in(tx.time().zone, now);
    features.extend(known::features(tx.conn(), &tenant, (own.customer, programme.currency), today).await?);
    let policy = policies::find(tx.conn(), &tenant, programme.policy).await?;
    let policy = policy.ok_or_else(|| AppError::Fault(format!("programme {} without a policy", programme.id)))?;
    let decided = decide(&policy.terms, &features, programme.cap.micros());
    own.was_answered();
    let (outcome, limit) = (decided.outcome, Money::from_micros(programme.currency, decided.limit));
    let reasons = decided.reasons.clone();
    match outcome {
        _ if own.goes_to_a_person() => own.refer(now),
        Outcome::Decline => own.decline(programme, reasons, now),
        Outcome::Refer => own.refer(now),
        Outcome::Approve => {
            let customer = customers::find(tx.conn(), &tenant, own.customer).await?.ok_or_else(Refusal::not_found)?;
            let offer = Offer { limit, application: Some(own.id.uuid()), by: Actor::suite(), explanation: String::new() };
            match offer_line::offer_to(tx, (programme, &customer), offer).await {
                Ok(mut line) => {
                    own.approve((limit, line.id.uuid()), now);
                    super::publish(tx, &mut line, News::default()).await?;
                }
                // What stands against a line now is for a person to look at.
                Err(AppError::Refused(refusal)) => {
                    tracing::info!(reason = refusal.reason, "an approval goes to a person");
                    own.refer(now);
                }
                Err(error) => return Err(error),
            }
        }
    }
    applications::save(tx.conn(), &tenant, own, programme.currency).await?;
    let advice = Advice { policy: policy.id, features, cap: programme.cap, coverage: data.coverage(), decided, at: now };
    applications::advise(tx.conn(), &tenant, own, &advice).await
}
