//! Collects for the owner of a block, such as an active plan: a payment from the collection method
//! over several invoices, at most what is payable. The flow is that of any payment.

use crate::{
    app::App,
    commands::collections::CollectForOwner,
    peers::wallet::Wallet,
    store::invoices,
    use_cases::payments::{drive, save::publish_payment},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{Answer, AppError, Call, kill, render::timestamp};
use payterms_invoicing_domain::{
    Invoice, InvoiceState,
    collection::NOTICE_DAYS,
    payment::{self, PaymentRequest, Source},
};
use payterms_kernel::{Money, Reason, Refusal};
use payterms_proto::{
    invoicing::peers::v1::CollectForOwnerResponse,
    wallet::v1::{PaymentMethod, payment_method::Kind},
};

/// Begins a payment of what is payable of an owner's invoices.
///
/// # Errors
/// `INVOICE_BLOCKED` by another, `COLLECTION_WAITS`, `NOTHING_PAYABLE`, `TRANSFER_ONLY`,
/// `DEBIT_NOTICE_REQUIRED`, `RESOURCE_NOT_FOUND`.
pub async fn collect_for_owner(
    app: &App,
    call: &Call,
    collect: &CollectForOwner,
) -> Result<Answer<CollectForOwnerResponse>, AppError> {
    if app.flows.knows(call).await? {
        let mut tx = app.db.begin_forward(call).await?;
        tx.seen().await?;
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let means =
        Wallet::new(app, &call.tenant, collect.customer).means(collect.amount.currency()).await?;
    let mut tx = app.db.begin_forward(call).await?;
    let mut owned = invoices::lock_many(tx.conn(), &call.tenant, &collect.invoices).await?;
    if owned.len() < collect.invoices.len()
        || owned.iter().any(|invoice| invoice.customer != collect.customer)
    {
        return Err(Refusal::not_found().into());
    }
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let now = tx.now();
    if !means.collection_waits_for.is_empty() {
        return Err(waits_for_dispute(&means.collection_waits_for).into());
    }
    must_be_notified(&means.payment_methods, collect.notified_at, now)?;
    let request = payable_for_owner(&owned, collect)?;
    owned.retain(|invoice| request.invoices.iter().any(|(id, _)| *id == invoice.id));
    let mut payment = payment::ask(tx.ids(), collect.customer, &mut owned, &request, now)?;
    payment.automatic = true;
    payment.owner.clone_from(&collect.owner);
    payment.reference.clone_from(&collect.reference);
    let lease = app.flows.open(&tx, drive::FLOW, payment.id.uuid()).await?;
    publish_payment(&mut tx, &mut payment, &mut owned).await?;
    tx.commit_intent(payment.id.uuid()).await?;
    kill::point("owners_collection.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// The refusal while a dispute has taken the only method.
fn waits_for_dispute(dispute: &str) -> Refusal {
    let message = "A charge of the only payment method that could be charged is disputed. Nothing is collected before that is decided, or another \
                   collection method is chosen.";
    Refusal::precondition(Reason::COLLECTION_WAITS, message).with("dispute", dispute)
}

/// The invoices of which something is payable, and what is collected of them.
fn payable_for_owner(
    owned: &[Invoice],
    collect: &CollectForOwner,
) -> Result<PaymentRequest, AppError> {
    let (mut invoices, mut sum) = (Vec::new(), Money::zero(collect.amount.currency()));
    for invoice in owned.iter().filter(|invoice| invoice.state == InvoiceState::Open) {
        // Without its block the owner has nothing to collect here any more.
        let Some(block) = &invoice.block else { continue };
        if !invoice.disputed_by.is_empty() {
            continue;
        }
        if block.owner != collect.owner {
            invoice.must_not_be_blocked()?;
        }
        let payable = invoice.payable()?;
        if payable.is_positive() {
            invoices.push((invoice.id, None));
            sum = sum.plus(payable)?;
        }
    }
    // What falls due later is left alone: payments under way pay what is due first.
    let due = collect.later.map_or(Ok(sum), |later| sum.minus(later.min(sum)?))?;
    if !due.is_positive() {
        let message =
            "Nothing of these invoices can be paid now: they are paid, or a payment is under way.";
        return Err(Refusal::precondition(Reason::NOTHING_PAYABLE, message).into());
    }
    let amount = collect.amount.min(due)?;
    Ok(PaymentRequest {
        invoices,
        tenders: vec![(Source::Collection(None), Some(amount))],
        surplus_allowed: false,
        deferred_on: None,
    })
}

/// A bank account is debited when the customer was told long enough ahead.
fn must_be_notified(
    methods: &[PaymentMethod],
    notified_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let from = notified_at.unwrap_or(now) + TimeDelta::days(NOTICE_DAYS);
    if from <= now
        || !methods.iter().any(|payment_method| {
            payment_method.collection_method && payment_method.kind() == Kind::BankDebit
        })
    {
        return Ok(());
    }
    let message = format!(
        "A bank account is debited {NOTICE_DAYS} days after the notice at the earliest: from {from}."
    );
    Err(Refusal::precondition(Reason::DEBIT_NOTICE_REQUIRED, message)
        .with("from", timestamp(from).seconds)
        .into())
}
