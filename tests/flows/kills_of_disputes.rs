//! Whoever dies while a dispute is taken in: it is taken in once.

use crate::{
    chargebacks::{charges, take_back},
    clocks::at,
    collections::START,
    disputes::{decide, disputed, pay_by, posted, until_invoice},
    disputes_of_parts::take_part,
    documents::receipts_of,
    invariants,
    mails::{mails, text},
    rig::{self, Rig, Services, retry, until},
    top_ups::buy,
};
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, CreateCreditNoteRequest, MailKind, StartTestClockRequest,
        invoice::State,
    },
    wallet::v1::{RefundTopUpRequest, dispute},
};
use payterms_suite::client::{amount, request_id};

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_is_taken_in_once_whoever_dies_on_postgres() {
    kills(true).await;
}

const POINTS: [&str; 5] = [
    "chargeback.before_commit",
    "chargeback.after_commit",
    "dispute.before_taken_in",
    "dispute.before_decision",
    "dispute.after_decision",
];

async fn kills(on_postgres: bool) {
    for point in POINTS {
        Box::pin(paid(point, "won", on_postgres)).await;
        Box::pin(paid(point, "lost", on_postgres)).await;
        Box::pin(bought(point, on_postgres)).await;
    }
}

/// The issuer takes the charge back and decides; whoever dies, the provider tells again, in
/// whatever order.
async fn dies_at(rig: &mut Rig, point: &'static str, charge: &str, outcome: &'static str) {
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

/// The charge of a payment: won, the payment stands in the end; lost, its invoice is open, and no
/// block is left.
async fn paid(point: &'static str, outcome: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    pay_by(&people.admin, &people.customer, &invoice, "").await;
    let charge = charges(&rig.simulator()).await.remove(0);
    dies_at(&mut rig, point, &charge, outcome).await;
    let owner = rig.someone("OWNER", None);
    let (ended, kind, state) = match outcome {
        "won" => (dispute::State::Won, MailKind::DisputeWon, State::Paid),
        _ => (dispute::State::Lost, MailKind::DisputeLost, State::Open),
    };
    disputed(&owner, ended).await;
    let mailed = async || Ok(mails(&owner, kind).await);
    assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point} {outcome}");
    let this_invoice = until_invoice(&owner, &invoice, |invoice| {
        invoice.state() == state && invoice.block.is_none()
    })
    .await;
    assert_eq!(
        this_invoice.open.map(|amount| amount.units),
        Some(if state == State::Paid { 0 } else { 100 }),
        "{point} {outcome}"
    );
    holds(&rig).await;
}

/// The charge of a top-up: its credit is there again in the end, once.
async fn bought(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, _) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    people
        .admin
        .top_ups()
        .create_top_up(buy(&people.wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap();
    let charge = charges(&rig.simulator()).await.remove(0);
    dies_at(&mut rig, point, &charge, "won").await;
    let owner = rig.someone("OWNER", None);
    disputed(&owner, dispute::State::Won).await;
    let mailed = async || Ok(mails(&owner, MailKind::DisputeWon).await);
    assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point}");
    assert_eq!(
        posted(&people.admin, &people.wallet).await,
        amount("USD", 80, 0),
        "30.00 were granted: {point}"
    );
    let receipts = async || Ok(receipts_of(&owner, &people.customer, 2).await);
    let receipts =
        until(receipts, |found| found.iter().any(|receipt| !receipt.credit_notes.is_empty())).await;
    assert_eq!(
        receipts.iter().map(|receipt| receipt.credit_notes.len()).sum::<usize>(),
        1,
        "{point}"
    );
    holds(&rig).await;
}

