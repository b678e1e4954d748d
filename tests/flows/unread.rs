//! Requests that are answered before their body has come: the answer arrives whatever the client is
//! still sending, and the connection says what becomes of it.

use crate::{
    plain_http::{GET_WALLET, POST_DEBIT},
    rig,
};
use bytes::Bytes;
use h2::client;
use payterms_testkit::{Database, World, people::person};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Of what a client sends after it has read the answer.
const PIECE: usize = 64 << 10;

/// Sends the head of a call without a token and the first piece of its body, and reads the answer:
/// its head, and the connection.
async fn refused(gateway: SocketAddr, length: usize) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = format!(
        "POST /{POST_DEBIT} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; PIECE.min(length)]).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert!(read > 0, "the answer comes whole: {}", String::from_utf8_lossy(&answer));
    }
    (String::from_utf8(answer).unwrap(), stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_http1_is_read_by_who_is_still_sending() {
    let Some(rig) = rig::start(false).await else { return };
    let length = 9 << 20;
    let (answer, mut stream) = refused(rig.gateway, length).await;
    assert!(
        answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close"),
        "{answer}"
    );
    for _ in 1..length / PIECE {
        stream.write_all(&vec![b' '; PIECE]).await.unwrap();
    }
    // The connection ends as it said, and is not reset.
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    // A short body is read to its end, and the connection stays.
    let (answer, mut stream) = refused(rig.gateway, 1_000).await;
    assert!(!answer.contains("connection: close"), "{answer}");
    stream
        .write_all(format!("GET /{GET_WALLET} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut next = [0; 12];
    stream.read_exact(&mut next).await.unwrap();
    assert_eq!(&next, b"HTTP/1.1 405");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_on_and_on_is_not_read_for_ever() {
    let Some(rig) = rig::start(false).await else { return };
    let (_, mut stream) = refused(rig.gateway, 1 << 30).await;
    let sent = async { while stream.write_all(&vec![b' '; PIECE]).await.is_ok() {} };
    sent.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_http2_ends_its_stream_without_a_reset() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.tenant("acme").await;
    let token = world.suite.token(&person("acme", "SERVICE", None), 600).unwrap();
    let stream = TcpStream::connect(world.suite.gateway).await.unwrap();
    let (client, mut connection) = client::handshake(stream).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    // Without a token it is refused at once; with one a message that is too long is, while others
    // pass it on.
    for (length, token, status) in
        [(1_000, "", 401), (9 << 20, "", 401), (9 << 20, token.as_str(), 413)]
    {
        let request = http::Request::post(format!("http://{}/{POST_DEBIT}", world.suite.gateway))
            .header("content-type", "application/json")
            .header("content-length", length)
            .header("authorization", format!("Bearer {token}"));
        let (answer, mut body) = client.send_request(request.body(()).unwrap(), false).unwrap();
        // A short body is awaited by its answer; all of a long one is sent behind it.
        let mut left: usize = if length > PIECE { length } else { 0 };
        if left == 0 {
            body.send_data(Bytes::from(vec![b' '; length]), true).unwrap();
        }
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.status(), status);
        while let Some(data) = answer.body_mut().data().await {
            let data = data.unwrap();
            answer.body_mut().flow_control().release_capacity(data.len()).unwrap();
        }
        while left > 0 {
            body.reserve_capacity(left.min(PIECE));
            let room = std::future::poll_fn(|context| body.poll_capacity(context))
                .await
                .expect("the stream is open")
                .unwrap();
            let piece = Bytes::from(vec![b' '; room.min(left)]);
            left -= piece.len();
            body.send_data(piece, left == 0).unwrap();
        }
        // Whatever the server had sent by then has arrived before its answer to a ping.
        pings.ping(h2::Ping::opaque()).await.unwrap();
        client = client.ready().await.unwrap();
    }
    world.end().await;
}
