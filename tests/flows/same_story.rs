//! A story on a test clock is told twice: the same happens, of the same causes, which ids show
//! behind their milliseconds.
//!
//! Which postings share one event depends on the speed of the writers, as does the order of what is
//! taken side by side; the register's own events are of real time.

use crate::{
    invariants::{rows_of, selected},
    rig,
};
use payterms_suite::{
    Suite,
    demo::{self, stage::Stage},
    request_ids::repeatable,
};
use std::collections::HashSet;

const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];

/// All events of the stories, each with its aggregate and the cause that its id shows; none where
/// PostgreSQL is asked for and not to be had.
async fn events(on_postgres: bool) -> Option<Vec<String>> {
    let rig = rig::start(on_postgres).await?;
    let mut stage = Stage::new(Suite::of_processes(rig.data(), rig.gateway, rig.simulator()));
    assert_eq!(Box::pin(repeatable("year", demo::one_by_one(&mut stage))).await, Ok(()));
    let mut events = Vec::new();
    for service in SERVICES {
        let (conn, s) = rows_of(service, rig.data(), rig.postgres.as_deref()).await;
        // What follows the time part says what caused it.
        let select = format!(
            "SELECT aggregate_type || '/' || substr(aggregate_id, 15) || '@' || CAST(version AS text) || ' ' || event_type || ' ' \
             || substr(HEX(event_id)HEX, 13) FROM {s}outbox \
             WHERE tenant = 'southern-cross' AND version > 0 AND aggregate_type NOT IN ('postings', 'tenant')"
        );
        events.extend(
            selected(&conn, &select).await.into_iter().map(|event| format!("{service} {event}")),
        );
        conn.close().await.unwrap();
    }
    Some(events)
}

async fn played_twice(on_postgres: bool) {
    let (Some(first), Some(second)) = (events(on_postgres).await, events(on_postgres).await) else {
        return;
    };
    let but = |these: &[String], those: &[String]| {
        let those: HashSet<_> = those.iter().collect();
        these.iter().filter(|event| !those.contains(event)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((but(&first, &second), but(&second, &first)), (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_story_has_the_same_events_on_sqlite() {
    played_twice(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_story_has_the_same_events_on_postgres() {
    played_twice(true).await;
}
