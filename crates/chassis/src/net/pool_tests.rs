//! The pool against small servers that count the calls that they get.

use super::{LOOK_EVERY, Outgoing, Payload, Pool};
use crate::net::{addresses::Target, line::Line};
use axum::{Router, body::Body, response::IntoResponse, routing::any};
use bytes::Bytes;
use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

const READ: &str = "/payterms.wallet.v1.WalletService/GetBalance";
const WRITE: &str = "/payterms.wallet.v1.PostingService/PostDebit";
/// A write without a request id.
const DELIVERY: &str = "/payterms.common.peers.v1.InboxService/Deliver";

/// A replica with a runtime of its own, so that it can be lost with all its connections.
struct Server {
    at: SocketAddr,
    calls: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

/// What a replica does with calls.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Answers,
    SaysUnavailable,
    NeverAnswers,
}

impl Server {
    /// `health` is the status that it answers to probes: 1 is serving, 2 is not.
    fn start(at: SocketAddr, manner: Manner, health: u8) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (at, calls) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let counted = calls.clone();
        let handler = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match manner {
                    Manner::Answers => [("grpc-status", "0")].into_response(),
                    Manner::SaysUnavailable => [("grpc-status", "14")].into_response(),
                    Manner::NeverAnswers => std::future::pending().await,
                }
            }
        };
        let probe = move || async move { Body::from(vec![0, 0, 0, 0, 2, 8, health]) };
        let routes =
            Router::new().route("/grpc.health.v1.Health/Check", any(probe)).fallback(handler);
        runtime.spawn(async move {
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), routes).await
        });
        Self { at, calls, runtime: Some(runtime) }
    }

    fn on(host: u8, manner: Manner) -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, host], 0)), manner, 1)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn pool(servers: &[SocketAddr]) -> Pool {
    let targets: Vec<_> =
        servers.iter().map(|at| Target { host: at.ip().to_string(), port: at.port() }).collect();
    Pool::new(Line::new("wallet", None), &targets, 2)
}

async fn call(pool: &Pool, path: &str) -> Result<String, String> {
    let (head, ()) = http::Request::post(path).body(()).unwrap().into_parts();
    let sent = pool.send(
        Outgoing { head: &head, body: Payload::Whole(Bytes::from_static(b"\0\0\0\0\0")) },
        pool.next_lane(),
    );
    let answer = tokio::time::timeout(Duration::from_secs(20), sent)
        .await
        .unwrap()
        .map_err(|error| error.to_string())?;
    Ok(answer.headers()["grpc-status"].to_str().unwrap().to_owned())
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn calls_are_spread_and_a_lost_replica_is_passed_over_at_once() {
    let (mut first, second) = (Server::on(2, Manner::Answers), Server::on(3, Manner::Answers));
    let pool = pool(&[first.at, second.at]);
    for _ in 0..100 {
        assert_eq!(call(&pool, WRITE).await.unwrap(), "0");
    }
    assert!(
        first.calls() >= 20 && second.calls() >= 20,
        "{} and {}",
        first.calls(),
        second.calls()
    );
    first.kill();
    let before = second.calls();
    for _ in 0..50 {
        assert_eq!(call(&pool, READ).await.unwrap(), "0");
    }
    assert_eq!(second.calls(), before + 50);
}

#[tokio::test]
async fn a_call_that_may_have_arrived_is_sent_again_only_with_a_request_id() {
    for (path, again) in [(WRITE, true), (DELIVERY, false)] {
        let (mut first, second) =
            (Server::on(2, Manner::NeverAnswers), Server::on(3, Manner::NeverAnswers));
        let pool = pool(&[first.at, second.at]);
        // Calls are under way at both; then one replica is lost.
        let calling: Vec<_> = (0..8)
            .map(|_| {
                let pool = pool.clone();
                tokio::spawn(async move { call(&pool, path).await })
            })
            .collect();
        until("all calls are under way", async || {
            first.calls() + second.calls() == 8 && first.calls() > 0
        })
        .await;
        let at_first = first.calls();
        first.kill();
        if again {
            until("they have come to the other", async || second.calls() == 8).await;
        } else {
            until("they are answered", async || {
                calling.iter().filter(|call| call.is_finished()).count() == at_first
            })
            .await;
            assert_eq!(second.calls(), 8 - at_first, "none has come to the other");
        }
        calling.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test]
async fn a_replica_that_comes_later_gets_calls_and_one_that_is_not_ready_gets_none() {
    let (first, unready) = (
        Server::on(2, Manner::Answers),
        Server::start(SocketAddr::from(([127, 0, 0, 4], 0)), Manner::Answers, 2),
    );
    let free = SocketAddr::from(([127, 0, 0, 3], first.at.port()));
    let pool = pool(&[first.at, free, unready.at]);
    tokio::time::sleep(LOOK_EVERY / 4).await;
    let heard = unready.calls();
    for _ in 0..20 {
        assert_eq!(call(&pool, WRITE).await.unwrap(), "0");
    }
    assert_eq!((first.calls(), unready.calls()), (20, heard));
    let later = Server::start(free, Manner::Answers, 1);
    until("the new one gets calls", async || {
        call(&pool, WRITE).await.unwrap() == "0" && later.calls() > 3
    })
    .await;
    assert_eq!(unready.calls(), heard);
}

#[tokio::test]
async fn a_call_that_one_replica_cannot_do_is_done_by_another() {
    let (broken, sound) = (Server::on(2, Manner::SaysUnavailable), Server::on(3, Manner::Answers));
    let both = pool(&[broken.at, sound.at]);
    for _ in 0..20 {
        assert_eq!(call(&both, WRITE).await.unwrap(), "0");
    }
    assert!(sound.calls() == 20 && broken.calls() < 20, "it is passed over for a while");
    let alone = pool(&[broken.at]);
    let before = broken.calls();
    assert_eq!(call(&alone, WRITE).await.unwrap(), "14", "what the only one says is the answer");
    assert_eq!(broken.calls(), before + 1);
}

#[tokio::test]
async fn calls_that_wait_for_one_connection_share_its_failure() {
    let nobody = SocketAddr::from((
        [127, 0, 0, 2],
        TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port(),
    ));
    let pool = pool(&[nobody]);
    let calls = (0..50).map(|_| call(&pool, READ));
    assert!(
        futures::future::join_all(calls)
            .await
            .iter()
            .all(|answer| answer.as_ref().is_err_and(|why| why.contains("wallet")))
    );
}
