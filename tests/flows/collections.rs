//! Invoices are collected by themselves, up the ladder.

use crate::{
    clocks::{advance, start},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    payments::by,
    top_ups::card,
};
use payterms_proto::{
    invoicing::v1::{
        CreatePaymentRequest, ExplainInvoiceRequest, Invoice, InvoiceToPay, ListPaymentsRequest,
        MailKind, Payment, RetryCollectionRequest, collection::State,
        explain_invoice_response::Topic, invoice,
    },
    wallet::v1::SetCollectionMethodRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    the_due_date_collects_from_the_collection_method,
    a_decline_climbs_the_ladder_and_is_retried_by_hand,
    who_must_authenticate_is_not_tried_again,
    what_is_paid_before_is_not_collected,
    without_a_method_the_reason_shows,
    what_a_failed_payment_leaves_open_is_collected_too,
    a_new_method_is_tried_once_the_next_day,
);

pub(crate) const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z; the first is eleven in the morning in Sydney
pub(crate) const DAY: i64 = 86_400;
/// 00:00 in Sydney on the due date of an invoice of 1 January at 30 days.
pub(crate) const DUE: i64 = START + 30 * DAY - 11 * 3_600;

#[derive(Clone)]
pub(crate) struct Desk {
    pub customer: String,
    pub invoice: Invoice,
    pub admin: Session,
    pub owner: Session,
}

/// A shop on a test clock, and an invoice of 100.00 USD that is collected by itself in 30 days.
pub(crate) async fn desk(world: &World, token: Option<&str>) -> Desk {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    if let Some(token) = token {
        card(world, &admin, &customer, token).await;
    }
    let mut request = draft(&customer, "USD", vec![line("Plan", amount("USD", 100, 0))]);
    request.invoice.as_mut().unwrap().collect_automatically = true;
    let invoice = issued(&owner, request).await;
    Desk { customer, invoice, admin, owner }
}

impl Desk {
    pub(crate) async fn invoice(&self) -> Invoice {
        read(&self.owner, &self.invoice.name).await.unwrap()
    }

    pub(crate) async fn collection(&self) -> (State, i32, Option<i64>, String) {
        let collection = self.invoice().await.collection.unwrap();
        (
            collection.state(),
            collection.failed_attempt_count,
            collection.next_attempt_time.map(|at| at.seconds),
            collection.failure_reason,
        )
    }

    /// What the invoice's explanation says, topic by topic.
    pub(crate) async fn explained(&self) -> Vec<(Topic, String, Option<i64>)> {
        let request = ExplainInvoiceRequest { name: self.invoice.name.clone() };
        let facts =
            self.admin.invoices().explain_invoice(request).await.unwrap().into_inner().facts;
        facts
            .into_iter()
            .map(|fact| (fact.topic(), fact.sentence, fact.time.map(|at| at.seconds)))
            .collect()
    }

    pub(crate) async fn payments(&self) -> Vec<Payment> {
        let list = ListPaymentsRequest {
            parent: self.customer.clone(),
            page_size: 100,
            ..Default::default()
        };
        self.owner.payments().list_payments(list).await.unwrap().into_inner().payments
    }
}

async fn the_due_date_collects_from_the_collection_method(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    assert_eq!(desk.collection().await, (State::Scheduled, 0, Some(DUE), String::new()));
    advance(world, DUE - 1).await;
    assert_eq!(desk.invoice().await.state(), invoice::State::Open);
    advance(world, DUE).await;
    assert_eq!(
        (desk.invoice().await.state(), desk.collection().await.0),
        (invoice::State::Paid, State::Off)
    );
    let payments = desk.payments().await;
    assert!(payments.len() == 1 && payments[0].automatic, "{payments:?}");
    advance(world, DUE + 40 * DAY).await;
    assert_eq!(desk.payments().await.len(), 1);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_decline_climbs_the_ladder_and_is_retried_by_hand(world: &World) {
    let desk = desk(world, Some("tok_declined")).await;
    for (days, attempts, next) in [
        (0, 1, Some(1)),
        (2, 2, Some(3)),
        (4, 3, Some(5)),
        (6, 4, Some(7)),
        (8, 5, None),
        (20, 5, None),
    ] {
        advance(world, DUE + days * DAY).await;
        let state = if next.is_some() { State::Scheduled } else { State::Failed };
        let next = next.map(|days| DUE + days * DAY);
        assert_eq!(
            desk.collection().await,
            (state, attempts, next, "card_declined".into()),
            "day {days}"
        );
        assert_eq!(desk.payments().await.len(), usize::try_from(attempts).unwrap(), "day {days}");
    }
    let good = card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let point =
        SetCollectionMethodRequest { request_id: request_id(), name: good, ..Default::default() };
    desk.admin.methods().set_collection_method(point).await.unwrap();
    let retry = RetryCollectionRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    desk.admin.collections().retry_collection(retry).await.unwrap();
    advance(world, DUE + 20 * DAY + 1).await;
    assert_eq!(
        (desk.invoice().await.state(), desk.collection().await.0),
        (invoice::State::Paid, State::Off)
    );
    let again = RetryCollectionRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.admin.collections().retry_collection(again).await.unwrap_err()),
        "INVOICE_STATE"
    );
    invariants::books_agree(world).await;
}

