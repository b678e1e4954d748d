//! The status of a metered service follows its invoices.

use super::save::publish_metered_service;
use crate::{store::metered, use_cases::mails::notices::mail_service_standing};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{MailKind, MeteredService, ServiceState};
use payterms_kernel::Id;

/// Evaluates a service after one of its invoices has changed.
pub async fn evaluate_metered_service(
    tx: &mut WriteTx,
    id: Id<MeteredService>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let Some(mut service) = metered::lock(tx.conn(), &tenant, id).await? else { return Ok(()) };
    let (before, now, today) = (service.state, tx.now(), tx.today());
    let standing = metered::standing(tx.conn(), &tenant, id, today).await?;
    if service.evaluate(standing, now) {
        publish_metered_service(tx, &service).await?;
        let kind = if service.state == ServiceState::Overdue {
            MailKind::ServiceOverdue
        } else {
            MailKind::ServiceRestored
        };
        mail_service_standing(tx, kind, &service).await?;
    } else if before == ServiceState::Overdue && standing.failed_unblocked > 0 {
        // A block was lifted, perhaps: what waited for that goes on.
        publish_metered_service(tx, &service).await?;
    }
    Ok(())
}
