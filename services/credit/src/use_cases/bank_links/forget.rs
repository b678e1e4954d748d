//! Lets the provider forget what was opened for an application that is over.

use super::load::{link_of_job, unanswered};
use crate::{
    app::App,
    store::{applications, bank_links, programmes},
    use_cases::applications::save::publish_application,
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
};

/// The job; its subject is the link's id.
pub const JOB: &str = "forget_bank_link";

/// Lets the provider forget the link that a row is of; tried again where the provider does not
/// answer.
pub async fn forget_bank_link(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(link) = link_of_job(app, row).await? else { return Ok(()) };
    if !link.token.is_empty() {
        let token = app.unseal(link.id.uuid(), &link.token)?;
        app.bank_data()?.forget(&row.tenant, &token).await.map_err(|error| unanswered(&error))?;
    }
    let mut tx = app.db.begin_forward(&row.call("credit", link.id.uuid())).await?;
    let found = applications::lock(tx.conn(), &row.tenant, link.application).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let (Some(mut application), Some(mut link)) =
        (found, bank_links::find(tx.conn(), &row.tenant, link.id).await?)
        && let Some(programme) =
            programmes::find(tx.conn(), &row.tenant, application.programme).await?
    {
        link.remove();
        bank_links::save(tx.conn(), &row.tenant, &link).await?;
        application.touch(tx.now());
        publish_application(&mut tx, &application, &programme, false).await?;
    }
    tx.commit_rows().await
}
