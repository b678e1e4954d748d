//! What a line must not do: come back after its end, be restored by a block, be switched by a
//! driver whose turn is over, or for a customer who is not known yet.

use crate::{
    chargebacks::{charges, take_back},
    clocks::advance,
    collections::{DAY, START},
    invariants_of_credit::credit_agrees,
    lines::{active, offer},
    payments::by,
    rig::until,
    top_ups::card,
};
use payterms_proto::{
    credit::v1::{CloseLineRequest, RestoreLineRequest, SuspendLineRequest, credit_line::State},
    invoicing::v1::{BlockInvoiceRequest, Invoice, UnblockInvoiceRequest, block::Reason},
    wallet::{
        peers::v1::{SwitchCreditLineRequest, switch_credit_line_request::To},
        v1::{RemovePaymentMethodRequest, SetCollectionMethodRequest, payment_method::Kind},
    },
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason};

on_both!(
    what_is_over_stays_over,
    a_block_brings_no_consequence_and_undoes_none,
    a_late_driver_changes_nothing,
    a_switch_waits_for_the_copy_of_its_customer
);

pub(crate) async fn what_is_over_stays_over(world: &World) {
    let credit = active(world, 1_000).await;
    let (invoice, name) = (credit.deferred(100).await, credit.line.name.clone());
    credit.pay(&[&invoice], vec![by(&credit.card().await, None)]).await.unwrap();
    credit.owes(0).await;
    let suspend = SuspendLineRequest {
        request_id: request_id(),
        name: name.clone(),
        explanation: "We part.".into(),
        ..Default::default()
    };
    credit.owner.lines().suspend_line(suspend).await.unwrap();
    let close = CloseLineRequest {
        request_id: request_id(),
        name: name.clone(),
        explanation: "We part.".into(),
    };
    credit.owner.lines().close_line(close).await.unwrap();
    let restore = RestoreLineRequest {
        request_id: request_id(),
        name,
        explanation: String::new(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.owner.lines().restore_line(restore).await.unwrap_err()),
        "LINE_STATE"
    );
    // What is owed again on it keeps the customer from another line.
    take_back(&world.suite.simulator, &charges(&world.suite.simulator).await[0]).await;
    credit.owes(100).await;
    let again =
        offer(&credit.owner, &credit.customer, &credit.line.programme, 10).await.unwrap_err();
    assert_eq!(
        (reason(&again), credit.read().await.state()),
        ("LINE_IN_USE".to_owned(), State::Closed)
    );
    credit_agrees(world).await;
}

async fn a_block_brings_no_consequence_and_undoes_none(world: &World) {
    let credit = active(world, 1_000).await;
    let bad = card(world, &credit.admin, &credit.customer, "tok_declined").await;
    let collect =
        SetCollectionMethodRequest { request_id: request_id(), name: bad, ..Default::default() };
    credit.admin.methods().set_collection_method(collect).await.unwrap();
    let (one, two) = (credit.deferred(100).await, credit.deferred(50).await);
    let block = async |invoice: &Invoice| {
        let block = BlockInvoiceRequest {
            request_id: request_id(),
            name: invoice.name.clone(),
            reason: Reason::Disputed.into(),
            ..Default::default()
        };
        credit.owner.collections().block_invoice(block).await.unwrap();
    };
    block(&one).await;
    block(&two).await;
    advance(world, START + 60 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Active, "nothing new follows");
    let lift = UnblockInvoiceRequest {
        request_id: request_id(),
        name: one.name.clone(),
        ..Default::default()
    };
    credit.owner.collections().unblock_invoice(lift).await.unwrap();
    until(async || Ok(credit.read().await), |line| line.state() == State::Suspended).await;
    block(&one).await;
    // Another event of the same invoice tells that the block was heard of.
    credit.note(&one, 10).await;
    credit.owes(140).await;
    assert_eq!(credit.read().await.state(), State::Suspended, "paying restores, a block does not");
    credit_agrees(world).await;
}

pub(crate) async fn a_late_driver_changes_nothing(world: &World) {
    let credit = active(world, 100).await;
    let remove = RemovePaymentMethodRequest {
        request_id: request_id(),
        name: credit.card().await,
        ..Default::default()
    };
    credit.admin.methods().remove_payment_method(remove).await.unwrap();
    let peer = world.peer("credit", "wallet");
    let switch = async |to: To, number: i64| {
        let credit_line = credit.line.name.clone();
        let request = SwitchCreditLineRequest {
            request_id: request_id(),
            credit_line,
            to: to.into(),
            number,
        };
        peer.line_methods().switch_credit_line(request).await.map_err(|status| reason(&status))
    };
    assert_eq!(switch(To::Off, 2).await.unwrap_err(), "OTHER_METHOD_REQUIRED");
    card(world, &credit.admin, &credit.customer, "tok_visa").await;
    assert_eq!(
        switch(To::Off, 2).await.unwrap_err(),
        "OTHER_METHOD_REQUIRED",
        "it was refused once"
    );
    assert_eq!(switch(To::Off, 1).await.unwrap_err(), "OTHER_METHOD_REQUIRED", "its turn is over");
    assert_eq!(credit.pointers().await.0, Some(Kind::CreditLine));
    switch(To::Off, 3).await.unwrap();
    assert_eq!(credit.pointers().await.0, Some(Kind::Card));
}

/// Credit may know a customer before the wallet does: the step is asked again, and is no fault.
async fn a_switch_waits_for_the_copy_of_its_customer(world: &World) {
    let credit = active(world, 100).await;
    let customer = credit.customer.rsplit('/').next().unwrap().to_owned();
    let request = SwitchCreditLineRequest {
        request_id: request_id(),
        credit_line: credit.line.name.replace(&customer, &request_id()),
        to: To::On.into(),
        number: 1,
    };
    let peer = world.peer("credit", "wallet");
    let early = peer.line_methods().switch_credit_line(request).await.unwrap_err();
    assert_eq!(reason(&early), "COPY_BEHIND");
}
