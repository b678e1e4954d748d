//! What a line does when certificates change at one end and the other end does not follow: no call
//! goes over it any more.

use crate::rig::until;
use payterms_chassis::{
    Network,
    net::{
        ages::ConnectionAges,
        pool::{Outgoing, Payload, pools},
        tls::{Followed, Part, Port, port::Guard},
    },
    serve,
};
use payterms_testkit::certificates::{Authority, Certificates, client, connect};
use std::{
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_stream::Empty;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};

const CHECK: &str = "/grpc.health.v1.Health/Check";

/// Counts the calls that come to it.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<AtomicUsize>);

impl Calls {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[tonic::async_trait]
impl Health for Calls {
    type WatchStream = Empty<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    async fn watch(
        &self,
        _: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("nobody watches"))
    }
}

fn follow(name: &'static str, folder: &Path) -> Followed<Part> {
    Part::follow(name, folder, CancellationToken::new()).unwrap()
}

/// The wallet's port, whose connections never become old.
async fn serves(part: Followed<Part>, calls: &Calls) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let ages = ConnectionAges { connection_age_seconds: 0, ..ConnectionAges::default() };
    let router = Routes::new(HealthServer::new(calls.clone())).into_axum_router();
    tokio::spawn(serve::serve(
        listener,
        router,
        Port::new(ages, Guard::Parts(part)),
        CancellationToken::new(),
    ));
    at
}

/// Waits until a part has taken the files that replaced those of before.
async fn has_taken(part: &Followed<Part>, before: &Arc<Part>) {
    until(async || Ok::<_, Status>(Arc::ptr_eq(&part.now(), before)), |is_same| !is_same).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_lets_go_of_a_server_that_it_believes_no_more() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let certificates = Certificates::of(&old);
    // The server's files never change, so it closes nothing: as an impostor with a certificate of
    // the old authority.
    let (elsewhere, calls) = (tempfile::tempdir().unwrap(), Calls::default());
    old.issue(elsewhere.path(), &["wallet"]);
    std::fs::write(elsewhere.path().join("ca.crt"), old.pem() + &new.pem()).unwrap();
    let at = serves(follow("wallet", elsewhere.path()), &calls).await;
    let part = follow("plans", &certificates.folder("plans"));
    let addresses = [("wallet".to_owned(), at)].into_iter().collect();
    let pools = pools(&Network { addresses, part: Some(part.clone()), ..Network::default() }, 1);
    let pool = &pools["wallet"];
    let call = async || {
        let (head, ()) = http::Request::post(CHECK)
            .header("content-type", "application/grpc")
            .body(())
            .unwrap()
            .into_parts();
        let sent = Outgoing {
            head: &head,
            body: Payload::Whole(bytes::Bytes::from_static(b"\0\0\0\0\0")),
        };
        pool.send(sent, pool.next_lane()).await.map(drop).map_err(|error| error.to_string())
    };
    call().await.unwrap();
    assert_eq!(calls.count(), 1);

    let before = part.now();
    certificates.trust(&[&new]);
    has_taken(&part, &before).await;
    let fault = call().await.unwrap_err();
    assert!(fault.contains("invalid peer certificate"), "{fault}");
    assert_eq!(calls.count(), 1, "nothing came over the line of before");

    let before = part.now();
    certificates.trust(&[&new, &old]);
    has_taken(&part, &before).await;
    call().await.unwrap();
    assert_eq!(calls.count(), 2, "another one is opened");
}

/// A client that does not listen: told that the connection closes, it goes on, and answers no ping.
struct Deaf {
    read: Pin<Box<dyn AsyncRead + Send>>,
    write: Pin<Box<dyn AsyncWrite + Send>>,
    next: u32,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call: `:method: POST`, `:scheme: https`, and literals that go into no table.
fn headers() -> Vec<u8> {
    let literal = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let field = |name: &str, value: &str| [vec![0], literal(name), literal(value)].concat();
    let path = [vec![4], literal(CHECK)].concat();
    [
        vec![0x83, 0x87],
        path,
        field(":authority", "wallet"),
        field("content-type", "application/grpc"),
        field("te", "trailers"),
    ]
    .concat()
}

impl Deaf {
    async fn connect(at: SocketAddr, authority: &Authority, folder: &Path) -> Self {
        let mut stream = connect(at, "wallet", client(authority, Some(folder))).await.unwrap();
        stream
            .write_all(
                &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat(),
            )
            .await
            .unwrap();
        let (read, write) = tokio::io::split(stream);
        Self { read: Box::pin(read), write: Box::pin(write), next: 1 }
    }

    /// Makes a call. Whether it was answered with a message, and not with a refusal, which has
    /// headers alone.
    async fn is_answered(&mut self) -> bool {
        let stream = self.next;
        self.next += 2;
        let message = frame(DATA, END_STREAM, stream, &[0; 5]);
        self.write
            .write_all(&[frame(HEADERS, END_HEADERS, stream, &headers()), message].concat())
            .await
            .unwrap();
        self.write.flush().await.unwrap();
        let mut with_message = false;
        loop {
            let mut head = [0; 9];
            self.read.read_exact(&mut head).await.unwrap();
            let mut payload =
                vec![
                    0;
                    usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()
                ];
            self.read.read_exact(&mut payload).await.unwrap();
            if u32::from_be_bytes([head[5], head[6], head[7], head[8]]) == stream {
                assert!(matches!(head[3], DATA | HEADERS), "the stream ends in order: {head:?}");
                with_message |= head[3] == DATA;
                if head[4] & END_STREAM != 0 {
                    return with_message;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_believed_no_more_begins_no_calls_on_its_old_connection() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (certificates, calls) = (Certificates::of(&old), Calls::default());
    let part = follow("wallet", &certificates.folder("wallet"));
    let at = serves(part.clone(), &calls).await;
    let mut deaf = Deaf::connect(at, &old, &certificates.folder("invoicing")).await;
    assert!(deaf.is_answered().await);
    let before = part.now();
    std::fs::write(certificates.folder("wallet").join("ca.crt"), new.pem()).unwrap();
    has_taken(&part, &before).await;
    while deaf.is_answered().await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let taken = calls.count();
    assert!(!deaf.is_answered().await);
    assert_eq!(calls.count(), taken, "a call that is refused does nothing");
}
