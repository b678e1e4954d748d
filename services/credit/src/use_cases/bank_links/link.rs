//! Makes the page of one more link.

use super::{check, load::unanswered};
use crate::{
    app::App,
    commands::applications::ApplicationRef,
    messages::bank_links::bank_link,
    store::bank_links,
    use_cases::applications::{load::lock_application, save::publish_application},
};
use chrono::TimeDelta;
use payterms_chassis::{Answer, AppError, Call, jobs::schedule};
use payterms_credit_domain::{BankLink, link::ASK_MINUTES};
use payterms_proto::credit::v1::LinkBankAccountResponse;

/// Makes the page of one more link.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `FEATURE_DISABLED`, `APPLICATION_STATE`, `TOO_MANY_ITEMS`,
/// `PROVIDER_UNAVAILABLE`.
pub async fn link_bank_account(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
) -> Result<Answer<LinkBankAccountResponse>, AppError> {
    let provider = app.bank_data()?;
    let mut tx = app.db.begin(call).await?;
    let (mut application, _) = lock_application(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    application
        .link(bank_links::of(tx.conn(), &call.tenant, application.id).await?.len(), tx.now())?;
    drop(tx);
    // A page that nobody is led to ends by itself: the process may die here.
    let page = provider
        .open_page(&call.tenant, named.customer.uuid())
        .await
        .map_err(|error| unanswered(&error))?;
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    application.link(bank_links::of(tx.conn(), &call.tenant, application.id).await?.len(), now)?;
    let link = BankLink::open(tx.id(), application.id, page.id, page.url, now);
    bank_links::save(tx.conn(), &call.tenant, &link).await?;
    schedule(&tx, check::JOB, &link.id.to_string(), now + TimeDelta::minutes(ASK_MINUTES)).await?;
    let shown = publish_application(&mut tx, &application, &programme, named.as_customer).await?;
    let bank_link = Some(bank_link(&shown.name, &link, named.as_customer));
    tx.commit(LinkBankAccountResponse { credit_application: Some(shown), bank_link }).await
}
