//! Whoever dies while a dispute is taken in: it is taken in once.

use crate::{
    chargebacks::{charges, take_back},
    disputes::{decide, disputed, pay_by, posted, until_invoice},
    documents::receipts_of,
    invariants,
    mails::mails,
    rig::{self, Rig, until},
    top_ups::buy,
};
use payterms_proto::{
    invoicing::v1::{MailKind, invoice::State},
    wallet::v1::dispute,
};
use payterms_suite::client::amount;

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_postgres() {
    kills(true).await;
}

const POINTS: [&str; 5] =
    ["chargeback.before_commit", "chargeback.after_commit", "dispute.before_taken_in", "dispute.before_decision", "dispute.after_decision"];

async fn kills(on_postgres: bool) {
    for point in POINTS {
        Box::pin(paid(point, "won", on_postgres)).await;
        Box::pin(paid(point, "lost", on_postgres)).await;
        Box::pin(bought(point, on_postgres)).await;
    }
}

/// The issuer takes the charge back and decides; whoever dies, the provider tells again, in whatever order.
async fn dies_at(rig: &mut Rig, point: &'static str, (charge, outcome): (&str, &'static str)) {
    let simulator = rig.simulator();
    let (at, id) = (simulator.clone(), charge.to_owned());
    rig.die_at(point, async move {
        take_back(&at, &id).await;
        decide(&at, &id, outcome).await;
    })
    .await;
    decide(&simulator, charge, outcome).await;
    take_back(&simulator, charge).await;
}

async fn holds(rig: &Rig) {
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}

/// The charge of a payment: won, the payment stands in the end; lost, its invoice is open, and no block is left.
async fn paid(point: &'static str, outcome: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    pay_by(&people.admin, &people.customer, &invoice, "").await;
    let charge = charges(&rig.simulator()).await.remove(0);
    dies_at(&mut rig, point, (&charge, outcome)).await;
    let owner = rig.someone("OWNER", None);
    let (ended, kind, state) = match outcome {
        "won" => (dispute::State::Won, MailKind::DisputeWon, State::Paid),
        _ => (dispute::State::Lost, MailKind::DisputeLost, State::Open),
    };
    disputed(&owner, ended).await;
    let mailed = async || Ok(mails(&owner, kind).await);
    assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point} {outcome}");
    let own = until_invoice(&owner, &invoice, |own| own.state() == state && own.block.is_none()).await;
    assert_eq!(own.open.map(|own| own.units), Some(if state == State::Paid { 0 } else { 100 }), "{point} {outcome}");
    holds(&rig).await;
}

/// The charge of a top-up: its credit is there again in the end, once.
async fn bought(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, _) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    people.admin.top_ups().create_top_up(buy(&people.wallet, "", amount("USD", 50, 0))).await.unwrap();
    let charge = charges(&rig.simulator()).await.remove(0);
    dies_at(&mut rig, point, (&charge, "won")).await;
    let owner = rig.someone("OWNER", None);
    disputed(&owner, dispute::State::Won).await;
    let mailed = async || Ok(mails(&owner, MailKind::DisputeWon).await);
    assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point}");
    assert_eq!(posted(&people.admin, &people.wallet).await, amount("USD", 80, 0), "30.00 were granted: {point}");
    let receipts = async || Ok(receipts_of(&owner, &people.customer, 2).await);
    let receipts = until(receipts, |found| found.iter().any(|own| !own.credit_notes.is_empty())).await;
    assert_eq!(receipts.iter().map(|own| own.credit_notes.len()).sum::<usize>(), 1, "{point}");
    holds(&rig).await;
}
