//! Checks whether an applicant is through who has not said so.

use super::{
    load::{link_of_job, page_state},
    save::save_page_state,
};
use crate::{
    app::App,
    store::{applications, bank_links, programmes},
    use_cases::applications::save::publish_application,
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
};
use payterms_credit_domain::LinkState;

/// The job; its subject is the link's id.
pub const JOB: &str = "ask_bank_link";

/// Takes in how the page stands that a row is of; tried again where the provider does not answer.
pub async fn check_bank_link(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(link) = link_of_job(app, row).await? else { return Ok(()) };
    let page = page_state(app, &row.tenant, &link).await?;
    let mut tx = app.db.begin_forward(&row.call("credit", link.id.uuid())).await?;
    let found = applications::lock(tx.conn(), &row.tenant, link.application).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let link = bank_links::find(tx.conn(), &row.tenant, link.id)
        .await?
        .filter(|link| link.state == LinkState::Pending);
    if let (Some(mut application), Some(mut link)) = (found, link)
        && let Some(programme) =
            programmes::find(tx.conn(), &row.tenant, application.programme).await?
    {
        save_page_state(app, &tx, &mut link, page).await?;
        if link.state != LinkState::Pending {
            application.touch(tx.now());
            publish_application(&mut tx, &application, &programme, false).await?;
        }
    }
    tx.commit_rows().await
}
