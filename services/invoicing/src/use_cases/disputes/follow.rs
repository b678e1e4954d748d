//! Takes in disputes of the wallet. An event carries the whole dispute, so each step is taken once,
//! in its order, whatever comes twice or late: first what was taken back is open again, then the
//! decision.

use super::{payment, top_up};
use crate::{
    app::App,
    store::disputes,
    use_cases::{
        mails::dispute_notices::{DisputeNotice, Item, Notice, mail_dispute},
        statements::note_taken_back::note_taken_back,
    },
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    kill, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::{
    Customer,
    chargeback::Reversed,
    dispute::{Applied, Dispute},
    statement::TakenFor,
};
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1::{Dispute as DisputeMessage, DisputeChanged, dispute::State};
use prost::Message;

/// Takes a dispute in whose payment was under way, or that came before the end of the one before;
/// the subject is the dispute's id.
pub const JOB: &str = "take_dispute";

/// How often it is looked whether a payment has ended.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// A dispute of the wallet, as its newest event says.
pub(super) struct DisputeEvent {
    pub(super) id: Id<Dispute>,
    customer: Id<Customer>,
    pub(super) event: DisputeChanged,
    pub(super) dispute: DisputeMessage,
    pub(super) amount: Money,
    pub(super) credit: Money,
    pub(super) tax: Money,
    pub(super) from_invoices: Money,
    pub(super) from_surplus: Money,
}

impl DisputeEvent {
    /// What is mailed of it.
    pub(super) fn notice(&self, notice: Notice, charged: Money, items: Vec<Item>) -> DisputeNotice {
        DisputeNotice {
            notice,
            charged,
            owed: self.event.owed.as_ref().and_then(money_of),
            paid_owed: self.event.paid_owed.as_ref().and_then(money_of),
            paid_otherwise: None,
            recharge_from: self.event.recharge_paused_until_time.as_ref().and_then(instant_of),
            customer: self.customer,
            id: self.id.uuid(),
            dispute: self.dispute.clone(),
            provider_charge_id: self.event.provider_charge_id.clone(),
            amount: self.amount,
            credit: self.credit,
            tax: self.tax,
            usable_until: None,
            numbers: Vec::new(),
            reason: self.dispute.provider_reason.clone(),
            by_bank: self.dispute.r#final,
            evidence_due: self.dispute.evidence_due_date.as_ref().and_then(date_of),
            method: self.event.payment_method.clone(),
            collection_method: self.event.collection_method.clone(),
            items,
            attachments: Vec::new(),
        }
    }

    fn of(event: DisputeChanged) -> Result<(Self, Dispute), AppError> {
        let dispute = event.dispute.clone().unwrap_or_default();
        let fault = || AppError::Fault(format!("the dispute {:?}", dispute.name));
        let name = names::parse(&dispute.name, &["customers", "disputes"]).ok_or_else(fault)?;
        let money = |part: &Option<_>| part.as_ref().and_then(money_of).ok_or_else(fault);
        let (id, customer, bytes) =
            (Id::from_uuid(name.id(1)), Id::from_uuid(name.id(0)), event.encode_to_vec());
        let dispute_event = Self {
            id,
            customer,
            amount: money(&dispute.amount)?,
            credit: money(&dispute.from_credit)?,
            tax: money(&dispute.from_tax)?,
            from_invoices: money(&dispute.from_invoices)?,
            from_surplus: money(&dispute.from_surplus)?,
            dispute,
            event,
        };
        Ok((
            dispute_event,
            Dispute {
                id,
                customer,
                applied: Applied::Nothing,
                reversed: Reversed::default(),
                event: bytes,
            },
        ))
    }
}

/// Takes an event in.
///
/// # Errors
/// `Fault` for what no wallet can have told.
pub async fn follow_dispute(tx: &mut WriteTx, event: DisputeChanged) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let (mut dispute_event, new) = DisputeEvent::of(event)?;
    let mut dispute =
        disputes::lock(tx.conn(), &tenant, new.id).await?.unwrap_or_else(|| new.clone());
    let (known, _) = DisputeEvent::of(DisputeChanged::decode(dispute.event.as_slice())?)?;
    if is_contradicted(&dispute_event.dispute) && !is_contradicted(&known.dispute) {
        mail_dispute(
            tx,
            dispute_event.notice(Notice::Contradicted, dispute_event.amount, Vec::new()),
        )
        .await?;
    }
    // What is decided stays decided, even where an older event comes again.
    if dispute_event.dispute.state() == State::Open && known.dispute.state() != State::Open {
        dispute_event = known;
    } else {
        dispute.event = new.event;
    }
    take_in(tx, &mut dispute, &dispute_event).await
}

/// Whether the provider has decided otherwise than a person had.
fn is_contradicted(dispute: &DisputeMessage) -> bool {
    let state = dispute.provider_outcome();
    state != State::Unspecified && state != dispute.state()
}

/// Takes in what waited.
pub async fn retry_dispute(app: &App, row: &DueRow) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("dispute {:?}", row.subject));
    let id = names::uuid(&row.subject).ok_or_else(fault)?;
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let Some(mut dispute) = disputes::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let (dispute_event, _) = DisputeEvent::of(DisputeChanged::decode(dispute.event.as_slice())?)?;
    take_in(&mut tx, &mut dispute, &dispute_event).await?;
    tx.commit_rows().await
}

async fn take_in(
    tx: &mut WriteTx,
    dispute: &mut Dispute,
    dispute_event: &DisputeEvent,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let before = dispute.applied;
    if dispute.applied != Applied::Ended {
        let is_known = if dispute_event.dispute.payment.is_empty() {
            Box::pin(top_up::take_in(tx, dispute, dispute_event)).await?
        } else {
            Box::pin(payment::take_in(tx, dispute, dispute_event)).await?
        };
        if !is_known {
            return Ok(());
        }
        if dispute.applied == Applied::Nothing {
            schedule(tx, JOB, &dispute.id.to_string(), tx.now() + PAUSE).await?;
        }
    }
    note(tx, before, dispute, dispute_event).await?;
    disputes::save(tx.conn(), &tenant, dispute, dispute_event.amount.currency()).await?;
    kill::point("dispute.before_taken_in");
    Ok(())
}

/// What was taken back, or is there again, stands on the statement of its month.
async fn note(
    tx: &WriteTx,
    before: Applied,
    dispute: &Dispute,
    dispute_event: &DisputeEvent,
) -> Result<(), AppError> {
    let (id, customer) = (dispute.id.uuid(), dispute.customer);
    if before == Applied::Nothing && dispute.applied != Applied::Nothing {
        let why = if dispute_event.dispute.r#final { TakenFor::Return } else { TakenFor::Dispute };
        note_taken_back(tx, id, customer, why, dispute_event.amount).await?;
    }
    if before != Applied::Ended
        && dispute.applied == Applied::Ended
        && dispute_event.dispute.state() == State::Won
    {
        note_taken_back(tx, id, customer, TakenFor::DisputeWon, dispute_event.amount).await?;
    }
    Ok(())
}
