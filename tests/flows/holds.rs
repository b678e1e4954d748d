//! Credit is reserved, captured in parts, released.

use crate::{
    invariants,
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::{
    AuthorizeHoldRequest, CaptureHoldRequest, GetHoldRequest, GetWalletRequest, ListHoldsRequest,
    VoidHoldRequest, hold::State,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(
    capture_hold_in_parts_and_release_the_rest,
    void_hold_frees_what_it_reserved,
    two_holds_never_promise_the_same_money
);

pub(crate) fn authorize(wallet: &str, units: i64) -> AuthorizeHoldRequest {
    AuthorizeHoldRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: amount("USD", units, 0),
        ..Default::default()
    }
}

pub(crate) async fn capture_hold_in_parts_and_release_the_rest(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let hold = service
        .holds()
        .authorize_hold(authorize(&wallet, 8))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let capture = |units, last| CaptureHoldRequest {
        request_id: request_id(),
        name: hold.name.clone(),
        amount: amount("USD", units, 0),
        r#final: last,
    };
    let first =
        service.holds().capture_hold(capture(3, false)).await.unwrap().into_inner().hold.unwrap();
    assert_eq!((first.state(), first.held), (State::Active, amount("USD", 5, 0)));
    let too_much = service.holds().capture_hold(capture(6, false)).await.unwrap_err();
    assert_eq!(reason(&too_much), "INSUFFICIENT_FUNDS");
    let last = service.holds().capture_hold(capture(1, true)).await.unwrap().into_inner();
    assert_eq!(last.posting.unwrap().balance_after, amount("USD", 6, 0));
    let ended = last.hold.unwrap();
    assert_eq!(
        (ended.state(), ended.captured.clone(), ended.held.clone()),
        (State::Captured, amount("USD", 4, 0), amount("USD", 0, 0))
    );
    let closed = service.holds().capture_hold(capture(1, false)).await.unwrap_err();
    assert_eq!(reason(&closed), "HOLD_STATE");
    let read = service
        .holds()
        .get_hold(GetHoldRequest { name: hold.name })
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    assert_eq!(read, ended);
    service
        .postings()
        .post_debit(debit(&wallet, amount("USD", 6, 0)))
        .await
        .expect("what was released can be spent");
    invariants::hold(world).await;
}

pub(crate) async fn void_hold_frees_what_it_reserved(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let hold = service
        .holds()
        .authorize_hold(authorize(&wallet, 10))
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    let void = || VoidHoldRequest { request_id: request_id(), name: hold.name.clone() };
    assert_eq!(
        service.holds().void_hold(void()).await.unwrap().into_inner().hold.unwrap().state(),
        State::Voided
    );
    assert_eq!(reason(&service.holds().void_hold(void()).await.unwrap_err()), "HOLD_STATE");
    let read = service
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read.wallet.unwrap().balance.unwrap().available, amount("USD", 10, 0));
    let list = ListHoldsRequest { parent: wallet, ..Default::default() };
    assert_eq!(service.holds().list_holds(list).await.unwrap().into_inner().holds.len(), 1);
    invariants::hold(world).await;
}

async fn two_holds_never_promise_the_same_money(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let calls = (0..20).map(|_| {
        let (service, request) = (service.clone(), authorize(&wallet, 3));
        tokio::spawn(async move { service.holds().authorize_hold(request).await })
    });
    let mut held = 0;
    for call in futures::future::join_all(calls).await {
        match call.unwrap() {
            Ok(_) => held += 1,
            Err(refused) => assert_eq!(reason(&refused), "INSUFFICIENT_FUNDS"),
        }
    }
    assert_eq!(held, 3);
    invariants::hold(world).await;
}
