//! Drives a payment: a flow over the wallet.
//!
//! Intent, reservation and lease in one transaction; then credit is held, cards are charged in
//! order (the first charge that succeeds is the point of no return), then all is settled in the
//! wallet, then recorded here. Each step has a request id of its own, so that whoever drives takes
//! it once.

use super::{
    confirm::{Credited, confirm_payment},
    save::publish_payment,
};
use crate::{
    app::App,
    messages,
    peers::wallet::{Wallet, charges::Charged},
    store::{invoices, payments},
    use_cases::{
        collections::schedule::schedule_collections,
        deferrals::draw::{draw_on_line, release_line, reserve_on_line},
        mails::collection_notices::mail_collection_ended,
    },
};
use payterms_chassis::{
    AppError, Call,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{Payment, PaymentState, Tender, TenderState, payment::Source};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::CreatePaymentResponse;

/// The kind of flow.
pub const FLOW: &str = "payment";

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive_payment(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = payments::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(mut payment) = found else { return Ok(()) };
    let processing = payment.state == PaymentState::Processing;
    let step = if processing {
        take_steps(app, lease, &mut payment).await?
    } else {
        Steps::Ended(Credited::default())
    };
    kill::point("payment.before_record");
    record_payment(app, lease, &payment, step).await?;
    kill::point("payment.after_record");
    Ok(())
}

/// How far the steps of a payment have come.
enum Steps {
    /// All are taken, and have made this credit.
    Ended(Credited),
    /// A card takes its time, or a transfer is awaited.
    Waits,
}

/// Takes all steps in the wallet. A repeated step returns its first answer, so any driver learns
/// the credit that it created.
async fn take_steps(app: &App, lease: &Lease, payment: &mut Payment) -> Result<Steps, AppError> {
    let mut credited = Credited::default();
    let wallet = Wallet::new(app, &lease.tenant, payment.customer).of(payment);
    let (credit, bought) = (payment.credit()?, payment.bought);
    let mut failed = false;
    if let Some(amount) = credit {
        if let Some(reason) = wallet.hold(amount, payment.taxed).await?.refused_for() {
            mark_credit(payment, &TenderState::Failed(reason));
            failed = true;
        }
        kill::point("payment.after_hold");
    }
    if !failed {
        failed = !reserve_on_line(app, &lease.tenant, payment).await?;
    }
    for place in 0..payment.tenders.len() {
        let Some(tender) = payment.tenders.get_mut(place) else { break };
        let method = match tender.source {
            Source::Credit | Source::Outside | Source::Line(_) => continue,
            // The transfer has already arrived, so this step cannot be refused.
            Source::Transfer(_) => {
                credited.bought = wallet.record_transfer(tender.amount, bought).await?;
                tender.state = TenderState::Succeeded;
                kill::point("payment.after_transfer");
                continue;
            }
            Source::Card(method) | Source::BankDebit(method) => Some(method),
            Source::Collection(_) => None,
            // It waits for its line, which becomes the tender's source.
            Source::Announced => return Ok(Steps::Waits),
        };
        let debit = matches!(tender.source, Source::BankDebit(_));
        if failed {
            tender.state = TenderState::Released;
            continue;
        }
        match wallet.charge(place, method, tender.amount).await? {
            Charged::Succeeded => tender.state = TenderState::Succeeded,
            Charged::Waits => return Ok(Steps::Waits),
            Charged::Failed(reason, method) => {
                tender.state = TenderState::Failed(reason);
                if matches!(tender.source, Source::Collection(_)) {
                    tender.source = Source::Collection(method);
                }
                // A failed bank debit does not fail the other tenders.
                failed |= !debit;
            }
        }
        kill::point("payment.after_charge");
    }
    if failed {
        release_line(app, &lease.tenant, payment).await?;
    }
    if failed && credit.is_some() {
        wallet.release(payment.currency).await?;
        kill::point("payment.after_release");
        if payment.tenders.iter().any(|tender| {
            tender.source == Source::Credit && tender.state == TenderState::Processing
        }) {
            mark_credit(payment, &TenderState::Released);
        }
    } else if !failed {
        mark_credit(payment, &TenderState::Succeeded);
    }
    let surplus = payment.charged_beyond()?;
    if (credit.is_some() && !failed) || surplus.is_some() {
        credited.surplus =
            wallet.settle(payment.currency, credit.is_some() && !failed, surplus).await?;
        kill::point("payment.after_settle");
    }
    if !failed {
        draw_on_line(app, &lease.tenant, payment).await?;
    }
    Ok(Steps::Ended(credited))
}

fn mark_credit(payment: &mut Payment, state: &TenderState) {
    for tender in payment.tenders.iter_mut().filter(|tender| tender.source == Source::Credit) {
        tender.state = state.clone();
    }
}

/// Records what became of a payment; one that waits for a card answers so, and is driven again
/// later.
async fn record_payment(
    app: &App,
    lease: &Lease,
    driven: &Payment,
    steps: Steps,
) -> Result<(), AppError> {
    let call = Call::internal("invoicing", &lease.tenant, "payment_ended", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let ids: Vec<_> = driven.allocations.iter().map(|allocation| allocation.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &lease.tenant, &ids).await?;
    flow::hold(&tx, lease).await?;
    let found = payments::find(tx.conn(), &lease.tenant, driven.id).await?;
    let mut payment = found.ok_or_else(|| AppError::Fault(format!("no payment {}", driven.id)))?;
    let now = tx.now();
    let rendered = if let Steps::Ended(credited) = steps
        && payment.state == PaymentState::Processing
    {
        payment.tenders.clone_from(&driven.tenders);
        payment.deferred.clone_from(&driven.deferred);
        payment.took_effect(tx.today());
        payment.close(&mut owned, now)?;
        schedule_collections(&tx, &owned).await?;
        if let Some(invoice) =
            owned.first().filter(|_| payment.automatic && payment.owner.is_empty())
        {
            let declined = payment.tenders.iter().find_map(Tender::declined);
            mail_collection_ended(&mut tx, invoice, declined).await?;
        }
        let rendered = publish_payment(&mut tx, &mut payment, &mut owned).await?;
        confirm_payment(&mut tx, &payment, &owned, credited).await?;
        rendered
    } else {
        messages::payments::payment(&lease.tenant, &payment)
    };
    // All verbs answer with one field of the same number: their bytes are the same.
    tx.answer_intent(lease.intent, &CreatePaymentResponse { payment: Some(rendered) }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}
