//! An application, as the verbs that change it and those that read it find it.

use crate::{
    commands::applications::ApplicationRef,
    store::{applications, programmes},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::{Application, Programme};
use payterms_kernel::Refusal;
use sea_orm::ConnectionTrait;

/// An application and its programme, the application locked.
pub(crate) async fn lock_application(
    tx: &WriteTx,
    named: &ApplicationRef,
) -> Result<(Application, Programme), AppError> {
    let tenant = &named.tenant;
    let found = applications::lock(tx.conn(), tenant, named.application).await?;
    let application = found
        .filter(|application| application.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    let programme = programmes::find(tx.conn(), tenant, application.programme).await?;
    let programme = programme.ok_or_else(|| {
        AppError::Fault(format!("application {} without a programme", application.id))
    })?;
    Ok((application, programme))
}

/// The application that a request names.
pub(super) async fn find_application<C: ConnectionTrait>(
    conn: &C,
    named: &ApplicationRef,
) -> Result<Application, AppError> {
    let found = applications::find(conn, &named.tenant, named.application).await?;
    Ok(found
        .filter(|application| application.customer == named.customer)
        .ok_or_else(Refusal::not_found)?)
}
