//! What comes half, slowly or without a token at the gateway's port holds nothing that others need.

use crate::wallets;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body as _, Frame, Incoming},
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use payterms_proto::{invoicing::v1::DownloadDocumentsRequest, wallet::v1::GetWalletRequest};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{Database, World, people::person};
use prost::Message;
use std::{convert::Infallible, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status};

/// Twice as long as what comes half may hold a connection.
const TWICE: Duration = Duration::from_secs(10);
/// Far longer than anything here takes, and shorter than a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

type Sender = SendRequest<UnsyncBoxBody<Bytes, Infallible>>;

/// A connection whose answers wait after their first bytes.
pub(crate) async fn connect(gateway: SocketAddr) -> Sender {
    let stream = TcpStream::connect(gateway).await.unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1_024);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Calls a method of the gateway with a body of these pieces.
pub(crate) async fn call(
    sender: &Sender,
    gateway: SocketAddr,
    token: &str,
    method: &str,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
) -> hyper::Result<http::Response<Incoming>> {
    let body =
        StreamBody::new(pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)))).boxed_unsync();
    let request = http::Request::post(format!("http://{gateway}/payterms.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(body)
        .unwrap();
    sender.clone().send_request(request).await
}

/// A message with its frame's head.
pub(crate) fn framed(message: &impl Message) -> stream::Iter<std::array::IntoIter<Bytes, 1>> {
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    message.encode(&mut framed).unwrap();
    stream::iter([framed.into()])
}

/// A connection with calls whose messages never come whole.
async fn half_sent_calls(gateway: SocketAddr, token: &str, count: usize) {
    let sender = connect(gateway).await;
    for _ in 0..count {
        let (sender, token) = (sender.clone(), token.to_owned());
        let begin = stream::iter([Bytes::from_static(&[0, 0, 0])]).chain(stream::pending());
        tokio::spawn(async move {
            call(&sender, gateway, &token, "wallet.v1.PostingService/PostDebit", begin).await
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_member_does_not_stop_a_service_for_all() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    wallets::grant(&world, &wallet, amount("USD", 10, 0), 0).await;
    let token = world.suite.token(&person("acme", "STAFF", None), 600).unwrap();
    for _ in 0..2 {
        half_sent_calls(world.suite.gateway, &token, 1_000).await;
    }
    let service = world.someone("SERVICE", None);
    for _ in 0..20 {
        service.postings().post_debit(wallets::debit(&wallet, amount("USD", 0, 10))).await.unwrap();
    }
    world.end().await;
}

/// Clients in Go take headers with a status that do not end the answer for a broken one.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_with_its_headers() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let (gateway, token) =
        (world.suite.gateway, world.suite.token(&person("acme", "STAFF", None), 600).unwrap());
    let sender = connect(gateway).await;
    let nobody = GetWalletRequest {
        name: format!("tenants/acme/customers/{}/wallets/{}", request_id(), request_id()),
    };
    let refusals = [
        call(&sender, gateway, &token, "wallet.v1.WalletService/GetWallet", framed(&nobody)).await,
        call(
            &sender,
            gateway,
            &token,
            "wallet.v1.WalletService/GetWallet",
            framed(&GetWalletRequest::default()),
        )
        .await,
        call(&sender, gateway, &token, "wallet.v1.WalletService/GetNothing", framed(&nobody)).await,
        call(&sender, gateway, "", "wallet.v1.WalletService/GetWallet", framed(&nobody)).await,
        call(
            &sender,
            gateway,
            &token,
            "gateway.v1.AccountService/GetAccountOverview",
            framed(&nobody),
        )
        .await,
        call(
            &sender,
            gateway,
            &token,
            "invoicing.v1.DocumentService/DownloadDocuments",
            framed(&DownloadDocumentsRequest::default()),
        )
        .await,
    ];
    for refused in refusals.map(Result::unwrap) {
        assert!(
            refused.headers()["grpc-status"] != "0" && refused.body().is_end_stream(),
            "{refused:?}"
        );
    }
    world.end().await;
}

/// Sends some bytes, then nothing more or one each second, and waits until the other side closes.
async fn is_closed_after(gateway: SocketAddr, bytes: &[u8], drips: bool) {
    let (mut read, mut write) = TcpStream::connect(gateway).await.unwrap().into_split();
    write.write_all(bytes).await.unwrap();
    let dripping = async {
        while drips && write.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let closed = async {
        tokio::select! {
            _ = read.read_to_end(&mut answer) => {}
            () = dripping => {}
        }
    };
    tokio::time::timeout(TWICE, closed)
        .await
        .unwrap_or_else(|_| panic!("{bytes:?} holds a connection"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_half_is_closed() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // A HEADERS frame of a hundred bytes, of which three come; and one that does not end the
    // headers.
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
    let silent = cases.iter().map(|bytes| is_closed_after(gateway, bytes, false));
    let dripping = cases[6..].iter().map(|bytes| is_closed_after(gateway, bytes, true));
    futures::future::join_all(silent.chain(dripping)).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_half_sent_without_a_token_is_answered() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let sender = connect(world.suite.gateway).await;
    let ended = async |path: &str| {
        let request = http::Request::post(format!("http://{}/{path}", world.suite.gateway))
            .header("content-type", "application/grpc")
            .body(StreamBody::new(stream::pending()).boxed_unsync())
            .unwrap();
        let answer = async {
            let (head, body) = sender.clone().send_request(request).await.unwrap().into_parts();
            let end = body.collect().await.unwrap().trailers().cloned();
            Status::from_header_map(&end.unwrap_or(head.headers)).unwrap().code()
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap()
    };
    assert_eq!(ended("grpc.health.v1.Health/Check").await, Code::Unavailable);
    assert_eq!(ended("grpc.reflection.v1.ServerReflection/ServerReflectionInfo").await, Code::Ok);
    world.end().await;
}
