//! Suspends a metered service that stayed overdue.

use super::save::publish_metered_service;
use crate::{
    app::App,
    store::{metered, tenants},
    use_cases::mails::notices::mail_service_standing,
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{
    Id,
    calendar::{day_in, start_of_day},
};

/// Suspends a metered service that stayed overdue; the subject is the service's id.
pub const JOB: &str = "suspend_service";

/// The time to suspend a service has come.
pub async fn suspend_metered_service(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("service {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let Some(mut service) = metered::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let now = tx.now();
    let after_days = tenants::find(tx.conn(), &row.tenant)
        .await?
        .and_then(|tenant| tenant.dunning.suspend_after_days);
    match service.suspended_at(after_days) {
        None => return tx.commit_rows().await,
        // The tenant gives more days than when this was planned.
        Some(at) if at > now => {
            schedule(&tx, JOB, &row.subject, at).await?;
            return tx.commit_rows().await;
        }
        Some(_) => {}
    }
    let zone = tx.time().zone;
    let standing = metered::standing(tx.conn(), &row.tenant, service.id, day_in(zone, now)).await?;
    if let Some(day) = standing.spared_until.filter(|_| standing.failed_unblocked == 0) {
        // A payment was taken back: nothing follows before the day that its customer was promised.
        schedule(&tx, JOB, &row.subject, start_of_day(zone, day)).await?;
    } else if service.suspend(standing, now) {
        publish_metered_service(&mut tx, &service).await?;
        mail_service_standing(&mut tx, MailKind::ServiceSuspended, &service).await?;
    }
    tx.commit_rows().await
}