/// What has stopped, for whatever reason, is tried once with another collection method, a day
/// later, and a mail says so.
async fn a_new_method_is_tried_once_the_next_day(world: &World) {
    let desk = desk(world, Some("tok_stolen")).await;
    advance(world, DUE + 60).await;
    assert_eq!(desk.collection().await, (State::Failed, 1, None, "stolen_card".into()));
    let choose = async |token: &str| {
        let name = card(world, &desk.admin, &desk.customer, token).await;
        let point =
            SetCollectionMethodRequest { request_id: request_id(), name, ..Default::default() };
        desk.admin.methods().set_collection_method(point).await.unwrap();
    };
    choose("tok_declined").await;
    advance(world, DUE + 120).await;
    let (state, attempts, next, _) = desk.collection().await;
    assert_eq!((state, attempts), (State::Scheduled, 1));
    assert!(next.is_some_and(|at| (DUE + DAY + 60..=DUE + DAY + 120).contains(&at)), "{next:?}");
    let mail = mails_of(&desk.owner, MailKind::CollectionPlanned, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(words.contains(&desk.invoice.number) && words.contains("100.00\u{a0}USD"), "{words}");
    assert!(words.contains("is charged to your card ending in 0002 from now on. On 1 February 2026 we will try it once"), "{words}");
    assert!(mail.subject.contains("1 February 2026"), "{}", mail.subject);
    advance(world, DUE + 9 * DAY).await;
    assert_eq!(
        desk.collection().await,
        (State::Failed, 2, None, "card_declined".into()),
        "once, not up a ladder"
    );
    choose("tok_visa").await;
    advance(world, DUE + 11 * DAY).await;
    assert_eq!(
        (desk.invoice().await.state(), desk.payments().await.len()),
        (invoice::State::Paid, 3)
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn who_must_authenticate_is_not_tried_again(world: &World) {
    let desk = desk(world, Some("tok_authenticate")).await;
    advance(world, DUE + 30 * DAY).await;
    assert_eq!(
        desk.collection().await,
        (State::RequiresAction, 1, None, "authentication_required".into())
    );
    assert_eq!(desk.payments().await.len(), 1);
}

async fn what_is_paid_before_is_not_collected(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let all = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: Vec::new(),
        tenders: vec![by("", None)],
        currency_code: "USD".into(),
        ..Default::default()
    };
    desk.admin.payments().create_payment(all).await.unwrap();
    assert_eq!(desk.collection().await.0, State::Off);
    advance(world, DUE + 10 * DAY).await;
    assert_eq!(desk.payments().await.len(), 1);
}

async fn without_a_method_the_reason_shows(world: &World) {
    let desk = desk(world, None).await;
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await.remove(0)).await;
    assert!(
        words.contains("no saved payment method can be used") && !words.contains("from your saved"),
        "{words}"
    );
    let (_, sentence, next) =
        desk.explained().await.into_iter().find(|(topic, ..)| *topic == Topic::Collection).unwrap();
    assert!(
        sentence.contains("no saved payment method can be charged") && next == Some(DUE),
        "{sentence}"
    );
    advance(world, DUE).await;
    assert_eq!(
        desk.collection().await,
        (State::Scheduled, 1, Some(DUE + DAY), "COLLECTION_METHOD_REQUIRED".into())
    );
    let (_, sentence, next) =
        desk.explained().await.into_iter().find(|(topic, ..)| *topic == Topic::Collection).unwrap();
    assert!(
        sentence.contains(": no saved payment method can be used.") && next == Some(DUE + DAY),
        "{sentence}"
    );
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    advance(world, DUE + DAY + 2 * 3_600).await;
    assert_eq!(desk.invoice().await.state(), invoice::State::Paid);
    invariants::books_agree(world).await;
}

async fn what_a_failed_payment_leaves_open_is_collected_too(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let bad = card(world, &desk.admin, &desk.customer, "tok_slow_decline").await;
    advance(world, DUE - 1_800).await;
    // 40.00 are reserved over the due date by a card that takes its time, and then declines.
    let part = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay {
            invoice: desk.invoice.name.clone(),
            amount: amount("USD", 40, 0),
        }],
        tenders: vec![by(&bad, None)],
        ..Default::default()
    };
    desk.admin.payments().create_payment(part).await.unwrap();
    advance(world, DUE).await;
    assert_eq!(desk.invoice().await.paid, amount("USD", 60, 0));
    assert_eq!(desk.collection().await, (State::Scheduled, 0, Some(DUE + DAY), String::new()));
    advance(world, DUE + DAY + 2 * 3_600).await;
    assert_eq!(
        (desk.invoice().await.state(), desk.payments().await.len()),
        (invoice::State::Paid, 3)
    );
    invariants::books_agree(world).await;
}
