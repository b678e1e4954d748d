//! The dispute of a payment: its invoices are open and blocked; then the payment stands again, or
//! what is open is collected after notice.

use super::follow::DisputeEvent;
use crate::{
    peers::wallet::charges::charge_id,
    store::{disputes, invoices, payments},
    use_cases::{
        collections::schedule::schedule_collections,
        mails::dispute_notices::{DisputeNotice, Item, Notice, mail_dispute},
        payments::{resume::enqueue_resume, save::publish_payment},
        plans::outlook::plan_part_of,
        refunds::{drive, save::publish_refund},
    },
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx, flow, names, render::money_of};
use payterms_invoicing_domain::{
    Invoice, InvoiceState, Payment, PaymentState,
    chargeback::Taken,
    dispute::{Applied, Dispute, NOTICE},
};
use payterms_kernel::{
    Id, Money,
    calendar::{day_in, start_of_day},
};
use payterms_proto::wallet::v1::{DisputeChanged, dispute::State};
use prost::Message;

/// Takes in as much of a dispute as can be. False where its payment is not known, so that there is
/// nothing to take in.
pub(super) async fn take_in(
    tx: &mut WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
) -> Result<bool, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("the dispute of {:?}", dispute_event.dispute.payment));
    let id = dispute_event
        .dispute
        .payment
        .rsplit('/')
        .next()
        .and_then(names::uuid)
        .map(Id::from_uuid)
        .ok_or_else(fault)?;
    let Some(found) = payments::find(tx.conn(), &tenant, id).await? else { return Ok(false) };
    let place = (0..found.tenders.len())
        .find(|place| charge_id(&found, *place) == dispute_event.event.charge_request_id)
        .ok_or_else(fault)?;
    if found.state == PaymentState::Processing {
        // The charge's success may have been missed: whoever waits for it goes on.
        enqueue_resume(tx, &dispute_event.dispute.payment).await?;
        return Ok(true);
    }
    let ids: Vec<_> = found.allocations.iter().map(|allocation| allocation.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &tenant, &ids).await?;
    // As it is under the locks of its invoices.
    let mut payment = payments::find(tx.conn(), &tenant, id).await?.ok_or_else(fault)?;
    if dispute.applied == Applied::Opened && dispute_event.dispute.state() == State::Open {
        return Ok(true);
    }
    let charged = payment.tenders.get(place).ok_or_else(fault)?.amount;
    if dispute.applied == Applied::Nothing
        && is_taken_back_by_another(tx, dispute, dispute_event, &payment, place).await?
    {
        return Ok(true);
    }
    if dispute.applied == Applied::Nothing {
        open(tx, dispute, dispute_event, &mut payment, place, &mut owned)?;
        if !dispute_event.dispute.r#final {
            mail_dispute(
                tx,
                dispute_event.notice(
                    Notice::Opened,
                    charged,
                    items(tx, dispute, &owned, None).await?,
                ),
            )
            .await?;
        }
    }
    match dispute_event.dispute.state() {
        State::Won => win(tx, dispute, dispute_event, &mut payment, place, &mut owned).await?,
        State::Lost => lose(tx, dispute, dispute_event, charged, &mut owned).await?,
        State::Open | State::Unspecified => {}
    }
    schedule_collections(tx, &owned).await?;
    publish_payment(tx, &mut payment, &mut owned).await?;
    Ok(true)
}

/// Whether another dispute of the charge is taken in and not ended yet. Of a charge there is one at
/// a time: the end of that one is still to come, and before it there is nothing that this one could
/// take.
async fn is_taken_back_by_another(
    tx: &WriteTx,
    dispute: &Dispute,
    dispute_event: &DisputeEvent,
    payment: &Payment,
    place: usize,
) -> Result<bool, AppError> {
    if payment.tenders.get(place).is_none_or(|tender| tender.charged_back.is_zero()) {
        return Ok(false);
    }
    for other in disputes::open_of(tx.conn(), &tx.call().tenant, dispute.customer).await? {
        let event = DisputeChanged::decode(other.event.as_slice())?;
        if other.id != dispute.id
            && event.charge_request_id == dispute_event.event.charge_request_id
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What was taken back is open again, and blocked unless nobody decides it any more.
fn open(
    tx: &WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
    payment: &mut Payment,
    place: usize,
    owned: &mut [Invoice],
) -> Result<(), AppError> {
    let (now, today) = (tx.now(), tx.today());
    let taken = Taken {
        place,
        from_invoices: dispute_event.from_invoices,
        from_surplus: dispute_event.from_surplus,
    };
    dispute.reversed = payment.charged_back(taken, owned, now, now)?.unwrap_or_default();
    dispute.applied = Applied::Opened;
    for invoice in reopened(dispute, owned).filter(|_| !dispute_event.dispute.r#final) {
        invoice.dispute_opened(&dispute_event.dispute.name, today, now);
    }
    Ok(())
}

/// The invoices that are open because of the dispute.
fn reopened<'a>(
    dispute: &'a Dispute,
    owned: &'a mut [Invoice],
) -> impl Iterator<Item = &'a mut Invoice> {
    owned
        .iter_mut()
        .filter(|each| dispute.reversed.parts.iter().any(|(invoice, _)| *invoice == each.id))
}

