//! The answer of a write: the message, whether it is a replay, and the versions it made.

use crate::error::AppError;
use tonic::{Response, Status, metadata::MetadataValue};

/// Metadata that marks an answer given before.
pub const REPLAYED: &str = "idempotent-replayed";
/// Metadata that names the aggregate versions that a write made, as `type/id@n`, comma between.
pub const VERSION: &str = "payterms-version";

/// What a write answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<M> {
    /// The message.
    pub message: M,
    /// True where the same request had been answered before.
    pub replayed: bool,
    /// Versions of the aggregates that the write changed.
    pub versions: Vec<String>,
}

impl<M> Answer<M> {
    /// An answer given before.
    pub fn replay(message: M) -> Self {
        Self { message, replayed: true, versions: Vec::new() }
    }

    fn into_response(self) -> Response<M> {
        let mut response = Response::new(self.message);
        if self.replayed {
            response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
        }
        if let Ok(value) = self.versions.join(",").parse()
            && !self.versions.is_empty()
        {
            response.metadata_mut().insert(VERSION, value);
        }
        response
    }
}

/// How often a transaction that lost a race is tried in all.
const TRIES: u32 = 5;

/// Runs a write, again if it lost a race, and makes its response.
///
/// # Errors
/// The status of the use case's error.
pub async fn write<M, F: Future<Output = Result<Answer<M>, AppError>>>(use_case: impl Fn() -> F) -> Result<Response<M>, Status> {
    Ok(retry(use_case).await?.into_response())
}

/// Makes the response of a write that is tried again by itself.
///
/// # Errors
/// The status of the use case's error.
pub async fn once<M>(use_case: impl Future<Output = Result<Answer<M>, AppError>>) -> Result<Response<M>, Status> {
    Ok(use_case.await?.into_response())
}

/// Runs a transaction, again if it lost a race.
///
/// # Errors
/// Those of the last try.
pub async fn retry<T, F: Future<Output = Result<T, AppError>>>(use_case: impl Fn() -> F) -> Result<T, AppError> {
    for _ in 1..TRIES {
        match use_case().await {
            Err(error) if error.is_transient() => tracing::debug!(%error, "a transaction is tried again"),
            done => return done,
        }
    }
    use_case().await
}

/// Makes the response of a read.
///
/// # Errors
/// The status of the use case's error.
pub async fn read<M>(use_case: impl Future<Output = Result<M, AppError>>) -> Result<Response<M>, Status> {
    Ok(Response::new(use_case.await?))
}
