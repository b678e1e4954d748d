//! Pays invoices: a flow over the wallet.
//!
//! Intent, reservation and lease in one transaction; then credit is held, cards are charged in order
//! (the first charge that succeeds is the point of no return), then all is settled in the wallet, then
//! recorded here. Each step has a request id of its own, so that whoever drives takes it once.

use super::{
    collect_invoice, notices, pay_later, payment_means,
    payment_steps::{Charged, Wallet},
};
use crate::{
    App,
    commands::payments::ToPay,
    jobs, messages,
    store::{invoices, payments, tenants},
};
use chrono::TimeDelta;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    error::not_yet,
    flow::{self, Lease},
    jobs::{DueRow, schedule, take},
    kill, names,
};
use payterms_invoicing_domain::{
    Invoice, InvoiceState, Payment, PaymentState, TenderState, announced,
    payment::{self, Asked, Source},
};
use payterms_kernel::{Id, Money, Refusal, Violation, calendar::day_in};
use payterms_proto::{
    invoicing::v1::{
        ApplyCreditResponse, CreatePaymentResponse, PayLaterResponse, Payment as PaymentMessage, PaymentChanged, QuotePaymentResponse,
    },
    wallet::v1::GetPaymentMeansResponse,
};
use prost::Message;
use std::time::Duration;

/// The kind of flow.
pub const FLOW: &str = "payment";

/// How often it is looked whether a payment's driver has gone, before a due row waits for another turn.
const PATIENCE: u32 = 40;

/// The answers of the two verbs have the same shape: one field, the payment.
pub trait PaymentAnswer: Message + Default {
    /// The answer that holds a payment.
    fn of(payment: PaymentMessage) -> Self;
}

impl PaymentAnswer for CreatePaymentResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

impl PaymentAnswer for PayLaterResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

impl PaymentAnswer for ApplyCreditResponse {
    fn of(payment: PaymentMessage) -> Self {
        Self { payment: Some(payment) }
    }
}

