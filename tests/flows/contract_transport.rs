//! What the transport itself may be given: unknown paths, large messages, broken timeouts.

use crate::contract::{Bytes, channel, send};
use payterms_testkit::{World, people::person, reason};
use std::str::FromStr;
use tonic::{Code, Request, client::Grpc, codegen::http::uri::PathAndQuery};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_transport_is_given_gets_a_canonical_answer() {
    let world = World::start(payterms_testkit::Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let door = channel(world.suite.gateway).await;
    let token = world.suite.token(&person("acme", "STAFF", None), 600).unwrap();
    let inside = channel(world.suite.services["wallet"]).await;
    let large = vec![0x0A; 5 * 1_024 * 1_024];
    for path in [
        "/payterms.wallet.v1.WalletService/Nothing",
        "/payterms.nothing.v1.A/B",
        "/payterms.common.v1.Nothing/B",
        "/a.B/C",
    ] {
        for (channel, body) in [
            (&door, Vec::new()),
            (&inside, Vec::new()),
            (&door, large.clone()),
            (&inside, large.clone()),
        ] {
            let missing = send(channel, path, None, body).await.unwrap_err();
            assert_eq!(
                (missing.code(), reason(&missing).as_str()),
                (Code::Unauthenticated, "TOKEN_MISSING"),
                "{path}"
            );
        }
    }
    let unknown =
        send(&door, "/payterms.wallet.v1.WalletService/Nothing", Some(&token), Vec::new())
            .await
            .unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::Unimplemented, "METHOD_UNKNOWN")
    );
    let list = "/payterms.wallet.v1.WalletService/ListWallets";
    let large = send(&door, list, Some(&token), vec![0x0A; 5 * 1_024 * 1_024]).await.unwrap_err();
    assert_eq!(
        (large.code(), reason(&large).as_str()),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    let mut client = Grpc::new(door.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(tokio_stream::once(Vec::new()));
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let refused = client
        .client_streaming::<_, Vec<u8>, Vec<u8>, _>(
            request,
            PathAndQuery::from_str(list).unwrap(),
            Bytes,
        )
        .await;
    assert_eq!(reason(&refused.unwrap_err()), "TIMEOUT_MALFORMED");
    world.end().await;
}
