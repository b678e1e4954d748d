//! What a committer puts in one batch, in which order, and what it refuses.

use super::{Bounds, Committer, Key};
use crate::wire::error::AppError;
use payterms_kernel::{Reason, Refusal};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

fn key(tenant: &str) -> Key {
    Key { tenant: tenant.parse().unwrap(), subject: "backend".to_owned(), run_id: None, shard: 0 }
}

const BOUNDS: Bounds = Bounds { batch: 4, of_one: 6, in_all: 10, at_once: 2 };

/// The processed items, batch by batch.
type Done = Arc<Mutex<Vec<Vec<u32>>>>;

/// A committer whose batches wait for the notifier, and the items that it has processed.
fn gated() -> (Committer<u32, u32>, Done, Arc<Notify>) {
    let (done, gate) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let (log, opened) = (done.clone(), gate.clone());
    let committer = Committer::new("test", BOUNDS, move |items: Arc<[u32]>| {
        let (log, opened) = (log.clone(), opened.clone());
        async move {
            opened.notified().await;
            log.lock().unwrap().push(items.to_vec());
            if items.contains(&13) {
                return Err(AppError::Fault("13".to_owned()));
            }
            Ok(items
                .iter()
                .map(
                    |item| {
                        if *item == 7 { Err(Refusal::not_found().into()) } else { Ok(item * 2) }
                    },
                )
                .collect())
        }
    });
    (committer, done, gate)
}

fn call(
    committer: &Committer<u32, u32>,
    tenant: &str,
    item: u32,
) -> tokio::task::JoinHandle<Result<u32, AppError>> {
    let (committer, key) = (committer.clone(), key(tenant));
    tokio::spawn(async move { committer.submit(key, item).await })
}

/// Lets every task run until it waits.
async fn settled() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_waits_is_done_together_and_in_order() {
    let (committer, done, gate) = gated();
    let mut calls = vec![call(&committer, "acme", 1)];
    settled().await;
    for item in [2, 7, 3, 4, 5] {
        calls.push(call(&committer, "acme", item));
    }
    settled().await;
    for _ in 0..3 {
        gate.notify_one();
        settled().await;
    }
    assert_eq!(
        *done.lock().unwrap(),
        [vec![1], vec![2, 7, 3, 4], vec![5]],
        "at once alone, then four, then the rest"
    );
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().ok());
    }
    assert_eq!(
        answers,
        [Some(2), Some(4), None, Some(6), Some(8), Some(10)],
        "one that is refused fails alone"
    );
    assert!(committer.queues().keys.is_empty() && committer.queues().waiting == 0);
}

#[tokio::test]
async fn a_batch_that_breaks_is_halved_until_the_culprit_stands_alone() {
    let (committer, done, gate) = gated();
    let first = call(&committer, "acme", 1);
    settled().await;
    let calls: Vec<_> = [2, 13, 3, 4].map(|item| call(&committer, "acme", item)).into();
    settled().await;
    for _ in 0..7 {
        gate.notify_one();
        settled().await;
    }
    first.await.unwrap().unwrap();
    assert_eq!(
        *done.lock().unwrap(),
        [vec![1], vec![2, 13, 3, 4], vec![2, 13], vec![2], vec![13], vec![3, 4]]
    );
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().ok());
    }
    assert_eq!(answers, [Some(4), None, Some(6), Some(8)]);
}

#[tokio::test]
async fn several_of_one_caller_are_done_together_and_answered_in_their_order() {
    let (committer, done, gate) = gated();
    let first = call(&committer, "acme", 1);
    settled().await;
    let submitter = committer.clone();
    let several =
        tokio::spawn(async move { submitter.submit_many(key("acme"), vec![2, 7, 3]).await });
    settled().await;
    let submitter = committer.clone();
    let more = tokio::spawn(async move { submitter.submit_many(key("acme"), vec![4, 5]).await });
    settled().await;
    for _ in 0..3 {
        gate.notify_one();
        settled().await;
    }
    assert_eq!(
        *done.lock().unwrap(),
        [vec![1], vec![2, 7, 3], vec![4, 5]],
        "what one brings is not torn apart"
    );
    let values = |outcomes: Vec<Result<u32, AppError>>| {
        outcomes.into_iter().map(Result::ok).collect::<Vec<_>>()
    };
    assert_eq!(first.await.unwrap().unwrap(), 2);
    assert_eq!(values(several.await.unwrap().unwrap()), [Some(4), None, Some(6)]);
    assert_eq!(values(more.await.unwrap().unwrap()), [Some(8), Some(10)]);
}

#[tokio::test]
async fn too_many_are_refused_at_once_and_nobody_takes_all_the_room() {
    let (committer, done, gate) = gated();
    let running = call(&committer, "acme", 1);
    settled().await;
    let waiting: Vec<_> = (2..8).map(|item| call(&committer, "acme", item)).collect();
    settled().await;
    let refused = call(&committer, "acme", 9).await.unwrap().unwrap_err();
    assert!(
        matches!(refused, AppError::Refused(refusal) if refusal.reason == Reason::OVERLOADED),
        "six of a tenant wait"
    );
    let other = call(&committer, "globex", 10);
    settled().await;
    assert!(committer.queues().waiting == 6, "another tenant's call is at the database beside it");
    // Who goes away before its turn is passed over.
    waiting.last().unwrap().abort();
    settled().await;
    for _ in 0..4 {
        gate.notify_one();
        settled().await;
    }
    assert_eq!((running.await.unwrap().unwrap(), other.await.unwrap().unwrap()), (2, 20));
    let mut all = done.lock().unwrap().concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 10]);
}
