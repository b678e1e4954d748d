//! What answers say of limits: headers as draft-ietf-httpapi-ratelimit-headers names them, and the
//! refusal.

use super::{
    account::Holder,
    bucket::{Left, burst, window},
};
use http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};
use payterms_chassis::error::{DOMAIN, detailed};
use payterms_kernel::Reason;
use std::{collections::HashMap, time::Duration};
use tonic::{Code, Status, metadata::MetadataMap};
use tonic_types::ErrorDetails;

/// What is left.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What there is.
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is left to a caller after a call.
#[derive(Debug)]
pub(crate) struct Allowance {
    holder: Holder,
    left: Left,
    policy: HeaderValue,
}

impl Allowance {
    pub(super) fn new(holder: Holder, left: Left, policy: HeaderValue) -> Self {
        Self { holder, left, policy }
    }

    /// Writes it into the headers of an answer.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let Left { calls, whole_in } = self.left;
        if let Ok(value) = HeaderValue::try_from(format!(
            "\"{}\";r={calls};t={}",
            self.holder.name(),
            whole_in.as_secs()
        )) {
            headers.insert(RATE_LIMIT, value);
            headers.insert(RATE_LIMIT_POLICY, self.policy);
        }
    }
}

/// A rate as headers say it: so many calls within so many seconds.
pub(super) fn policy(holder: Holder, calls_per_second: u32) -> HeaderValue {
    let text = format!(
        "\"{}\";q={};w={}",
        holder.name(),
        burst(calls_per_second),
        window(calls_per_second)
    );
    // Names and numbers are always a value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The refusal of a call beyond a rate.
pub(super) fn rate_limited(
    holder: Holder,
    calls_per_second: u32,
    policy: HeaderValue,
    wait: Duration,
) -> Status {
    let who = match holder {
        Holder::Caller => "This caller makes",
        Holder::Customer => "All who act for this customer make together",
        Holder::Tenant => "All callers of this tenant make together",
    };
    let message = format!(
        "{who} more than {calls_per_second} calls a second. Retry after the delay, and call less often."
    );
    let metadata =
        [("holder", holder.name().to_owned()), ("calls_per_second", calls_per_second.to_string())];
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut details = ErrorDetails::with_error_info(Reason::RATE_LIMITED, DOMAIN, metadata);
    // Never zero, which would be no delay.
    details.set_retry_info(Some(wait.max(Duration::from_millis(1))));
    let mut status = detailed(Code::ResourceExhausted, message, details);
    let left = Left { calls: 0, whole_in: Duration::from_secs(window(calls_per_second).into()) };
    let mut headers = HeaderMap::new();
    Allowance::new(holder, left, policy).write(&mut headers);
    // In whole seconds, rounded up.
    headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().saturating_add(1)));
    *status.metadata_mut() = MetadataMap::from_headers(headers);
    status
}
