//! Keys that were taken away or replaced end without a new start, and tokens that were believed end
//! with them.

use crate::{
    events::{all_of, read_on, until_told},
    sealed::restarted,
};
use payterms_chassis::{
    identity::{Signer, ensure_key, key_set},
    key_pairs::KeyPair,
};
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::peers::v1::{DeliverRequest, inbox_service_client::InboxServiceClient},
    invoicing::v1::ListCustomersRequest,
    wallet::v1::ListWalletsRequest,
};
use payterms_testkit::{Database, World, people::person, reason};
use std::{fs, sync::Arc, time::Duration};
use tonic::{Request, Status};

/// Calls until it is refused, as it will be once the file was looked at again.
async fn reason_of<F: Future<Output = Result<(), Status>>>(call: impl Fn() -> F) -> String {
    loop {
        if let Err(status) = call().await {
            return reason(&status);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_key_that_was_replaced_ends() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let keys = world.folder.path().join("keys");
    let leaked = Signer::read(&keys, "credit", Arc::new(SystemClock)).unwrap();
    let bearer = |token: String| format!("Bearer {token}");
    let believed = bearer(leaked.internal("invoicing", &person("acme", "PEER", None)).unwrap());
    let deliver = async |bearer: &str| {
        let mut request = Request::new(DeliverRequest { events: Vec::new() });
        request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        let mut inbox =
            InboxServiceClient::connect(format!("http://{}", world.suite.services["invoicing"]))
                .await
                .unwrap();
        inbox.deliver(request).await.map(drop)
    };
    deliver(&believed).await.unwrap();
    let next = tempfile::tempdir().unwrap();
    ensure_key(next.path(), "credit").unwrap();
    for file in ["credit.pub", "credit.key"] {
        fs::copy(next.path().join(file), keys.join(file)).unwrap();
    }
    assert_eq!(reason_of(|| deliver(&believed)).await, "TOKEN_INVALID");
    // The service itself signs with its new key.
    let fresh = Signer::read(&keys, "credit", Arc::new(SystemClock)).unwrap();
    deliver(&bearer(fresh.internal("invoicing", &person("acme", "PEER", None)).unwrap()))
        .await
        .unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_callers_that_was_replaced_ends() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let (keys, staff) = (world.folder.path().join("keys"), world.someone("STAFF", None));
    let list = ListWalletsRequest {
        parent: "tenants/acme/customers/-".to_owned(),
        ..ListWalletsRequest::default()
    };
    let is_let_in = async || match staff.wallets().list_wallets(list.clone()).await {
        Err(status) if status.code() == tonic::Code::Unauthenticated => Err(status),
        _ => Ok(()),
    };
    is_let_in().await.unwrap();
    let next = tempfile::tempdir().unwrap();
    ensure_key(next.path(), "development").unwrap();
    fs::write(keys.join("jwks.json"), key_set(next.path(), &["development"]).unwrap()).unwrap();
    assert_eq!(reason_of(is_let_in).await, "TOKEN_INVALID");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_keep_their_place_while_the_keys_of_parts_are_replaced() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let first = world.customer("acme", "GB").await;
    world.customer("acme", "GB").await;
    let mut events = all_of("tenants/acme");
    until_told(&world.someone("OWNER", None), &mut events, &["CustomerChanged"]).await;
    while !read_on(&world.someone("OWNER", None), &mut events).await.is_empty() {}
    let mut list = ListCustomersRequest {
        parent: "tenants/acme".to_owned(),
        page_size: 1,
        ..ListCustomersRequest::default()
    };
    list.page_token = world
        .someone("STAFF", None)
        .customers()
        .list_customers(list.clone())
        .await
        .unwrap()
        .into_inner()
        .next_page_token;
    let mut world = world;
    for step in ["rotate", "switch", "retire"] {
        let keys = world.folder.path().join("keys");
        for name in ["gateway", "invoicing"] {
            let pair = KeyPair::new(&keys, name).unwrap();
            let done = match step {
                "rotate" => pair.rotate(),
                "switch" => pair.switch(),
                _ => pair.retire(Duration::ZERO),
            };
            done.unwrap();
        }
        // As a replica that starts now.
        world = restarted(world).await;
        let page = world
            .someone("STAFF", None)
            .customers()
            .list_customers(list.clone())
            .await
            .unwrap()
            .into_inner();
        assert!(
            page.customers.len() == 1 && page.customers[0].name != first
                || page.next_page_token.is_empty(),
            "{page:?}"
        );
        assert_eq!(
            read_on(&world.someone("OWNER", None), &mut events).await,
            [],
            "nothing comes again"
        );
    }
    let third = world.customer("acme", "GB").await;
    let told = until_told(&world.someone("OWNER", None), &mut events, &["CustomerChanged"]).await;
    assert!(told.iter().all(|event| event.subject == third), "and nothing is left out: {told:?}");
    world.end().await;
}
