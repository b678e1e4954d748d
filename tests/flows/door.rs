//! What comes half, slowly or not at all at the gateway's port holds nothing that others need, and a service that hangs
//! costs seconds.

use crate::{kills::grant, rig, wallets};
use futures::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use payterms_proto::wallet::v1::PostDebitRequest;
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    Database, World,
    people::person,
    rig::{Services, retry},
};
use std::{convert::Infallible, net::SocketAddr, process::Command, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Request};

/// Far longer than anything here takes, and shorter than a test that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection with calls whose messages never come whole.
async fn half_sent_calls(gateway: SocketAddr, token: &str, count: usize) {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..count {
        let begin = stream::iter([Ok::<_, Infallible>(Frame::data(bytes::Bytes::from_static(&[0, 0, 0])))]);
        let request = http::Request::post(format!("http://{gateway}/payterms.wallet.v1.PostingService/PostDebit"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", format!("Bearer {token}"))
            .body(StreamBody::new(begin.chain(stream::pending())))
            .unwrap();
        let mut sender = sender.clone();
        tokio::spawn(async move { sender.send_request(request).await });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_does_not_stop_a_service_for_all() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    wallets::grant(&world, &wallet, amount("USD", 10, 0), 0).await;
    let token = world.suite.token(&person("acme", "SERVICE", None), 600).unwrap();
    for _ in 0..2 {
        half_sent_calls(world.suite.gateway, &token, 1_000).await;
    }
    let service = world.someone("SERVICE", None);
    for _ in 0..20 {
        service.postings().post_debit(wallets::debit(&wallet, amount("USD", 0, 10))).await.unwrap();
    }
    world.end().await;
}

/// Sends some bytes and nothing more, and waits until the other side closes.
async fn is_closed_after(gateway: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let read = async {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("{bytes:?} holds a connection"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_half_is_closed() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // A HEADERS frame of a hundred bytes, of which three come; and one that does not end the headers.
    let half = [0, 0, 100, 1, 0, 0, 0, 0, 1, 0x82, 0x86, 0x84];
    let open = [0, 0, 3, 1, 0, 0, 0, 0, 1, 0x82, 0x86, 0x84];
    let cases = [
        Vec::new(),
        preface[..10].to_vec(),
        preface.to_vec(),
        [preface.as_slice(), &settings].concat(),
        [preface.as_slice(), &settings, &half].concat(),
        [preface.as_slice(), &settings, &open].concat(),
        b"POST /notifications/simulator/acme HTTP/1.1\r\nHost: a\r\nContent-Le".to_vec(),
        b"POST /notifications/simulator/acme HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf".to_vec(),
    ];
    let gateway = world.suite.gateway;
    futures::future::join_all(cases.iter().map(|bytes| is_closed_after(gateway, bytes))).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_costs_seconds() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 10).await;
    let services = Services::of(rig);
    let service = services.rig().someone("SERVICE", None);
    let debit =
        PostDebitRequest { request_id: request_id(), wallet: people.wallet.clone(), amount: amount("USD", 1, 0), ..Default::default() };
    let send = async || {
        let mut request = Request::new(debit.clone());
        request.set_timeout(Duration::from_secs(29));
        service.postings().post_debit(request).await
    };
    let first = retry(send).await.into_inner();
    let signal = |name: &str| Command::new("kill").args([name, &services.pid("wallet").unwrap().to_string()]).status().unwrap();
    assert!(signal("-STOP").success());
    let hangs = send().await.unwrap_err();
    assert_eq!(hangs.code(), Code::Unavailable, "the line is found dead long before the deadline: {hangs:?}");
    assert!(signal("-CONT").success());
    assert_eq!(retry(send).await.into_inner(), first);
}
