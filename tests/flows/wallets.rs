//! Credit is granted, used, and read back, now and as it was.

use crate::invariants;
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{
        GetBalanceRequest, GetWalletRequest, GrantCreditRequest, ListEntriesRequest,
        ListLotsRequest, ListWalletsRequest, OpenWalletRequest, PostDebitRequest, PostFeeRequest,
        VoidGrantRequest, get_balance_request::AsOf,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use tonic::Code;

on_both!(
    a_debit_takes_lots_in_order,
    more_than_is_available_is_refused_and_leaves_nothing,
    a_fee_may_leave_the_balance_negative_and_new_credit_settles_it,
    a_balance_of_the_past_is_what_it_was,
    lists_page_to_their_end,
    one_wallet_per_customer_and_currency,
    a_grant_can_be_voided_once,
    another_tenants_wallet_is_not_there,
);

pub(crate) async fn grant(
    world: &World,
    wallet: &str,
    money: Option<Money>,
    priority: i32,
) -> String {
    let request = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: money,
        priority,
        ..Default::default()
    };
    let granted =
        world.someone("STAFF", None).lots().grant_credit(request).await.unwrap().into_inner();
    granted.lot.unwrap().name
}

pub(crate) fn debit(wallet: &str, money: Option<Money>) -> PostDebitRequest {
    PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: money,
        description: "a call".into(),
    }
}

async fn available(world: &World, wallet: &str) -> Money {
    let request = GetWalletRequest { name: wallet.into() };
    let wallet = world
        .someone("STAFF", None)
        .wallets()
        .get_wallet(request)
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap();
    wallet.balance.unwrap().available.unwrap()
}

async fn a_debit_takes_lots_in_order(world: &World) {
    let (_, wallet) = world.usual().await;
    let last = grant(world, &wallet, amount("USD", 10, 0), 5).await;
    let first = grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let posting = world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 12, 50)))
        .await
        .unwrap()
        .into_inner();
    let posting = posting.posting.unwrap();
    let parts: Vec<_> =
        posting.parts.iter().map(|part| (part.lot.clone(), part.amount.clone())).collect();
    assert_eq!(parts, [(first, amount("USD", 10, 0)), (last, amount("USD", 2, 50))]);
    assert_eq!(posting.balance_after, amount("USD", 7, 50));
    assert_eq!(Some(available(world, &wallet).await), amount("USD", 7, 50));
    invariants::hold(world).await;
}

async fn more_than_is_available_is_refused_and_leaves_nothing(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let request = debit(&wallet, amount("USD", 10, 1));
    let refused = service.postings().post_debit(request.clone()).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "INSUFFICIENT_FUNDS")
    );
    grant(world, &wallet, amount("USD", 1, 0), 0).await;
    service
        .postings()
        .post_debit(request)
        .await
        .expect("what we refused may succeed later under the same id");
    let other =
        service.postings().post_debit(debit(&wallet, amount("EUR", 1, 0))).await.unwrap_err();
    assert_eq!(reason(&other), "CURRENCY_MISMATCH");
    invariants::hold(world).await;
}

async fn a_fee_may_leave_the_balance_negative_and_new_credit_settles_it(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 3, 0), 0).await;
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 5, 0),
        description: "A number".into(),
        unlisted: false,
    };
    let posting = world
        .someone("SERVICE", None)
        .postings()
        .post_fee(fee)
        .await
        .unwrap()
        .into_inner()
        .posting
        .unwrap();
    assert_eq!(posting.balance_after, amount("USD", -2, 0));
    assert_eq!(Some(available(world, &wallet).await), amount("USD", -2, 0));
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    assert_eq!(Some(available(world, &wallet).await), amount("USD", 8, 0));
    invariants::hold(world).await;
}

async fn a_balance_of_the_past_is_what_it_was(world: &World) {
    let (_, wallet) = world.usual().await;
    let staff = world.someone("STAFF", None);
    let mut history = Vec::new();
    for step in 1..=4 {
        grant(world, &wallet, amount("USD", step, 0), 0).await;
        let list =
            ListEntriesRequest { parent: wallet.clone(), page_size: 1, ..Default::default() };
        let entry =
            staff.wallets().list_entries(list).await.unwrap().into_inner().entries.pop().unwrap();
        history.push((entry.record_time.unwrap(), entry.balance_after.unwrap()));
    }
    for (at, balance) in history {
        for as_of in [AsOf::AtTime(at), AsOf::EffectiveAtTime(at)] {
            let request = GetBalanceRequest { name: wallet.clone(), as_of: Some(as_of) };
            let then =
                staff.wallets().get_balance(request).await.unwrap().into_inner().balance.unwrap();
            assert_eq!(then.posted, Some(balance.clone()));
        }
    }
    let before = GetBalanceRequest {
        name: wallet,
        as_of: Some(AsOf::AtTime(prost_types::Timestamp::default())),
    };
    assert_eq!(
        staff.wallets().get_balance(before).await.unwrap().into_inner().balance.unwrap().posted,
        amount("USD", 0, 0)
    );
}

