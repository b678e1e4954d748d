//! A decision is made again on what was stored with it.

use super::load::find_application;
use crate::{
    app::App,
    commands::applications::ApplicationRef,
    messages::decisions::decision,
    store::{decisions, policies},
};
use payterms_chassis::AppError;
use payterms_credit_domain::{Advice, decision::decide};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::ReplayDecisionResponse;
use prost::Message;

/// Decides again on the features that were stored, and compares the bytes.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` where nothing was decided.
pub async fn replay_decision(
    app: &App,
    named: &ApplicationRef,
) -> Result<ReplayDecisionResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let application = find_application(&conn, named).await?;
    let stored = decisions::last(&conn, &named.tenant, application.id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let policy = policies::find(&conn, &named.tenant, stored.policy).await?;
    let policy = policy.ok_or_else(|| {
        AppError::Fault(format!("decision of {} without a policy", application.id))
    })?;
    let decided = decide(&policy.terms, &stored.features, stored.cap.micros());
    let again = decision(&named.tenant, &Advice { decided, ..stored.clone() });
    let kept = decision(&named.tenant, &stored);
    let identical = kept.encode_to_vec() == again.encode_to_vec();
    Ok(ReplayDecisionResponse { stored: Some(kept), replayed: Some(again), identical })
}
