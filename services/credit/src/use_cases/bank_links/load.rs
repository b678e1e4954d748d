//! A link, and how its page stands at the provider.

use crate::{
    app::App,
    bank_data::{PageState, Unknown},
    store::bank_links,
};
use payterms_chassis::{AppError, WriteTx, error::not_yet, jobs::DueRow, names};
use payterms_credit_domain::{Application, BankLink};
use payterms_kernel::{Id, Reason, Refusal, TenantId};

/// The provider does not answer, and may be asked again.
pub(super) fn unanswered(error: &Unknown) -> AppError {
    tracing::warn!(%error, "a provider of bank data does not answer");
    not_yet(Reason::PROVIDER_UNAVAILABLE, "The provider of bank data does not answer. Try again.")
}

/// A link of an application that is locked.
pub(super) async fn find_link(
    tx: &WriteTx,
    application: &Application,
    link: Id<BankLink>,
) -> Result<BankLink, AppError> {
    let found = bank_links::find(tx.conn(), &tx.call().tenant, link).await?;
    Ok(found.filter(|link| link.application == application.id).ok_or_else(Refusal::not_found)?)
}

/// Asks the provider how a page stands.
pub(super) async fn page_state(
    app: &App,
    tenant: &TenantId,
    link: &BankLink,
) -> Result<PageState, AppError> {
    app.bank_data()?.page(tenant, &link.page).await.map_err(|error| unanswered(&error))
}

/// The link that a job is about.
pub(super) async fn link_of_job(app: &App, row: &DueRow) -> Result<Option<BankLink>, AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("link {:?}", row.subject)));
    };
    let conn = app.db.read(&row.tenant).await?;
    bank_links::find(&conn, &row.tenant, Id::from_uuid(id)).await
}
