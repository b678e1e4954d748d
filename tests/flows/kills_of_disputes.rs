//! Whoever dies while a dispute is taken in: it is taken in once.

use crate::{
    chargebacks::{charges, take_back},
    disputes::{decide, disputed, pay_by, until_invoice},
    invariants,
    mails::mails,
    rig::{self, until},
};
use payterms_proto::{
    invoicing::v1::{MailKind, invoice::State},
    wallet::v1::dispute,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    for point in [
        "chargeback.before_commit",
        "chargeback.after_commit",
        "dispute.before_taken_in",
        "dispute.before_decision",
        "dispute.after_decision",
    ] {
        Box::pin(killed(point, on_postgres)).await;
    }
}

/// The charge is taken back and the dispute won; whoever dies, the payment stands in the end.
async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    pay_by(&people.admin, &people.customer, &invoice, "").await;
    let simulator = rig.simulator();
    let charge = charges(&simulator).await.remove(0);
    let (at, id) = (simulator.clone(), charge.clone());
    rig.die_at(point, async move {
        take_back(&at, &id).await;
        decide(&at, &id, "won").await;
    })
    .await;
    // Providers tell again what was not taken in, in whatever order.
    decide(&simulator, &charge, "won").await;
    take_back(&simulator, &charge).await;
    let owner = rig.someone("OWNER", None);
    disputed(&owner, dispute::State::Won).await;
    let mailed = async || Ok(mails(&owner, MailKind::DisputeWon).await);
    assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point}");
    let paid = until_invoice(&owner, &invoice, |own| own.state() == State::Paid && own.block.is_none()).await;
    assert_eq!(paid.paid, invoice.total, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