/// What there is to tell of them; where the dispute is lost, also what follows from the day by
/// which their customer knows.
async fn items(
    tx: &WriteTx,
    dispute: &Dispute,
    owned: &[Invoice],
    known_by: Option<NaiveDate>,
) -> Result<Vec<Item>, AppError> {
    let (zone, today) = (tx.time().zone, tx.today());
    let mut items = Vec::new();
    for (id, again) in &dispute.reversed.parts {
        let Some(invoice) = owned.iter().find(|invoice| invoice.id == *id) else { continue };
        let Some(issue) = &invoice.issue else { continue };
        let open = if invoice.state == InvoiceState::Open { Some(invoice.open()?) } else { None };
        let again = open.map_or(Ok(*again), |open| again.min(open))?;
        let plan = if open.is_some() {
            plan_part_of(tx.conn(), &tx.call().tenant, invoice, owned).await?
        } else {
            None
        };
        let mut item = Item {
            number: issue.number.clone(),
            again,
            open,
            collected_on: None,
            pay_by: None,
            plan,
        };
        match (known_by.filter(|_| open.is_some()), &item.plan) {
            (Some(day), Some(plan)) => {
                let due = plan.next.map_or(day, |next| next.due);
                item.collected_on = Some(due.max(day)).filter(|_| plan.automatic);
                item.pay_by =
                    Some(due.max(day.pred_opt().unwrap_or(day))).filter(|_| !plan.automatic);
            }
            (Some(_), None) => {
                item.collected_on = invoice
                    .collection
                    .next_at
                    .filter(|_| invoice.block.is_none())
                    .map(|at| day_in(zone, at));
                item.pay_by =
                    Some(issue.due_date).filter(|due| *due >= today && item.collected_on.is_none());
            }
            (None, _) => {}
        }
        items.push(item);
    }
    Ok(items)
}

/// Lifts the block of the dispute from its invoices, or hands it on to another dispute that is open
/// over them.
async fn lift_blocks(
    tx: &WriteTx,
    dispute: &Dispute,
    dispute_event: &DisputeEvent,
    owned: &mut [Invoice],
) -> Result<(), AppError> {
    let (now, today) = (tx.now(), tx.today());
    let others = disputes::open_of(tx.conn(), &tx.call().tenant, dispute.customer).await?;
    let prefix = dispute_event
        .dispute
        .name
        .rsplit_once('/')
        .map(|(prefix, _)| prefix.to_owned())
        .unwrap_or_default();
    for invoice in reopened(dispute, owned) {
        let is_over = |other: &&Dispute| {
            other.id != dispute.id && other.reversed.parts.iter().any(|(id, _)| *id == invoice.id)
        };
        let next = others.iter().find(is_over).map(|other| format!("{prefix}/{}", other.id));
        invoice.dispute_ended(&dispute_event.dispute.name, next.as_deref(), today, now)?;
    }
    Ok(())
}

/// The payment stands again; what was paid otherwise meanwhile becomes credit.
async fn win(
    tx: &mut WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
    payment: &mut Payment,
    place: usize,
    owned: &mut [Invoice],
) -> Result<(), AppError> {
    let (now, zone, charged) = (
        tx.now(),
        tx.time().zone,
        payment.tenders.get(place).map_or(dispute_event.amount, |tender| tender.amount),
    );
    let refunds = payment.stand_again(place, &dispute.reversed, owned, tx.ids(), now)?;
    lift_blocks(tx, dispute, dispute_event, owned).await?;
    let from = now + chrono::TimeDelta::days(1);
    for invoice in reopened(dispute, owned) {
        invoice.collect_again(zone, from, now);
    }
    for refund in &refunds {
        publish_refund(tx, refund).await?;
        flow::enqueue(tx, drive::FLOW, refund.id.uuid()).await?;
    }
    dispute.applied = Applied::Ended;
    let notice = dispute_event.notice(Notice::Won, charged, items(tx, dispute, owned, None).await?);
    // What refunds could not move meanwhile is credit now, beside what the charge had bought. What
    // had been paid otherwise meanwhile becomes credit, and whether that pays a debt is known only
    // then.
    let zero = Money::zero(dispute_event.amount.currency());
    let unmoved =
        dispute_event.dispute.refunds_credited.as_ref().and_then(money_of).unwrap_or(zero);
    let paid_otherwise = refunds.iter().try_fold(zero, |sum, refund| sum.plus(refund.amount))?;
    let credit = notice.credit.plus(unmoved)?;
    mail_dispute(
        tx,
        DisputeNotice {
            credit,
            paid_otherwise: Some(paid_otherwise).filter(|sum| sum.is_positive()),
            ..notice
        },
    )
    .await
}

/// What is open is collected on the later of its due date and the second day after the notice, and
/// nothing else follows before that day.
async fn lose(
    tx: &mut WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
    charged: Money,
    owned: &mut [Invoice],
) -> Result<(), AppError> {
    let (now, zone) = (tx.now(), tx.time().zone);
    let day = tx.today().checked_add_days(NOTICE).unwrap_or(NaiveDate::MAX);
    lift_blocks(tx, dispute, dispute_event, owned).await?;
    for invoice in reopened(dispute, owned) {
        invoice.spare_until(day, now);
        invoice.collect_again(zone, start_of_day(zone, day), now);
    }
    dispute.applied = Applied::Ended;
    let items = items(tx, dispute, owned, Some(day)).await?;
    mail_dispute(tx, dispute_event.notice(Notice::Lost, charged, items)).await
}