async fn lists_page_to_their_end(world: &World) {
    let (_, wallet) = world.usual().await;
    for _ in 0..5 {
        grant(world, &wallet, amount("USD", 1, 0), 0).await;
    }
    let service = world.someone("SERVICE", None);
    service.postings().post_debit(debit(&wallet, amount("USD", 2, 0))).await.unwrap();
    let (mut lots, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListLotsRequest { parent: wallet.clone(), page_size: 2, page_token: token };
        let page = service.lots().list_lots(request).await.unwrap().into_inner();
        lots.extend(page.lots);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let names: std::collections::BTreeSet<_> = lots.iter().map(|lot| lot.name.clone()).collect();
    assert_eq!((lots.len(), names.len()), (5, 5));
    assert!(
        lots[..3].iter().all(|lot| lot.remaining == amount("USD", 1, 0)),
        "live lots come first"
    );
    let list = |token: &str| ListEntriesRequest {
        parent: wallet.clone(),
        page_size: 3,
        page_token: token.into(),
        ..Default::default()
    };
    let first = service.wallets().list_entries(list("")).await.unwrap().into_inner();
    let second =
        service.wallets().list_entries(list(&first.next_page_token)).await.unwrap().into_inner();
    let sequences: Vec<_> =
        first.entries.iter().chain(&second.entries).map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [7, 6, 5, 4, 3, 2]);
    let forged = service
        .lots()
        .list_lots(ListLotsRequest {
            parent: wallet.clone(),
            page_size: 2,
            page_token: first.next_page_token,
        })
        .await;
    assert_eq!(reason(&forged.unwrap_err()), "PAGE_TOKEN_INVALID");
}

async fn one_wallet_per_customer_and_currency(world: &World) {
    let (customer, wallet) = world.usual().await;
    let service = world.someone("SERVICE", None);
    let again = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.clone(),
        currency_code: "USD".into(),
        ..Default::default()
    };
    let refused = service.wallets().open_wallet(again).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::AlreadyExists, "RESOURCE_ALREADY_EXISTS")
    );
    assert!(refused.message().contains(&wallet));
    world.wallet(&customer, "AUD").await;
    let list = ListWalletsRequest { parent: customer, ..Default::default() };
    assert_eq!(service.wallets().list_wallets(list).await.unwrap().into_inner().wallets.len(), 2);
}

pub(crate) async fn a_grant_can_be_voided_once(world: &World) {
    let (_, wallet) = world.usual().await;
    let lot = grant(world, &wallet, amount("USD", 4, 0), 0).await;
    let staff = world.someone("STAFF", None);
    let void =
        || VoidGrantRequest { request_id: request_id(), name: lot.clone(), ..Default::default() };
    let voided = staff.lots().void_grant(void()).await.unwrap().into_inner().lot.unwrap();
    assert_eq!(voided.remaining, amount("USD", 0, 0));
    assert_eq!(reason(&staff.lots().void_grant(void()).await.unwrap_err()), "LOT_STATE");
    let missing = VoidGrantRequest {
        request_id: request_id(),
        name: format!("{wallet}/lots/{}", uuid::Uuid::from_u128(7)),
        ..Default::default()
    };
    assert_eq!(reason(&staff.lots().void_grant(missing).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    assert_eq!(Some(available(world, &wallet).await), amount("USD", 0, 0));
    invariants::hold(world).await;
}

async fn another_tenants_wallet_is_not_there(world: &World) {
    let (customer, wallet) = world.usual().await;
    world.tenant("other").await;
    let get = GetWalletRequest { name: wallet.clone() };
    let foreign = world
        .of_tenant("other", "STAFF", None)
        .wallets()
        .get_wallet(get.clone())
        .await
        .unwrap_err();
    let missing =
        GetWalletRequest { name: format!("{customer}/wallets/{}", uuid::Uuid::from_u128(7)) };
    let missing = world.someone("STAFF", None).wallets().get_wallet(missing).await.unwrap_err();
    assert_eq!(
        (foreign.code(), foreign.message(), foreign.details()),
        (missing.code(), missing.message(), missing.details())
    );
    let sibling = world.customer("acme", "GB").await;
    let theirs = world
        .someone("CUSTOMER_ADMIN", Some(&sibling))
        .wallets()
        .get_wallet(get.clone())
        .await
        .unwrap_err();
    assert_eq!(theirs.code(), Code::NotFound);
    world
        .someone("CUSTOMER_ADMIN", Some(&customer))
        .wallets()
        .get_wallet(get)
        .await
        .expect("the own wallet is seen");
}
