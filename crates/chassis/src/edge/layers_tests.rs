//! What the outermost layers make of panics, deadlines, and callers that go away.

use super::parse_timeout;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

async fn answered(handler: axum::routing::MethodRouter, timeout: &str) -> String {
    let routes = super::edge(
        axum::Router::new().route("/a", handler).layer(axum::middleware::from_fn(super::deadline)),
    );
    let request = http::Request::builder()
        .uri("/a")
        .header("content-type", "application/grpc")
        .header("grpc-timeout", timeout);
    let answer =
        tower::ServiceExt::oneshot(routes, request.body(axum::body::Body::empty()).unwrap())
            .await
            .unwrap();
    answer
        .headers()
        .get("grpc-status")
        .map_or_else(String::new, |status| status.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_panic_is_a_fault_to_who_knows_only_http() {
    let routes = super::edge(
        axum::Router::new()
            .route("/a", axum::routing::get(|| async { unreachable!("it panics") as String })),
    );
    let request = http::Request::builder().uri("/a").body(axum::body::Body::empty()).unwrap();
    assert_eq!(
        tower::ServiceExt::oneshot(routes, request).await.unwrap().status(),
        http::StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn a_spent_deadline_does_no_work_and_a_panic_is_internal() {
    let never = || axum::routing::get(|| async { unreachable!("no work is done") as String });
    assert_eq!(answered(never(), "0S").await, "4");
    let slow = axum::routing::get(std::future::pending::<String>);
    assert_eq!(answered(slow, "1m").await, "4");
    assert_eq!(answered(never(), "1S").await, "13");
}

#[tokio::test]
async fn what_has_begun_goes_on_when_its_caller_waits_no_longer() {
    let (started, gate, done) =
        (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, opens, ends) = (started.clone(), gate.clone(), done.clone());
    let handler = move || {
        let (begins, opens, ends) = (begins.clone(), opens.clone(), ends.clone());
        async move {
            begins.notify_one();
            opens.notified().await;
            ends.notify_one();
            String::new()
        }
    };
    let routes = super::edge(
        axum::Router::new()
            .route("/a", axum::routing::get(handler))
            .layer(axum::middleware::from_fn(super::deadline)),
    );
    let request = |timeout: &str| {
        let request = http::Request::builder()
            .uri("/a")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", timeout);
        request.body(axum::body::Body::empty()).unwrap()
    };
    // A deadline that passes in the middle.
    let answer = tower::ServiceExt::oneshot(routes.clone(), request("20m")).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "4");
    started.notified().await;
    gate.notify_one();
    done.notified().await;
    // A client that goes away in the middle.
    let calling = tokio::spawn(tower::ServiceExt::oneshot(routes, request("20S")));
    started.notified().await;
    calling.abort();
    assert!(calling.await.unwrap_err().is_cancelled());
    gate.notify_one();
    done.notified().await;
}

#[tokio::test]
async fn what_only_waits_hears_that_its_caller_has_gone() {
    let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let waiting = async move {
        events.send("waits").unwrap();
        crate::wire::deadline::caller_gone().await;
        events.send("ends").unwrap();
        axum::response::Response::default()
    };
    let calling = tokio::spawn(super::timed(axum::extract::Request::default(), |_| waiting));
    assert_eq!(seen.recv().await, Some("waits"));
    calling.abort();
    assert_eq!(seen.recv().await, Some("ends"));
}

#[test]
fn timeouts() {
    assert_eq!(parse_timeout("100m"), Some(Duration::from_millis(100)));
    assert_eq!(parse_timeout("1H"), Some(Duration::from_hours(1)));
    for bad in ["", "m", "100", "123456789S", "1.5S", "-1S", "1x", "１S"] {
        assert_eq!(parse_timeout(bad), None, "{bad}");
    }
}
