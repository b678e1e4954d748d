//! What every verb of an application ends with: its row, its event, and the jobs that follow.

use super::expire;
use crate::{
    messages::applications::{ApplicationParts, credit_application},
    store::{applications, bank_files, bank_links, decisions},
    use_cases::bank_links::forget,
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule, schedule_many},
};
use payterms_credit_domain::{Application, Programme};
use payterms_proto::credit::v1::{ApplicationChanged, CreditApplication};

/// Saves an application and emits how it stands. It expires when that is due; once it is over, its
/// links are forgotten.
pub(crate) async fn publish_application(
    tx: &mut WriteTx,
    application: &Application,
    programme: &Programme,
    as_customer: bool,
) -> Result<CreditApplication, AppError> {
    let tenant = tx.call().tenant.clone();
    applications::save(tx.conn(), &tenant, application, programme.currency).await?;
    let files = bank_files::of_application(tx.conn(), &tenant, application.id, false).await?;
    let advice = decisions::last(tx.conn(), &tenant, application.id).await?;
    let links = bank_links::of(tx.conn(), &tenant, application.id).await?;
    if !application.state.is_open() {
        let opened: Vec<_> = links
            .iter()
            .filter(|link| !link.token.is_empty())
            .map(|link| (link.id.to_string(), tx.now()))
            .collect();
        schedule_many(tx, forget::JOB, &opened).await?;
    }
    let mut parts = ApplicationParts { files: Vec::new(), advice, links };
    let information_requested = application.information_requested;
    let event = ApplicationChanged {
        credit_application: Some(credit_application(&tenant, application, &parts, false)),
        information_requested,
    };
    let id = application.id.to_string();
    tx.emit("credit_application", &id, &event).await?;
    match application.expires_at {
        Some(at) => schedule(tx, expire::JOB, &id, at).await?,
        None => cancel(tx, expire::JOB, &id).await?,
    }
    parts.files = files;
    Ok(credit_application(&tenant, application, &parts, as_customer))
}
