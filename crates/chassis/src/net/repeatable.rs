//! Which calls may be sent again to another replica although the first one may have got them: those
//! with a request id, whose effect is one however often they come, and those that only read.

use prost::Message;
use std::{collections::HashSet, sync::LazyLock};

/// The field by which equal requests are known.
const REQUEST_ID: &str = "request_id";
/// How the names of the methods begin that change nothing.
const READS: [&str; 2] = ["Get", "List"];

/// The methods with one message in each direction that may be repeated, by their paths.
static METHODS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let set =
        prost_types::FileDescriptorSet::decode(payterms_proto::DESCRIPTOR_SET_WITHOUT_COMMENTS)
            .unwrap_or_default();
    let messages = set
        .file
        .iter()
        .flat_map(|file| file.message_type.iter().map(|message| (file.package(), message)));
    let with_id: HashSet<_> = messages
        .filter(|(_, message)| message.field.iter().any(|field| field.name() == REQUEST_ID))
        .map(|(package, message)| format!(".{package}.{}", message.name()))
        .collect();
    let services = set
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service.method.iter().map(move |method| (package, service, method))
    });
    let repeatable = methods.filter(|(_, _, method)| {
        let reads = READS.iter().any(|verb| method.name().starts_with(verb));
        !method.client_streaming()
            && !method.server_streaming()
            && (reads || with_id.contains(method.input_type()))
    });
    repeatable
        .map(|(package, service, method)| {
            format!("/{package}.{}/{}", service.name(), method.name())
        })
        .collect()
});

/// Whether a call of this path may be sent again.
#[must_use]
pub fn is_repeatable(path: &str) -> bool {
    METHODS.contains(path)
}

#[cfg(test)]
mod tests {
    use super::is_repeatable;

    #[test]
    fn reads_and_calls_with_a_request_id_are_repeated_and_streams_are_not() {
        for path in [
            "/payterms.wallet.v1.PostingService/PostDebit",
            "/payterms.wallet.v1.WalletService/GetBalance",
        ] {
            assert!(is_repeatable(path), "{path}");
        }
        for path in [
            "/payterms.wallet.v1.UsageService/StreamUsage",
            "/payterms.wallet.peers.v1.NotificationService/ReceiveNotification",
            "/payterms.common.peers.v1.InboxService/Deliver",
            "/payterms.wallet.v1.WalletService/None",
        ] {
            assert!(!is_repeatable(path), "{path}");
        }
    }
}