/// What a refund passes of which the issuer has a part, by the service that dies there.
const SPLIT: [(&str, &str); 5] = [
    ("wallet", "commit.before /payterms.wallet.peers.v1.SettlementService/RefundPayment"),
    ("wallet", "commit.after /payterms.wallet.peers.v1.SettlementService/RefundPayment"),
    ("invoicing", "refund.after_step"),
    ("invoicing", "refund.before_record"),
    ("invoicing", "refund.after_record"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_a_dispute_splits_is_made_once_on_sqlite() {
    for (service, point) in SPLIT {
        Box::pin(split(service, point, false)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_a_dispute_splits_is_made_once_on_postgres() {
    for (service, point) in SPLIT {
        Box::pin(split(service, point, true)).await;
    }
}

/// 80.00 of 100.00 are to go back when the issuer takes 60.00: 40.00 become credit, and where the
/// dispute is won the other 40.00 too, which its mail says.
async fn split(service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    pay_by(&people.admin, &people.customer, &invoice, "").await;
    let (owner, simulator) = (rig.someone("OWNER", None), rig.simulator());
    let charge = charges(&simulator).await.remove(0);
    let mut services = Services::of(rig).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("USD", 80, 0),
        explanation: "Goodwill".into(),
    };
    let (caller, sent) = (owner.clone(), note.clone());
    let act = async move { caller.invoices().create_credit_note(sent).await };
    let issuer = async {
        take_part(&simulator, &charge, 60).await;
        disputed(&owner, dispute::State::Open).await;
    };
    services.die_twice("invoicing", "refund.after_intent", act, issuer, service, point).await;
    let send = async || {
        owner.invoices().create_credit_note(note.clone()).await.map(tonic::Response::into_inner)
    };
    let answer = retry(send).await;
    assert_eq!(retry(send).await, answer, "{point:?}: one answer");
    let credit = async || Ok(posted(&people.admin, &people.wallet).await);
    until(credit, |each| *each == amount("USD", 70, 0)).await;
    decide(&simulator, &charge, "won").await;
    let dispute = disputed(&owner, dispute::State::Won).await;
    assert_eq!(dispute.refunds_credited, amount("USD", 40, 0), "{point:?}");
    let mailed = async || Ok(mails(&owner, MailKind::DisputeWon).await);
    let mail = until(mailed, |found| !found.is_empty()).await.remove(0);
    let words = text(&owner, &mail).await;
    assert!(words.contains("40.00"), "what refunds could not move is credit, and told of: {words}");
    until(credit, |each| *each == amount("USD", 110, 0)).await;
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_is_asked_for_is_opened_once_on_sqlite() {
    asked_later(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_that_is_asked_for_is_opened_once_on_postgres() {
    asked_later(true).await;
}

/// The provider tells once, while a refund is under way; whoever dies when it is asked an hour
/// later asks again.
async fn asked_later(on_postgres: bool) {
    for point in ["chargeback.before_commit", "chargeback.after_commit"] {
        let Some(mut rig) = rig::start(on_postgres).await else { return };
        let (owner, simulator) = (rig.someone("OWNER", None), rig.simulator());
        let start = StartTestClockRequest {
            request_id: request_id(),
            parent: "tenants/acme".into(),
            now: at(START),
            seed: "seed".into(),
        };
        owner.clock().start_test_clock(start).await.unwrap();
        let people = rig.prepare("tok_refund_late").await;
        let bought = people
            .admin
            .top_ups()
            .create_top_up(buy(&people.wallet, "", amount("USD", 50, 0)))
            .await
            .unwrap();
        let name = bought.into_inner().top_up.unwrap().name;
        let request = RefundTopUpRequest {
            request_id: request_id(),
            name,
            credit: amount("USD", 20, 0),
            explanation: "Too much.".into(),
        };
        let caller = owner.clone();
        let refunding = tokio::spawn(async move { caller.top_ups().refund_top_up(request).await });
        until(async || Ok(rig.refunds().await), |texts| texts.len() == 1).await;
        let charge = charges(&simulator).await.remove(0);
        let page = format!("{simulator}/simulator/acme/charges/{charge}/chargeback?once=true");
        assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
        refunding.await.unwrap().unwrap();
        let undelivered = async || {
            Ok(reqwest::get(format!("{simulator}/v1/notifications"))
                .await
                .unwrap()
                .text()
                .await
                .unwrap())
        };
        until(undelivered, |left| left == "0").await;
        let name = "tenants/acme/testClock".to_owned();
        let advance = AdvanceTestClockRequest {
            request_id: request_id(),
            name,
            target_time: at(START + 3_600),
        };
        let (caller, sent) = (owner.clone(), advance.clone());
        rig.die_at(point, async move { caller.clock().advance_test_clock(sent).await }).await;
        retry(async || owner.clock().advance_test_clock(advance.clone()).await).await;
        let dispute = disputed(&owner, dispute::State::Open).await;
        assert_eq!(
            (dispute.amount, people.posted().await),
            (amount("USD", 30, 0), amount("USD", 0, 0)),
            "{point}"
        );
        let mailed = async || Ok(mails(&owner, MailKind::DisputeOpened).await);
        assert_eq!(until(mailed, |found| !found.is_empty()).await.len(), 1, "{point}");
        holds(&rig).await;
    }
}
