//! Takes in that an issuer has taken a charge back: the wallet has booked it, the invoices are open again.

use super::{collect_invoice, create_payment};
use crate::store::{invoices, payments};
use chrono::TimeDelta;
use payterms_chassis::{AppError, WriteTx, error::not_yet, names, render::money_of};
use payterms_invoicing_domain::{PaymentState, chargeback::Taken};
use payterms_kernel::Id;
use payterms_proto::wallet::v1::Charge;

/// Runs it.
///
/// # Errors
/// `UNAVAILABLE` while the payment's own end is not recorded: the event comes again; the database's.
pub async fn run(tx: &mut WriteTx, charge: &Charge) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("the chargeback of {:?}", charge.name));
    let id = charge.payment.rsplit('/').next().and_then(names::uuid).ok_or_else(fault)?;
    let Some(found) = payments::find(tx.conn(), &tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    if found.state == PaymentState::Processing {
        return Err(not_yet("UNAVAILABLE", "The payment's end is not recorded yet."));
    }
    let ids: Vec<_> = found.allocations.iter().map(|own| own.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &tenant, &ids).await?;
    // As it is under the locks of its invoices.
    let mut payment = payments::find(tx.conn(), &tenant, found.id).await?.ok_or_else(fault)?;
    let taken = Taken {
        method: charge.payment_method.rsplit('/').next().and_then(names::uuid),
        from_invoices: charge.from_invoices.as_ref().and_then(money_of).ok_or_else(fault)?,
        from_surplus: charge.from_surplus.as_ref().and_then(money_of).ok_or_else(fault)?,
    };
    let now = tx.now();
    if payment.charged_back(taken, &mut owned, (now + TimeDelta::days(1), now))? {
        collect_invoice::schedule_next(tx, &owned).await?;
        create_payment::publish(tx, &mut payment, &mut owned).await?;
    }
    Ok(())
}
