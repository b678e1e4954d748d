//! Takes in that an issuer has taken a charge back: the wallet has booked it, the invoices are open
//! again. A charge that has a dispute is taken in by the event of that; this is for those from
//! before there were any.

use super::{resume::enqueue_resume, save::publish_payment};
use crate::{
    app::App,
    peers::wallet::charges::charge_id,
    store::{invoices, payments},
    use_cases::collections::schedule::schedule_collections,
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
    render::money_of,
};
use payterms_invoicing_domain::{Payment, PaymentState, chargeback::Taken};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1::Charge;

/// Applies a chargeback whose payment was under way; the subject is
/// `payment/place/invoices/surplus`.
pub const JOB: &str = "take_chargeback";

/// How often it is looked whether a payment has ended.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Takes the event in. While the payment is under way it is retried later: other events must not
/// wait for it.
///
/// # Errors
/// `Fault` for what no wallet can have told.
pub async fn take_charge_back(tx: &mut WriteTx, charge: &Charge) -> Result<(), AppError> {
    if !charge.dispute.is_empty() {
        return Ok(());
    }
    let fault = || AppError::Fault(format!("the chargeback of {:?}", charge.name));
    let id = charge.payment.rsplit('/').next().and_then(names::uuid).ok_or_else(fault)?;
    let Some(found) = payments::find(tx.conn(), &tx.call().tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    let place = (0..found.tenders.len())
        .find(|place| charge_id(&found, *place) == charge.request_id)
        .ok_or_else(fault)?;
    let taken = Taken {
        place,
        from_invoices: charge.from_invoices.as_ref().and_then(money_of).ok_or_else(fault)?,
        from_surplus: charge.from_surplus.as_ref().and_then(money_of).ok_or_else(fault)?,
    };
    if found.state == PaymentState::Processing {
        // The charge's success may have been missed: whoever waits for it goes on.
        enqueue_resume(tx, &charge.payment).await?;
        let subject = format!(
            "{id}/{place}/{}/{}",
            taken.from_invoices.micros(),
            taken.from_surplus.micros()
        );
        return Ok(schedule(tx, JOB, &subject, tx.now() + PAUSE).await?);
    }
    apply_charge_back(tx, found.id, taken).await
}

/// A chargeback that came too early: it is applied once its payment has ended.
pub async fn retry_charge_back(app: &App, row: &DueRow) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("chargeback {:?}", row.subject));
    let [id, place, invoices, surplus] = row.subject.split('/').collect::<Vec<_>>()[..] else {
        return Err(fault());
    };
    let id = names::uuid(id).ok_or_else(fault)?;
    let (place, invoices, surplus) = (place.parse(), invoices.parse(), surplus.parse());
    let (Ok(place), Ok(invoices), Ok(surplus)) = (place, invoices, surplus) else {
        return Err(fault());
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let Some(found) = payments::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    if found.state == PaymentState::Processing {
        schedule(&tx, JOB, &row.subject, tx.now() + PAUSE).await?;
        return tx.commit_rows().await;
    }
    let money = |micros| Money::from_micros(found.currency, micros);
    apply_charge_back(
        &mut tx,
        found.id,
        Taken { place, from_invoices: money(invoices), from_surplus: money(surplus) },
    )
    .await?;
    tx.commit_rows().await
}

async fn apply_charge_back(
    tx: &mut WriteTx,
    id: Id<Payment>,
    taken: Taken,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("payment {id}"));
    let found = payments::find(tx.conn(), &tenant, id).await?.ok_or_else(fault)?;
    let ids: Vec<_> = found.allocations.iter().map(|allocation| allocation.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &tenant, &ids).await?;
    // As it is under the locks of its invoices.
    let mut payment = payments::find(tx.conn(), &tenant, id).await?.ok_or_else(fault)?;
    let (now, zone) = (tx.now(), tx.time().zone);
    let from = now + TimeDelta::days(1);
    if payment.charged_back(taken, &mut owned, from, now)?.is_some() {
        for invoice in &mut owned {
            invoice.collect_again(zone, from, now);
        }
        schedule_collections(tx, &owned).await?;
        publish_payment(tx, &mut payment, &mut owned).await?;
    }
    Ok(())
}
