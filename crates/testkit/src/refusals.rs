//! Reading refusals as a client does: from the status details.

use tonic::Status;
use tonic_types::StatusExt;

/// The one reason of a refusal.
#[must_use]
pub fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "payterms.dev");
    info.reason.clone()
}

/// The fields that a refusal finds wrong, with their reasons, as `field: REASON`.
#[must_use]
pub fn violations(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let fields = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    fields.iter().map(|v| format!("{}: {}", v.field, v.reason)).collect()
}

/// The subjects of the conditions that a refusal finds broken.
#[must_use]
pub fn conditions(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let found = details
        .precondition_failure()
        .map(|failure| failure.violations.clone())
        .unwrap_or_default();
    found.into_iter().map(|condition| condition.subject).collect()
}
