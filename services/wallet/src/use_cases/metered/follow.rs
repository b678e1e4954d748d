//! Follows invoicing's metered services: stores a copy of each and schedules the closing of its
//! months.

use super::close::schedule_close;
use crate::store::metered;
use payterms_chassis::{AppError, WriteTx, names};
use payterms_kernel::{Currency, Id, calendar::first_of_month};
use payterms_proto::invoicing::v1::{MeteredService as ServiceMessage, metered_service::State};
use payterms_wallet_domain::{MeteredService, metered::Access};

/// Saves the copy of a service from invoicing's event.
///
/// # Errors
/// `Fault` for a malformed name or currency.
pub async fn follow_metered_service(
    tx: &WriteTx,
    message: &ServiceMessage,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("metered service {:?}", message.name));
    let name = names::parse(&message.name, &["customers", "meteredServices"]).ok_or_else(fault)?;
    let access = match message.state() {
        State::Active | State::Overdue => Access::Open,
        State::Suspended => Access::Suspended,
        State::Disabled | State::Unspecified => Access::Disabled,
    };
    if let Some(mut service) = metered::lock(tx, name.id(1)).await? {
        service.access = access;
        return metered::save(tx.conn(), &tenant, &service).await;
    }
    let open_month = first_of_month(tx.today());
    let service = MeteredService {
        id: name.id(1),
        customer: Id::from_uuid(name.id(0)),
        currency: Currency::parse(&message.currency_code).ok_or_else(fault)?,
        product: message.product.clone(),
        access,
        open_month,
    };
    metered::save(tx.conn(), &tenant, &service).await?;
    schedule_close(tx, &service).await
}