/// Runs the verb.
///
/// # Errors
/// Those of [`payment::ask`], `INSUFFICIENT_FUNDS`, `RESOURCE_NOT_FOUND`.
pub async fn run<A: PaymentAnswer>(app: &App, call: &Call, to_pay: &ToPay) -> Result<Answer<A>, AppError> {
    if app.flows.knows(call).await? {
        let mut tx = app.db.begin_forward(call).await?;
        tx.seen().await?;
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let means = payment_means::of_wallet(app, to_pay).await?;
    let line = pay_later::means(app, to_pay, &means).await?;
    let mut tx = app.db.begin(call).await?;
    let mut owned = lock(&tx, to_pay).await?;
    // Before the payment is planned: one of the same id may have reserved what it asks for.
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let mut payment = plan(&mut tx, to_pay, &means, &mut owned).await?;
    payment_means::must_have_credit(&payment, &means)?;
    pay_later::must_have_line(&payment, line.as_ref())?;
    let lease = app.flows.open(&tx, FLOW, payment.id.uuid()).await?;
    if payment.is_announced() {
        let until = tx.now() + TimeDelta::days(announced::DAYS);
        schedule(&tx, jobs::LAPSE_TRANSFER, &payment.id.to_string(), until).await?;
    }
    publish(&mut tx, &mut payment, &mut owned).await?;
    kill::point("payment.before_intent");
    tx.commit_intent(payment.id.uuid()).await?;
    kill::point("payment.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// What the payment would be, without any effect.
///
/// # Errors
/// Those of [`run`].
pub async fn quote(app: &App, to_pay: &ToPay) -> Result<QuotePaymentResponse, AppError> {
    let means = payment_means::of_wallet(app, to_pay).await?;
    let line = pay_later::means(app, to_pay, &means).await?;
    let call = Call::own("invoicing", &to_pay.tenant, "quote", uuid::Uuid::from_bytes(rand::random()), None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut owned = lock(&tx, to_pay).await?;
    let payment = plan(&mut tx, to_pay, &means, &mut owned).await?;
    drop(tx);
    payment_means::must_have_credit(&payment, &means)?;
    pay_later::must_have_line(&payment, line.as_ref())?;
    let available_credit = if payment.taxed { means.available_for_taxed } else { means.available };
    let shown = PaymentMessage { name: String::new(), ..messages::payments::payment(&to_pay.tenant, &payment) };
    Ok(QuotePaymentResponse { payment: Some(shown), available_credit })
}

/// Locks the invoices that are to be paid.
async fn lock(tx: &WriteTx, to_pay: &ToPay) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<_> = to_pay.invoices.iter().map(|(id, _)| *id).collect();
    match to_pay.currency {
        Some(currency) => invoices::lock_open(tx.conn(), &to_pay.tenant, to_pay.customer, currency).await,
        None => invoices::lock_many(tx.conn(), &to_pay.tenant, &ids).await,
    }
}

/// Plans the payment on its locked invoices.
async fn plan(tx: &mut WriteTx, to_pay: &ToPay, means: &GetPaymentMeansResponse, owned: &mut [Invoice]) -> Result<Payment, AppError> {
    let tenant = tenants::find(tx.conn(), &to_pay.tenant).await?.ok_or_else(Refusal::not_found)?;
    let foreign = |invoice: &Invoice| invoice.customer != to_pay.customer;
    let unseen = |invoice: &Invoice| to_pay.as_customer && (invoice.state == InvoiceState::Draft || tenant.invoices_hidden);
    if owned.len() < to_pay.invoices.len() || owned.iter().any(|invoice| foreign(invoice) || unseen(invoice)) {
        return Err(Refusal::not_found().into());
    }
    let tenders = to_pay.tenders.iter().map(|(source, amount)| Ok((payment_means::source_of(*source, means)?, *amount)));
    let tenders: Vec<(Source, Option<Money>)> = tenders.collect::<Result<_, AppError>>()?;
    let twice = |own: &(Source, Option<Money>)| tenders.iter().filter(|other| other.0 == own.0).count() > 1;
    if tenders.iter().any(twice) {
        let description = "Name each source once; an empty method is the purchase default.".to_owned();
        return Err(Refusal::invalid(vec![Violation { field: "tenders".into(), reason: "DUPLICATE_ITEM", description }]).into());
    }
    let now = tx.now();
    let deferred_on = Some(day_in(tx.time().zone, now));
    let asked = Asked { invoices: to_pay.invoices.clone(), tenders, surplus_allowed: !tenant.overpayment_refused, deferred_on };
    Ok(payment::ask(tx.ids(), to_pay.customer, owned, &asked, now)?)
}

/// Saves a payment with its invoices, and tells of all.
pub(super) async fn publish(tx: &mut WriteTx, payment: &mut Payment, owned: &mut Vec<Invoice>) -> Result<PaymentMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    owned.retain(|invoice| payment.allocations.iter().any(|own| own.invoice == invoice.id));
    payments::save(tx.conn(), &tenant, payment).await?;
    for invoice in owned.iter() {
        super::finalize_invoice::publish(tx, invoice).await?;
    }
    let rendered = messages::payments::payment(&tenant, payment);
    tx.emit("payment", &payment.id.to_string(), &PaymentChanged { payment: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = payments::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(mut payment) = found else { return Ok(()) };
    let ended = payment.state != PaymentState::Processing || take_steps(app, lease, &mut payment).await?;
    kill::point("payment.before_record");
    record(app, lease, &payment, ended).await?;
    kill::point("payment.after_record");
    Ok(())
}

/// Takes all steps in the wallet; false while a card takes its time.
async fn take_steps(app: &App, lease: &Lease, payment: &mut Payment) -> Result<bool, AppError> {
    let wallet = Wallet::new(app, &lease.tenant, payment.customer).of(payment);
    let (credit, bought) = (payment.credit()?, payment.bought);
    let mut failed = false;
    if let Some(amount) = credit {
        if let Err(reason) = wallet.hold(amount, payment.taxed).await? {
            mark_credit(payment, &TenderState::Failed(reason));
            failed = true;
        }
        kill::point("payment.after_hold");
    }
    if !failed {
        failed = !pay_later::reserve(app, &lease.tenant, payment).await?;
    }
    for place in 0..payment.tenders.len() {
        let Some(tender) = payment.tenders.get_mut(place) else { break };
        let method = match tender.source {
            Source::Credit | Source::Outside | Source::Line(_) => continue,
            // It has arrived: there is nothing that could fail.
            Source::Transfer(_) => {
                wallet.record_transfer(tender.amount, bought).await?;
                tender.state = TenderState::Succeeded;
                kill::point("payment.after_transfer");
                continue;
            }
            Source::Card(method) | Source::BankDebit(method) => Some(method),
            Source::Collection => None,
            // It waits for its line, which becomes the tender's source.
            Source::Announced => return Ok(false),
        };
        let debit = matches!(tender.source, Source::BankDebit(_));
        if failed {
            tender.state = TenderState::Released;
            continue;
        }
        match wallet.charge(place, method, tender.amount).await? {
            Charged::Succeeded => tender.state = TenderState::Succeeded,
            Charged::Waits => return Ok(false),
            Charged::Failed(reason) => {
                tender.state = TenderState::Failed(reason);
                // A bank account is no part of all or nothing.
                failed |= !debit;
            }
        }
        kill::point("payment.after_charge");
    }
    if failed {
        pay_later::give_back(app, &lease.tenant, payment).await?;
    }
    if failed && credit.is_some() {
        wallet.release(payment.currency).await?;
        kill::point("payment.after_release");
        if payment.tenders.iter().any(|tender| tender.source == Source::Credit && tender.state == TenderState::Processing) {
            mark_credit(payment, &TenderState::Released);
        }
    } else if !failed {
        mark_credit(payment, &TenderState::Succeeded);
    }
    let surplus = payment.charged_beyond()?;
    if (credit.is_some() && !failed) || surplus.is_some() {
        wallet.settle(payment.currency, credit.is_some() && !failed, surplus).await?;
        kill::point("payment.after_settle");
    }
    if !failed {
        pay_later::draw(app, &lease.tenant, payment).await?;
    }
    Ok(true)
}

fn mark_credit(payment: &mut Payment, state: &TenderState) {
    for tender in payment.tenders.iter_mut().filter(|tender| tender.source == Source::Credit) {
        tender.state = state.clone();
    }
}

/// Records what became of a payment; one that waits for a card answers so, and is driven again later.
async fn record(app: &App, lease: &Lease, driven: &Payment, ended: bool) -> Result<(), AppError> {
    let call = Call::own("invoicing", &lease.tenant, "payment_ended", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let ids: Vec<_> = driven.allocations.iter().map(|own| own.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &lease.tenant, &ids).await?;
    flow::hold(&tx, lease).await?;
    let found = payments::find(tx.conn(), &lease.tenant, driven.id).await?;
    let mut payment = found.ok_or_else(|| AppError::Fault(format!("no payment {}", driven.id)))?;
    let now = tx.now();
    let rendered = if ended && payment.state == PaymentState::Processing {
        payment.tenders.clone_from(&driven.tenders);
        payment.deferred.clone_from(&driven.deferred);
        payment.close(&mut owned, now)?;
        if !payment.deferred.is_empty() {
            collect_invoice::schedule_next(&tx, &owned).await?;
        }
        if payment.automatic && payment.owner.is_empty() {
            collect_invoice::schedule_next(&tx, &owned).await?;
            if let Some(invoice) = owned.first() {
                notices::collection_ended(&mut tx, invoice).await?;
            }
        }
        publish(&mut tx, &mut payment, &mut owned).await?
    } else {
        messages::payments::payment(&lease.tenant, &payment)
    };
    // Both verbs answer with one field of the same number: their bytes are the same.
    tx.answer_intent(lease.intent, &CreatePaymentResponse::of(rendered)).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}

/// Goes on with a payment after its card has taken its time.
///
/// # Errors
/// The database's; while the payment's driver is still about, the row stays due.
pub async fn go_on(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("payment {:?}", row.subject))) };
    let call = row.call("invoicing", id);
    // The news may come before the driver has recorded that the payment waits.
    for _ in 0..PATIENCE {
        let tx = app.db.begin_forward(&call).await?;
        if !app.flows.is_open(&tx, FLOW, id).await? {
            break;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tx = app.db.begin_forward(&call).await?;
    let Some(payment) = payments::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else { return Ok(()) };
    if app.flows.is_open(&tx, FLOW, id).await? {
        return Err(not_yet("UNAVAILABLE", "The payment's driver is still at work."));
    }
    if !take(&tx, row).await? {
        return Ok(());
    }
    let lease = match payment.state {
        PaymentState::Processing => Some(app.flows.open(&tx, FLOW, id).await?),
        _ => None,
    };
    tx.commit_rows().await?;
    if let Some(lease) = lease {
        app.flows.spawn(lease);
    }
    Ok(())
}

/// The event of a charge that ended while its payment waited.
///
/// # Errors
/// The database's.
pub async fn charge_ended(tx: &WriteTx, payment: &str) -> Result<(), AppError> {
    let id = payment.rsplit('/').next().and_then(names::uuid).ok_or_else(|| AppError::Fault(format!("payment {payment:?}")))?;
    let found = payments::find(tx.conn(), &tx.call().tenant, Id::from_uuid(id)).await?;
    if found.is_some_and(|payment| payment.state == PaymentState::Processing) {
        payterms_chassis::jobs::schedule_once(tx, jobs::GO_ON_WITH_PAYMENT, &id.to_string(), tx.now()).await?;
    }
    Ok(())
}
