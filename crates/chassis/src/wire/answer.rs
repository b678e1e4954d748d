//! The answer of a write: the message, whether it is a replay, and the versions of the aggregates
//! that changed.

use super::error::AppError;
use crate::telemetry::metrics;
use prost::Message;
use tonic::{Response, metadata::MetadataValue};

/// Metadata that marks a replayed answer.
pub const REPLAYED: &str = "idempotent-replayed";
/// Metadata with the aggregate versions that a write made, as `type/id@n`, separated by commas.
pub const VERSION: &str = "payterms-version";
/// Metadata of a refusal that is based on copies: the aggregates as `type/id`, separated by commas.
/// The gateway and other services read it; the gateway removes it before the answer reaches a
/// caller.
pub const COPIES: &str = "payterms-copies";

/// The answer of a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<M> {
    /// The message.
    pub message: M,
    /// True if the same request had been answered before.
    pub replayed: bool,
    /// Versions of the aggregates that the write changed.
    pub versions: Vec<String>,
}

impl Answer<Vec<u8>> {
    /// The answer whose message these bytes are.
    ///
    /// # Errors
    /// `Fault` where they are not.
    pub fn decoded<M: Message + Default>(self) -> Result<Answer<M>, AppError> {
        Ok(Answer {
            message: M::decode(self.message.as_slice())?,
            replayed: self.replayed,
            versions: self.versions,
        })
    }
}

impl<M> Answer<M> {
    /// The replay of a stored answer.
    pub fn replay(message: M) -> Self {
        Self { message, replayed: true, versions: Vec::new() }
    }

    pub(crate) fn into_response(self) -> Response<M> {
        let mut response = Response::new(self.message);
        if self.replayed {
            metrics::replayed();
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
