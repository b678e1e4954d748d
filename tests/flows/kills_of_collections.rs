//! Whoever dies while a new collection method is tried after a collection that failed, or while
//! what waited for a dispute goes on: it is planned, told of and charged once.

use crate::{
    chargebacks::{charges, take_back},
    clocks::at,
    collections::{DAY, START},
    disputes::{decide, disputed},
    invariants,
    invoices::{draft, issued, line, read},
    mails::mails,
    rig::{self, retry, until},
    top_ups::buy,
};
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, Invoice, ListPaymentsRequest, MailKind, StartTestClockRequest,
        block::Reason, collection, invoice,
    },
    wallet::v1::{SetCollectionMethodRequest, dispute},
};
use payterms_suite::{
    client::{amount, request_id},
    shop,
};

/// What the plan of the try passes, and the try.
const POINTS: [(&str, i64); 3] = [
    ("new_method.before_planned", START + 60),
    ("new_method.after_planned", START + 60),
    ("collection.after_intent", START + DAY + 120),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_new_method_is_tried_once_whoever_dies_on_sqlite() {
    for (point, until_when) in POINTS {
        Box::pin(tried(point, until_when, false)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_method_is_tried_once_whoever_dies_on_postgres() {
    for (point, until_when) in POINTS {
        Box::pin(tried(point, until_when, true)).await;
    }
}

async fn tried(point: &'static str, until_when: i64, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let owner = rig.someone("OWNER", None);
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let people = rig.prepare("tok_stolen").await;
    let mut request = draft(&people.customer, "USD", vec![line("Plan", amount("USD", 45, 0))]);
    let invoice = request.invoice.as_mut().unwrap();
    invoice.collect_automatically = true;
    invoice.payment_term.as_mut().unwrap().days = 0;
    let made = issued(&owner, request).await;
    let to = |seconds: i64| AdvanceTestClockRequest {
        request_id: request_id(),
        name: "tenants/acme/testClock".into(),
        target_time: at(seconds),
    };
    owner.clock().advance_test_clock(to(START + 1)).await.unwrap();
    let failed = |invoice: &Invoice| {
        invoice
            .collection
            .as_ref()
            .is_some_and(|collection| collection.state() == collection::State::Failed)
    };
    until(async || read(&owner, &made.name).await, failed).await;
    let visa = shop::save_card(&people.admin, rig.gateway, &people.customer, "tok_visa")
        .await
        .unwrap()
        .unwrap();
    let point_to =
        SetCollectionMethodRequest { request_id: request_id(), name: visa, ..Default::default() };
    let advance = to(until_when);
    let (chooser, advancer, chosen, sent) =
        (people.admin.clone(), owner.clone(), point_to.clone(), advance.clone());
    rig.die_at(point, async move {
        let _ = chooser.methods().set_collection_method(chosen).await;
        advancer.clock().advance_test_clock(sent).await
    })
    .await;
    retry(async || people.admin.methods().set_collection_method(point_to.clone()).await).await;
    retry(async || owner.clock().advance_test_clock(advance.clone()).await).await;
    let last = to(START + 2 * DAY);
    retry(async || owner.clock().advance_test_clock(last.clone()).await).await;
    let paid = until(
        async || read(&owner, &made.name).await,
        |invoice| invoice.state() == invoice::State::Paid,
    )
    .await;
    assert_eq!(paid.paid, amount("USD", 45, 0), "{point}");
    let list = ListPaymentsRequest { parent: people.customer.clone(), ..Default::default() };
    let payments = owner.payments().list_payments(list).await.unwrap().into_inner().payments;
    assert_eq!(payments.len(), 2, "the one that failed, and one try: {point}");
    let mails_of_it = async || Ok(mails(&owner, MailKind::CollectionPlanned).await);
    assert_eq!(until(mails_of_it, |found| !found.is_empty()).await.len(), 1, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}

/// The plan of what waited, on either side of its commit, and the try itself.
const WAITS: [(&str, i64); 3] = [
    ("waits.before_gone_on", START + DAY + 60),
    ("waits.after_gone_on", START + DAY + 60),
    ("collection.after_intent", START + 2 * DAY + 120),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_dispute_goes_on_once_whoever_dies_on_sqlite() {
    for (point, until_when) in WAITS {
        Box::pin(waited(point, until_when, false)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_dispute_goes_on_once_whoever_dies_on_postgres() {
    for (point, until_when) in WAITS {
        Box::pin(waited(point, until_when, true)).await;
    }
}

/// A purchase by the only card is disputed before an invoice is due, and the dispute is won a day
/// later.
async fn waited(point: &'static str, until_when: i64, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let owner = rig.someone("OWNER", None);
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    people
        .admin
        .top_ups()
        .create_top_up(buy(&people.wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap();
    let (simulator, charge) = (rig.simulator(), charges(&rig.simulator()).await.remove(0));
    take_back(&simulator, &charge).await;
    disputed(&owner, dispute::State::Open).await;
    let mut request = draft(&people.customer, "USD", vec![line("Plan", amount("USD", 45, 0))]);
    let invoice = request.invoice.as_mut().unwrap();
    invoice.collect_automatically = true;
    invoice.payment_term.as_mut().unwrap().days = 0;
    let made = issued(&owner, request).await;
    let to = |seconds: i64| AdvanceTestClockRequest {
        request_id: request_id(),
        name: "tenants/acme/testClock".into(),
        target_time: at(seconds),
    };
    owner.clock().advance_test_clock(to(START + DAY)).await.unwrap();
    let waits = |invoice: &Invoice| {
        invoice.block.as_ref().is_some_and(|block| block.reason() == Reason::Disputed)
    };
    until(async || read(&owner, &made.name).await, waits).await;
    // What goes on is planned when the clock moves.
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    let advance = to(until_when);
    let (advancer, sent) = (owner.clone(), advance.clone());
    rig.die_at(point, async move { advancer.clock().advance_test_clock(sent).await }).await;
    retry(async || owner.clock().advance_test_clock(advance.clone()).await).await;
    let last = to(START + 3 * DAY);
    retry(async || owner.clock().advance_test_clock(last.clone()).await).await;
    let paid = until(
        async || read(&owner, &made.name).await,
        |invoice| invoice.state() == invoice::State::Paid,
    )
    .await;
    assert_eq!((paid.paid, paid.block), (amount("USD", 45, 0), None), "{point}");
    let list = ListPaymentsRequest { parent: people.customer.clone(), ..Default::default() };
    let payments = owner.payments().list_payments(list).await.unwrap().into_inner().payments;
    assert_eq!(payments.len(), 1, "one try: {point}");
    let mails_of_it = async || Ok(mails(&owner, MailKind::CollectionPlanned).await);
    assert_eq!(until(mails_of_it, |found| !found.is_empty()).await.len(), 1, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
