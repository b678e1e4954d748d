//! Request ids of those who call the suite.

use std::sync::atomic::{AtomicU64, Ordering};

tokio::task_local! {
    static STORY: (&'static str, AtomicU64);
}

/// A fresh request id; within [`repeatable`] the story's next one.
#[must_use]
pub fn request_id() -> String {
    let id = STORY.try_with(|(story, count)| {
        let name = format!("{story}/{}", count.fetch_add(1, Ordering::Relaxed));
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes())
    });
    id.unwrap_or_else(|_| uuid::Builder::from_random_bytes(rand::random()).into_uuid()).to_string()
}

/// Does something so that its request ids are the same each time: on a test clock the same story
/// then has the same answers.
pub async fn repeatable<T>(story: &'static str, act: impl Future<Output = T>) -> T {
    STORY.scope((story, AtomicU64::new(0)), act).await
}
