//! A blocked invoice is not collected: blocks of people, and those of owners, who alone lift them.

use crate::{
    clocks::advance,
    collections::{DAY, DUE, desk},
    invariants,
    invoices::{draft, issued, line, read},
    payments::by,
};
use payterms_proto::invoicing::{
    peers::v1::{BlockForOwnerRequest, InvoiceToBlock, UnblockForOwnerRequest},
    v1::{
        Block, BlockInvoiceRequest, CreatePaymentRequest, InvoiceToPay, ListInvoicesRequest,
        UnblockInvoiceRequest, VoidInvoiceRequest, block::Reason, collection::State,
        explain_invoice_response::Topic, invoice,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(a_blocked_invoice_waits_and_may_be_paid, an_owner_blocks_all_or_none_and_alone_lifts);

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
