//! Lines are put aside, and end: an offer expires or is declined, a line closes.

use crate::{
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    lines::{Credit, activate, active, offer, offered},
    payments::by,
    top_ups::card,
};
use payterms_proto::{
    credit::v1::{
        CloseLineRequest, DeactivateLineRequest, DeclineLineRequest, ListCreditLinesRequest,
        Programme, ReactivateLineRequest, credit_line::State,
    },
    wallet::v1::{RemovePaymentMethodRequest, SetCollectionMethodRequest, payment_method::Kind},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};

on_both!(
    deactivating_needs_another_method,
    an_offer_expires_or_is_declined_and_a_line_closes_once_nothing_is_owed,
);

pub(crate) async fn deactivating_needs_another_method(world: &World) {
    let credit = active(world, 1_000).await;
    let off = async |session: &Session| {
        let request =
            DeactivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
        Ok::<_, Status>(
            session.lines().deactivate_line(request).await?.into_inner().credit_line.unwrap(),
        )
    };
    // A line is neither removed nor collected by.
    let remove = RemovePaymentMethodRequest {
        request_id: request_id(),
        name: credit.method(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.admin.methods().remove_payment_method(remove).await.unwrap_err()),
        "CREDIT_LINE_NOT_ALLOWED"
    );
    let collect = SetCollectionMethodRequest {
        request_id: request_id(),
        name: credit.method(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.admin.methods().set_collection_method(collect).await.unwrap_err()),
        "CREDIT_LINE_NOT_ALLOWED"
    );
    let remove = RemovePaymentMethodRequest {
        request_id: request_id(),
        name: credit.card().await,
        ..Default::default()
    };
    credit.admin.methods().remove_payment_method(remove).await.unwrap();
    assert_eq!(credit.pointers().await, (Some(Kind::CreditLine), None));
    let refused = off(&credit.admin).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "OTHER_METHOD_REQUIRED".to_owned())
    );
    assert_eq!(
        credit.read().await.state(),
        State::Active,
        "refused after its intent: it stays as it was"
    );
    card(world, &credit.admin, &credit.customer, "tok_mastercard").await;
    assert_eq!(off(&credit.admin).await.unwrap().state(), State::Inactive);
    assert_eq!(credit.pointers().await, (Some(Kind::Card), Some(Kind::Card)));
    let invoice = credit.invoice(10).await;
    let refused = credit.pay(&[&invoice], vec![by(&credit.method(), None)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "what is put aside is no method");
    let on = ReactivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
    assert_eq!(
        credit
            .admin
            .lines()
            .reactivate_line(on)
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
            .state(),
        State::Active
    );
    assert_eq!(credit.pointers().await, (Some(Kind::CreditLine), Some(Kind::Card)));
    assert_eq!(credit.verbs().await, ["OFFER", "ACTIVATE", "DEACTIVATE", "REACTIVATE"]);
}

pub(crate) async fn an_offer_expires_or_is_declined_and_a_line_closes_once_nothing_is_owed(
    world: &World,
) {
    let credit = offered(world, 100, Programme::default()).await;
    let programme = credit.line.programme.clone();
    let twice = offer(&credit.owner, &credit.customer, &programme, 10).await.unwrap_err();
    assert_eq!(reason(&twice), "LINE_EXISTS");
    advance(world, START + 31 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Expired);
    assert_eq!(
        reason(&activate(&credit.admin, &credit.line.name).await.unwrap_err()),
        "LINE_STATE"
    );
    let second = offer(&credit.owner, &credit.customer, &programme, 100).await.unwrap();
    let decline =
        DeclineLineRequest { request_id: request_id(), name: second.name, ..Default::default() };
    let declined =
        credit.admin.lines().decline_line(decline).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!(declined.state(), State::DeclinedByCustomer);
    let third = offer(&credit.owner, &credit.customer, &programme, 100).await.unwrap();
    let credit = Credit { line: activate(&credit.admin, &third.name).await.unwrap(), ..credit };
    let invoice = credit.invoice(60).await;
    credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    let close = || CloseLineRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        explanation: "We part.".into(),
    };
    let status = credit.owner.lines().close_line(close()).await.unwrap_err();
    assert_eq!(reason(&status), "LINE_IN_USE");
    let visa = credit.card().await;
    credit.pay(&[&invoice], vec![by(&visa, None)]).await.unwrap();
    credit.owes(0).await;
    assert_eq!(
        credit
            .owner
            .lines()
            .close_line(close())
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
            .state(),
        State::Closed
    );
    assert_eq!(
        credit.pointers().await,
        (Some(Kind::Card), Some(Kind::Card)),
        "a card takes its place"
    );
    let list = ListCreditLinesRequest {
        parent: "tenants/acme".into(),
        states: vec![State::Closed.into()],
        ..Default::default()
    };
    assert_eq!(
        credit.owner.lines().list_credit_lines(list).await.unwrap().into_inner().credit_lines.len(),
        1
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}
