//! Links to an applicant's accounts: the page is made, the applicant finishes there, the token is taken in, sealed, and
//! forgotten when the application is over. The provider is asked outside of transactions: it may be asked again.

use super::apply::{self, publish};
use crate::{
    App,
    bank_data::{PageState, Unknown},
    jobs,
    parse_applications::ApplicationRef,
    render_applications as render,
    store::{applications, bank_links, programmes},
};
use chrono::TimeDelta;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    error::not_yet,
    jobs::{DueRow, cancel, schedule, take},
    names,
};
use payterms_credit_domain::{
    Application, BankLink, LinkState,
    link::{ASK_MINUTES, broken},
};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::credit::v1::{ConfirmBankLinkResponse, LinkBankAccountResponse};

/// Why a provider's answer is waited for.
pub(super) fn unanswered(error: &Unknown) -> AppError {
    tracing::warn!(%error, "a provider of bank data does not answer");
    not_yet("PROVIDER_UNAVAILABLE", "The provider of bank data does not answer. Try again.")
}

/// Makes the page of one more link.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `FEATURE_DISABLED`, `APPLICATION_STATE`, `TOO_MANY_ITEMS`, `PROVIDER_UNAVAILABLE`.
pub async fn open(app: &App, call: &Call, named: &ApplicationRef) -> Result<Answer<LinkBankAccountResponse>, AppError> {
    let provider = app.bank_data()?;
    let mut tx = app.db.begin(call).await?;
    let (mut own, _) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    own.link(bank_links::of(tx.conn(), &call.tenant, own.id).await?.len(), tx.now())?;
    drop(tx);
    // A page that nobody is led to ends by itself: the process may die here.
    let page = provider.open_page(&call.tenant, named.customer.uuid()).await.map_err(|error| unanswered(&error))?;
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    own.link(bank_links::of(tx.conn(), &call.tenant, own.id).await?.len(), now)?;
    let link = BankLink::open(tx.id(), own.id, (page.id, page.url), now);
    bank_links::save(tx.conn(), &call.tenant, &link).await?;
    schedule(&tx, jobs::ASK_BANK_LINK, &link.id.to_string(), now + TimeDelta::minutes(ASK_MINUTES)).await?;
    let shown = publish(&mut tx, (&own, &programme), named.as_customer).await?;
    let bank_link = Some(render::link(&shown.name, &link, named.as_customer));
    tx.commit(LinkBankAccountResponse { credit_application: Some(shown), bank_link }).await
}

/// A link of an application that is locked.
async fn of_application(tx: &WriteTx, own: &Application, link: Id<BankLink>) -> Result<BankLink, AppError> {
    let found = bank_links::find(tx.conn(), &tx.call().tenant, link).await?;
    Ok(found.filter(|link| link.application == own.id).ok_or_else(Refusal::not_found)?)
}

/// Asks the provider how a page stands.
async fn asked(app: &App, tenant: &TenantId, link: &BankLink) -> Result<PageState, AppError> {
    app.bank_data()?.page(tenant, &link.page).await.map_err(|error| unanswered(&error))
}

/// Takes in how the page of a link stands; the application is locked.
async fn settle(app: &App, tx: &WriteTx, link: &mut BankLink, page: PageState) -> Result<(), AppError> {
    match page {
        PageState::Opened(opened) => {
            let token = app.seal(link.id.uuid(), &opened.token)?;
            link.confirm(opened.institution.chars().take(200).collect(), token);
        }
        PageState::Gone => {
            link.break_up();
        }
        PageState::Pending => {
            link.expire(tx.now());
        }
    }
    let tenant = tx.call().tenant.clone();
    bank_links::save(tx.conn(), &tenant, link).await?;
    if link.state == LinkState::Pending {
        let again = tx.now() + TimeDelta::minutes(ASK_MINUTES);
        return Ok(schedule(tx, jobs::ASK_BANK_LINK, &link.id.to_string(), again).await?);
    }
    Ok(cancel(tx, jobs::ASK_BANK_LINK, &link.id.to_string()).await?)
}

/// The applicant says that they are through.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `BANK_LINK_PENDING`, `BANK_LINK_BROKEN`, `PROVIDER_UNAVAILABLE`.
pub async fn confirm(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
    link: Id<BankLink>,
) -> Result<Answer<ConfirmBankLinkResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (own, _) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let known = of_application(&tx, &own, link).await?;
    drop(tx);
    known.must_be_confirmable()?;
    let page = if known.state == LinkState::Pending { Some(asked(app, &call.tenant, &known).await?) } else { None };
    if page == Some(PageState::Pending) {
        let message = "The applicant is not through with the bank's page. Finish there, then confirm again.";
        return Err(Refusal::precondition("BANK_LINK_PENDING", message).into());
    }
    let mut tx = app.db.begin(call).await?;
    let (mut own, programme) = apply::locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut known = of_application(&tx, &own, link).await?;
    let gone = page == Some(PageState::Gone);
    if let Some(page) = page
        && known.state == LinkState::Pending
    {
        settle(app, &tx, &mut known, page).await?;
        own.touch(tx.now());
    }
    let credit_application = Some(publish(&mut tx, (&own, &programme), named.as_customer).await?);
    if gone {
        tx.commit_rows().await?;
        return Err(broken(&known.institution).into());
    }
    tx.commit(ConfirmBankLinkResponse { credit_application }).await
}

/// The link that a job is about.
async fn known(app: &App, row: &DueRow) -> Result<Option<BankLink>, AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("link {:?}", row.subject))) };
    let conn = app.db.read(&row.tenant).await?;
    bank_links::find(&conn, &row.tenant, Id::from_uuid(id)).await
}

/// Asks whether an applicant is through who has not said so: the job.
///
/// # Errors
/// The provider's, the database's: it is tried again.
pub async fn ask(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(link) = known(app, row).await? else { return Ok(()) };
    let page = asked(app, &row.tenant, &link).await?;
    let mut tx = app.db.begin_forward(&row.call("credit", link.id.uuid())).await?;
    let found = applications::lock(tx.conn(), &row.tenant, link.application).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let link = bank_links::find(tx.conn(), &row.tenant, link.id).await?.filter(|own| own.state == LinkState::Pending);
    if let (Some(mut own), Some(mut link)) = (found, link)
        && let Some(programme) = programmes::find(tx.conn(), &row.tenant, own.programme).await?
    {
        settle(app, &tx, &mut link, page).await?;
        if link.state != LinkState::Pending {
            own.touch(tx.now());
            publish(&mut tx, (&own, &programme), false).await?;
        }
    }
    tx.commit_rows().await
}

/// Lets the provider forget what was opened for an application that is over: the job.
///
/// # Errors
/// The provider's, the database's: it is tried again.
pub async fn forget(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(link) = known(app, row).await? else { return Ok(()) };
    if !link.token.is_empty() {
        let token = app.unseal(link.id.uuid(), &link.token)?;
        app.bank_data()?.forget(&row.tenant, &token).await.map_err(|error| unanswered(&error))?;
    }
    let mut tx = app.db.begin_forward(&row.call("credit", link.id.uuid())).await?;
    let found = applications::lock(tx.conn(), &row.tenant, link.application).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let (Some(mut own), Some(mut link)) = (found, bank_links::find(tx.conn(), &row.tenant, link.id).await?)
        && let Some(programme) = programmes::find(tx.conn(), &row.tenant, own.programme).await?
    {
        link.remove();
        bank_links::save(tx.conn(), &row.tenant, &link).await?;
        own.touch(tx.now());
        publish(&mut tx, (&own, &programme), false).await?;
    }
    tx.commit_rows().await
}
