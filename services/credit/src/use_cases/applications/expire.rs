//! An application that nobody took further expires.

use super::save::publish_application;
use crate::{
    app::App,
    store::{applications, programmes},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    names,
};
use payterms_kernel::Id;

/// The job; its subject is the application's id.
pub const JOB: &str = "expire_application";

/// Lets the application expire that a row is of.
pub async fn expire_application(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("application {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let found = applications::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut application) = found {
        let programme = programmes::find(tx.conn(), &row.tenant, application.programme).await?;
        if application.expire(tx.now())
            && let Some(programme) = programme
        {
            publish_application(&mut tx, &application, &programme, false).await?;
        }
    }
    tx.commit_rows().await
}
