//! Ids of ours in capitals are the same ids.

use crate::{
    invariants,
    wallets::{debit, grant},
};
use payterms_proto::{
    invoicing::v1::{CreateCustomerRequest, Customer},
    wallet::v1::{GetWalletRequest, ListWalletsRequest, OpenWalletRequest, PostDebitRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(ids_in_capitals_are_the_same_ids,);

/// A name or an id with its UUIDs in capitals.
fn in_capitals(name: &str) -> String {
    let parts = name.split('/').map(|part| {
        if uuid::Uuid::try_parse(part).is_ok() { part.to_uppercase() } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("/")
}

async fn ids_in_capitals_are_the_same_ids(world: &World) {
    let (customer, wallet) = world.usual().await;
    let service = world.someone("SERVICE", None);
    grant(world, &in_capitals(&wallet), amount("USD", 10, 0), 0).await;
    let request = debit(&wallet, amount("USD", 1, 0));
    let capitals = PostDebitRequest {
        request_id: in_capitals(&request.request_id),
        wallet: in_capitals(&wallet),
        ..request.clone()
    };
    let first = service.postings().post_debit(capitals).await.unwrap();
    let again = service.postings().post_debit(request).await.unwrap();
    assert!(
        again.metadata().contains_key("idempotent-replayed"),
        "the same request in lower case is a retry"
    );
    assert_eq!(first.into_inner(), again.into_inner());
    let read = GetWalletRequest { name: in_capitals(&wallet) };
    let found = service.wallets().get_wallet(read).await.unwrap().into_inner().wallet.unwrap();
    assert_eq!((found.name, found.balance.unwrap().posted), (wallet.clone(), amount("USD", 9, 0)));
    let member = world.someone("MEMBER", Some(&customer));
    let page = |parent: &str, page_token: &str, filter: &str| ListWalletsRequest {
        parent: parent.into(),
        page_size: 1,
        page_token: page_token.into(),
        filter: filter.into(),
        ..Default::default()
    };
    world.wallet(&customer, "AUD").await;
    let named = format!("customer = {}", in_capitals(&customer));
    let first = member
        .wallets()
        .list_wallets(page(&in_capitals(&customer), "", &named))
        .await
        .unwrap()
        .into_inner();
    let rest = page(&customer, &first.next_page_token, &format!("customer = {customer}"));
    let rest = member.wallets().list_wallets(rest).await.unwrap().into_inner();
    assert_eq!(
        (first.wallets[0].name.as_str(), rest.wallets.len()),
        (wallet.as_str(), 1),
        "one list, however its parent is written"
    );
    // What another service knows by a copy is waited for by its id, however that is written.
    let new = Customer { country: "GB".into(), ..Customer::default() };
    let create = CreateCustomerRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        customer: Some(new),
        ..Default::default()
    };
    let made = world
        .someone("OWNER", None)
        .customers()
        .create_customer(create)
        .await
        .unwrap()
        .into_inner()
        .customer
        .unwrap();
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: in_capitals(&made.name),
        currency_code: "USD".into(),
        ..Default::default()
    };
    service.wallets().open_wallet(open).await.unwrap();
    invariants::hold(world).await;
}
