//! The methods of the contract by their paths, and the messages that details of errors have.

use payterms_chassis::access::is_for_peers;
use payterms_proto::{DESCRIPTOR_SET, DESCRIPTOR_SET_WITHOUT_COMMENTS};
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};
use std::{collections::HashMap, sync::LazyLock};

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    Proto,
}

/// Whether a call has one message in each direction, or a stream in at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    OneMessage,
    Stream,
}

impl Shape {
    pub(super) fn of(method: &MethodDescriptor) -> Self {
        if method.is_client_streaming() || method.is_server_streaming() {
            Self::Stream
        } else {
            Self::OneMessage
        }
    }
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let mut pool = DescriptorPool::decode(DESCRIPTOR_SET_WITHOUT_COMMENTS).unwrap_or_default();
    if let Err(error) = pool.decode_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET) {
        tracing::error!(%error, "details of errors have no descriptors");
    }
    pool
});

static METHODS: LazyLock<HashMap<String, MethodDescriptor>> = LazyLock::new(|| {
    let open = POOL.services().filter(|service| !is_for_peers(service.full_name()));
    let methods = open.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods
        .map(|method| {
            (format!("/{}/{}", method.parent_service().full_name(), method.name()), method)
        })
        .collect()
});

/// The method at a path that leads into the suite.
pub(super) fn method(path: &str) -> Option<MethodDescriptor> {
    METHODS.get(path).cloned()
}

/// The comments of the contract are here: they take much memory, which is free again when this is
/// dropped.
pub(super) fn with_comments() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTOR_SET).unwrap_or_default()
}

/// The files of the contract, without their comments.
#[cfg(test)]
pub(super) fn files() -> impl Iterator<Item = prost_reflect::FileDescriptor> {
    POOL.files()
}

/// A message by its full name.
pub(super) fn message(name: &str) -> Option<MessageDescriptor> {
    POOL.get_message_by_name(name)
}

#[cfg(test)]
mod tests {
    use super::{Shape, message, method};

    #[test]
    fn methods_and_details_are_known() {
        let debit = method("/payterms.wallet.v1.PostingService/PostDebit").unwrap();
        assert_eq!(Shape::of(&debit), Shape::OneMessage);
        assert_eq!(
            Shape::of(&method("/payterms.wallet.v1.UsageService/RecordUsageStream").unwrap()),
            Shape::Stream
        );
        assert!(method("/payterms.wallet.v1.PostingService/Nothing").is_none());
        for detail in ["ErrorInfo", "BadRequest", "PreconditionFailure", "RetryInfo"] {
            assert!(message(&format!("google.rpc.{detail}")).is_some(), "{detail}");
        }
    }
}
