//! Invoices are collected by themselves, up the ladder, unless something blocks them.

use crate::{
    clocks::{advance, start},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    payments::by,
    top_ups::card,
};
use payterms_proto::{
    invoicing::{
        peers::v1::{BlockForOwnerRequest, InvoiceToBlock, UnblockForOwnerRequest},
        v1::{
            Block, BlockInvoiceRequest, CreatePaymentRequest, ExplainInvoiceRequest, Invoice,
            InvoiceToPay, ListInvoicesRequest, ListPaymentsRequest, MailKind, Payment,
            RetryCollectionRequest, UnblockInvoiceRequest, VoidInvoiceRequest, block::Reason,
            collection::State, explain_invoice_response::Topic, invoice,
        },
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
    a_blocked_invoice_waits_and_may_be_paid,
    what_is_paid_before_is_not_collected,
    without_a_method_the_reason_shows,
    what_a_failed_payment_leaves_open_is_collected_too,
    an_owner_blocks_all_or_none_and_alone_lifts,
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
    async fn invoice(&self) -> Invoice {
        read(&self.owner, &self.invoice.name).await.unwrap()
    }

    async fn collection(&self) -> (State, i32, Option<i64>, String) {
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

    async fn payments(&self) -> Vec<Payment> {
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

async fn a_blocked_invoice_waits_and_may_be_paid(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let staff = world.someone("STAFF", None);
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    let blocked =
        staff.collections().block_invoice(block).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(
        blocked.block,
        Some(Block { reason: Reason::Disputed.into(), owner: String::new() })
    );
    let list = |reason: Reason| ListInvoicesRequest {
        parent: desk.customer.clone(),
        block_reason: reason.into(),
        ..Default::default()
    };
    assert_eq!(
        staff
            .invoices()
            .list_invoices(list(Reason::Disputed))
            .await
            .unwrap()
            .into_inner()
            .invoices
            .len(),
        1
    );
    assert!(
        staff
            .invoices()
            .list_invoices(list(Reason::Manual))
            .await
            .unwrap()
            .into_inner()
            .invoices
            .is_empty()
    );
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        explanation: "x".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.owner.invoices().void_invoice(void).await.unwrap_err()),
        "INVOICE_BLOCKED"
    );
    advance(world, DUE + 10 * DAY).await;
    assert_eq!(desk.collection().await, (State::Scheduled, 0, None, String::new()));
    let explained = desk.explained().await;
    let topics: Vec<_> = explained.iter().map(|(topic, ..)| *topic).collect();
    assert_eq!(
        topics,
        [Topic::State, Topic::Due, Topic::Block, Topic::Collection, Topic::Reminder]
    );
    assert!(
        explained[1].1.contains("past due")
            && explained[2].1.contains("disputes")
            && explained[3].1.contains("block"),
        "{explained:?}"
    );
    assert!(desk.payments().await.is_empty() && desk.invoice().await.past_due);
    let part = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: desk.invoice.name.clone(), amount: None }],
        tenders: vec![by("", amount("USD", 40, 0))],
        ..Default::default()
    };
    let refused = desk.admin.payments().create_payment(part.clone()).await;
    let paid = refused.unwrap().into_inner().payment.unwrap();
    assert_eq!(paid.allocations[0].paid, amount("USD", 40, 0), "a customer may always pay");
    let unblock = UnblockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    staff.collections().unblock_invoice(unblock).await.unwrap();
    advance(world, DUE + 10 * DAY + 1).await;
    let collected = desk.payments().await.into_iter().find(|payment| payment.automatic).unwrap();
    assert_eq!(
        (desk.invoice().await.state(), collected.tenders[0].amount.clone()),
        (invoice::State::Paid, amount("USD", 60, 0))
    );
    invariants::books_agree(world).await;
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

pub(crate) async fn an_owner_blocks_all_or_none_and_alone_lifts(world: &World) {
    let peer = world.peer("plans", "invoicing");
    let desk = desk(world, Some("tok_visa")).await;
    let second =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    let plan = format!("{}/plans/42424242-4242-4242-8000-000000000001", desk.customer);
    let request = |owner: &str, reason: Reason, open: i64| BlockForOwnerRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        owner: owner.into(),
        reason: reason.into(),
        invoices: vec![
            InvoiceToBlock {
                invoice: desk.invoice.name.clone(),
                expected_open: amount("USD", open, 0),
                nothing_open: false,
            },
            InvoiceToBlock {
                invoice: second.name.clone(),
                expected_open: None,
                nothing_open: false,
            },
        ],
    };
    let blocks =
        async || (desk.invoice().await.block, read(&desk.owner, &second.name).await.unwrap().block);
    let staff = world.someone("STAFF", None);
    let manual = BlockInvoiceRequest {
        request_id: request_id(),
        name: second.name.clone(),
        reason: Reason::Manual.into(),
        ..Default::default()
    };
    staff.collections().block_invoice(manual).await.unwrap();
    let refused = peer
        .owner_collections()
        .block_for_owner(request(&plan, Reason::PaymentPlanProposed, 100))
        .await
        .unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), blocks().await.0),
        ("INVOICE_BLOCKED", None),
        "all or none"
    );
    let unblock = UnblockInvoiceRequest {
        request_id: request_id(),
        name: second.name.clone(),
        ..Default::default()
    };
    staff.collections().unblock_invoice(unblock.clone()).await.unwrap();
    let risen = peer
        .owner_collections()
        .block_for_owner(request(&plan, Reason::PaymentPlanProposed, 99))
        .await
        .unwrap_err();
    assert_eq!(reason(&risen), "PLAN_AMOUNT_CHANGED");
    peer.owner_collections()
        .block_for_owner(request(&plan, Reason::PaymentPlanProposed, 100))
        .await
        .unwrap();
    let mine = Block { reason: Reason::PaymentPlanProposed.into(), owner: plan.clone() };
    assert_eq!(blocks().await, (Some(mine.clone()), Some(mine)));
    let theirs = staff
        .collections()
        .unblock_invoice(UnblockInvoiceRequest { request_id: request_id(), ..unblock })
        .await
        .unwrap_err();
    assert_eq!(reason(&theirs), "INVOICE_BLOCKED", "only the owner lifts it");
    let other = peer
        .owner_collections()
        .block_for_owner(request("another", Reason::PaymentPlanProposed, 100))
        .await
        .unwrap_err();
    assert_eq!(reason(&other), "INVOICE_BLOCKED");
    peer.owner_collections()
        .block_for_owner(request(&plan, Reason::PaymentPlanActive, 100))
        .await
        .unwrap();
    let active = Block { reason: Reason::PaymentPlanActive.into(), owner: plan.clone() };
    assert_eq!(blocks().await.0, Some(active), "replaced, never lifted and set");
    let lift = |owner: &str| UnblockForOwnerRequest {
        breach_date: None,
        due_at_once: false,
        request_id: request_id(),
        parent: desk.customer.clone(),
        owner: owner.into(),
        invoices: vec![desk.invoice.name.clone(), second.name.clone()],
    };
    peer.owner_collections().unblock_for_owner(lift("another")).await.unwrap();
    assert!(blocks().await.0.is_some());
    peer.owner_collections().unblock_for_owner(lift(&plan)).await.unwrap();
    assert_eq!(blocks().await, (None, None));
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
