//! Reads of applications, and their decisions made again.

use crate::{
    App,
    parse_applications::{ApplicationRef, ListApplications},
    render_applications::{self as render, Parts},
    render_policies,
    store::{applications, bank_links, policies},
};
use payterms_chassis::AppError;
use payterms_credit_domain::{Advice, Application, decision::decide};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{GetApplicationResponse, ListApplicationsResponse, ReplayDecisionResponse};
use prost::Message;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

async fn found<C: ConnectionTrait>(conn: &C, named: &ApplicationRef) -> Result<Application, AppError> {
    let found = applications::find(conn, &named.tenant, named.application).await?;
    Ok(found.filter(|own| own.customer == named.customer).ok_or_else(Refusal::not_found)?)
}

/// One application.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get(app: &App, named: &ApplicationRef) -> Result<GetApplicationResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = found(&conn, named).await?;
    let files = applications::files(&conn, &named.tenant, own.id, false).await?;
    let advice = applications::advised(&conn, &named.tenant, own.id).await?;
    let links = bank_links::of(&conn, &named.tenant, own.id).await?;
    let shown = render::application(&named.tenant, &own, &Parts { files, advice, links }, named.as_customer);
    Ok(GetApplicationResponse { credit_application: Some(shown) })
}

/// A page of applications, newest first, without their files and decisions.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, asked: &ListApplications) -> Result<ListApplicationsResponse, AppError> {
    let before = app.pages.cursor(&asked.page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(&asked.tenant).await?;
    let mut found = applications::list(&conn, &asked.tenant, (asked.customer, &asked.states, before), asked.page.reads()).await?;
    let next_page_token = app.pages.cut(&asked.page, &mut found, |own| own.id.to_string());
    let shown = |own: &Application| render::application(&asked.tenant, own, &Parts::default(), asked.as_customer);
    Ok(ListApplicationsResponse { credit_applications: found.iter().map(shown).collect(), next_page_token })
}

/// Decides again on what was kept.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` where nothing was decided.
pub async fn replay(app: &App, named: &ApplicationRef) -> Result<ReplayDecisionResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let own = found(&conn, named).await?;
    let kept = applications::advised(&conn, &named.tenant, own.id).await?.ok_or_else(Refusal::not_found)?;
    let policy = policies::find(&conn, &named.tenant, kept.policy).await?;
    let policy = policy.ok_or_else(|| AppError::Fault(format!("decision of {} without a policy", own.id)))?;
    let decided = decide(&policy.terms, &kept.features, kept.cap.micros());
    let again = render_policies::decision(&named.tenant, &Advice { decided, ..kept.clone() });
    let kept = render_policies::decision(&named.tenant, &kept);
    let identical = kept.encode_to_vec() == again.encode_to_vec();
    Ok(ReplayDecisionResponse { kept: Some(kept), replayed: Some(again), identical })
}
