//! The errors of a use case, and the one place where an error becomes a gRPC status.

use crate::wire::{
    deadline::DEADLINE,
    store_error::{Corrupt, StoreError},
};
use payterms_kernel::{Kind, Reason, Refusal, Violation, money::MoneyError};
use payterms_proto::reasons;
use prost::Message;
use sea_orm::{ConnAcquireErr, DbErr};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};
use uuid::Uuid;

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "payterms.dev";

/// Violations that one status carries. Details are sent in a header, and peers limit the size of
/// headers.
const MOST_DETAILS: usize = 40;
/// Bytes of the violations of fields that one status carries, beside the first: some sentences list
/// many values.
const MOST_BYTES: usize = 6_000;
/// Letters of the message, which is sent twice: in a header of its own, and among the details.
const LONGEST_MESSAGE: usize = 1_500;

/// The reason why a use case has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The suite refuses, and the caller can do something about it. Nothing was written.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// The database failed.
    #[error("database: {0}")]
    Store(StoreError),
    /// Another service answered with an error.
    #[error("upstream: {0}")]
    Upstream(Box<Status>),
    /// A row or message of the suite itself is not as expected: a bug.
    #[error("fault: {0}")]
    Fault(String),
}

impl From<DbErr> for AppError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<MoneyError> for AppError {
    fn from(error: MoneyError) -> Self {
        Refusal::from(error).into()
    }
}

/// The reason in the suite's `ErrorInfo`; `None` for a status from a transport or anything else
/// outside the suite.
#[must_use]
pub fn reason(status: &Status) -> Option<String> {
    status
        .get_error_details()
        .error_info()
        .filter(|info| info.domain == DOMAIN)
        .map(|info| info.reason.clone())
}

/// Whether a status of the suite has one of these reasons.
#[must_use]
pub fn has_reason(status: &Status, reasons: &[Reason]) -> bool {
    reason(status).is_some_and(|reason| reasons.iter().any(|one| reason == *one))
}

impl From<Status> for AppError {
    /// The answer of another service. Only a status that the service itself made counts as an
    /// answer. A status that a transport made, because of a broken connection or a stopped process,
    /// does not; nor does one about the transmission of the call rather than its content.
    fn from(status: Status) -> Self {
        let of_transmission =
            [Reason::MALFORMED_MESSAGE, Reason::TIMEOUT_MALFORMED, Reason::METHOD_UNKNOWN];
        let is_about_transmission = has_reason(&status, &of_transmission);
        let answered = reason(&status).is_some()
            && !is_about_transmission
            && !matches!(status.code(), Code::Cancelled | Code::Unauthenticated);
        Self::Upstream(Box::new(if answered { status } else { unanswered(&status) }))
    }
}

/// Whether a code is a refusal that the state of the data explains.
pub(crate) fn is_refusal_code(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
    )
}

/// The status of a call that another service did not answer.
fn unanswered(status: &Status) -> Status {
    let deadline_passed =
        DEADLINE.try_with(|deadline| *deadline <= tokio::time::Instant::now()).unwrap_or_default();
    tracing::info!(code = ?status.code(), message = status.message(), "a call to another service was not answered");
    if deadline_passed || status.code() == Code::DeadlineExceeded {
        return deadline_exceeded();
    }
    refused(Refusal::new(
        Kind::Unavailable,
        Reason::UNAVAILABLE,
        "A part that is needed does not answer. Retry with the same request id.",
    ))
}

/// The status after the caller's deadline has passed.
pub(crate) fn deadline_exceeded() -> Status {
    let message = "The time that the caller gave is over. A write may have taken effect: retry with the same request id.";
    status(Code::DeadlineExceeded, Reason::DEADLINE_EXCEEDED, message)
}

impl From<prost::DecodeError> for AppError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Fault(error.to_string())
    }
}

impl AppError {
    /// Whether the same transaction may succeed if it is retried at once.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(StoreError::Raced(_)))
    }

    /// The error with the table and the id of the row that was read, if it is about what the row
    /// holds.
    #[must_use]
    pub fn in_row(self, table: &'static str, id: Uuid) -> Self {
        match self {
            Self::Store(StoreError::Corrupt(corrupt)) if corrupt.row.is_none() => {
                Self::Store(StoreError::Corrupt(Corrupt { row: Some((table, id)), ..corrupt }))
            }
            other => other,
        }
    }

    /// Whether a retry cannot succeed, because the cause lies in the input and not in a component
    /// that does not answer.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                !matches!(refusal.kind, Kind::Unavailable | Kind::Exhausted | Kind::Conflict)
            }
            Self::Fault(_) => true,
            Self::Store(error) => error.is_lasting(),
            Self::Upstream(_) => false,
        }
    }
}

/// The error of a transaction that lost a race. A retry at once finds the rows of the winner.
#[must_use]
pub fn raced(what: &str) -> AppError {
    AppError::Store(StoreError::Raced(what.to_owned()))
}

/// The error for a row with something that no row of the suite has.
#[must_use]
pub fn corrupt(what: String) -> AppError {
    AppError::Store(StoreError::Corrupt(Corrupt { what, row: None }))
}

/// A refusal that asks the caller to wait for another component and retry.
#[must_use]
pub fn not_yet(reason: Reason, message: &str) -> AppError {
    Refusal::new(Kind::Unavailable, reason, message).into()
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused(refusal) => refused(*refusal),
            AppError::Upstream(status) => *status,
            AppError::Store(StoreError::Raced(cause)) => {
                tracing::warn!(error = cause, "a transaction lost its race");
                refused(Refusal::new(
                    Kind::Conflict,
                    Reason::CONCURRENT_UPDATE,
                    "Other calls changed the same rows. Retry with the same request id.",
                ))
            }
            AppError::Store(StoreError::NoConnection(ConnAcquireErr::Timeout)) => {
                let message = "The service has more work than database connections. Retry with the same request id after the delay.";
                refused(Refusal::new(Kind::Exhausted, Reason::OVERLOADED, message))
            }
            AppError::Store(StoreError::Corrupt(corrupt)) => {
                AppError::Fault(corrupt.to_string()).into()
            }
            AppError::Store(store) => {
                tracing::error!(error = %store, "the database failed");
                refused(Refusal::new(
                    Kind::Unavailable,
                    Reason::UNAVAILABLE,
                    "The service cannot reach its data. Retry with the same request id.",
                ))
            }
            AppError::Fault(fault) => {
                tracing::error!(%fault, "a fault of the suite");
                status(
                    Code::Internal,
                    Reason::INTERNAL,
                    "A fault of the suite. Retry with the same request id; report it if it lasts.",
                )
            }
        }
    }
}

/// A status with its one `ErrorInfo` and nothing else.
#[must_use]
pub fn status(code: Code, reason: Reason, message: &str) -> Status {
    detailed(code, message, ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new()))
}

/// A status with these details: the one way to make one with an `ErrorInfo` of ours. In a debug
/// build its code and metadata are what the contract says of the reason, or it becomes a fault that
/// says what is not documented.
#[must_use]
pub fn detailed(code: Code, message: impl Into<String>, details: ErrorDetails) -> Status {
    if cfg!(debug_assertions) {
        let undocumented = undocumented(code, &details);
        if !undocumented.is_empty() {
            tracing::error!(?undocumented, "a refusal is not as error_reason.proto says");
            let message = format!("Not in error_reason.proto: {}.", undocumented.join(", "));
            return Status::with_error_details(
                Code::Internal,
                message,
                ErrorDetails::with_error_info(Reason::INTERNAL, DOMAIN, HashMap::new()),
            );
        }
    }
    ordered(Status::with_error_details(code, message, details))
}

/// A status whose metadata is written by the order of its keys, so that the same refusal is the
/// same bytes each time.
fn ordered(status: Status) -> Status {
    let Ok(mut whole) = tonic_types::pb::Status::decode(status.details()) else { return status };
    for detail in
        whole.details.iter_mut().filter(|detail| detail.type_url.ends_with("/google.rpc.ErrorInfo"))
    {
        if let Ok(info) = OrderedInfo::decode(detail.value.as_slice()) {
            detail.value = info.encode_to_vec();
        }
    }
    Status::with_details(status.code(), status.message(), whole.encode_to_vec().into())
}

/// `google.rpc.ErrorInfo` with its metadata in order.
#[derive(Clone, PartialEq, Message)]
struct OrderedInfo {
    #[prost(string, tag = "1")]
    reason: String,
    #[prost(string, tag = "2")]
    domain: String,
    #[prost(btree_map = "string, string", tag = "3")]
    metadata: BTreeMap<String, String>,
}

/// What a status says that the contract does not say of its reason.
fn undocumented(code: Code, details: &ErrorDetails) -> Vec<String> {
    let Some(info) = details.error_info() else { return vec!["no reason".to_owned()] };
    let Some(doc) = reasons::documented(&info.reason) else { return vec![info.reason.clone()] };
    let keys: Vec<_> = info.metadata.keys().map(String::as_str).collect();
    let conditions = details.precondition_failure().map_or(&[][..], |failure| &failure.violations);
    let others: Vec<_> = conditions.iter().map(|condition| condition.r#type.as_str()).collect();
    doc.undocumented(code_name(code), &keys, &others, details.retry_info().is_some())
}

/// The name of a code, as gRPC writes it.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// What is wrong with one field: a reason for programs, and a sentence for people.
#[must_use]
pub fn field_violation(field: String, reason: Reason, description: String) -> FieldViolation {
    FieldViolation { field, description, reason: reason.into(), localized_message: None }
}

/// The status of a refusal, with all its details.
#[must_use]
pub fn refused(refusal: Refusal) -> Status {
    let code = match refusal.kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::Precondition => Code::FailedPrecondition,
        Kind::NotFound => Code::NotFound,
        Kind::AlreadyExists => Code::AlreadyExists,
        Kind::Denied => Code::PermissionDenied,
        Kind::Conflict => Code::Aborted,
        Kind::Exhausted => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
    };
    let metadata: HashMap<String, String> =
        refusal.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut details = ErrorDetails::with_error_info(refusal.reason, DOMAIN, metadata);
    if !refusal.violations.is_empty() {
        let mut bytes = 0_usize;
        let fits = |violation: &Violation| {
            let is_first = bytes == 0;
            bytes = bytes
                .saturating_add(violation.field.len())
                .saturating_add(violation.description.len())
                .saturating_add(40);
            is_first || bytes <= MOST_BYTES
        };
        let shown = refusal.violations.into_iter().take(MOST_DETAILS).take_while(fits);
        details.set_bad_request(
            shown.map(|v| field_violation(v.field, v.reason, v.description)).collect::<Vec<_>>(),
        );
    }
    if !refusal.conditions.is_empty() {
        details.set_precondition_failure(
            refusal
                .conditions
                .into_iter()
                .take(MOST_DETAILS)
                .map(|c| PreconditionViolation::new(c.name, c.subject, c.description))
                .collect::<Vec<_>>(),
        );
    }
    if matches!(code, Code::Unavailable | Code::ResourceExhausted)
        || matches!(refusal.reason, Reason::CONCURRENT_UPDATE | Reason::CLOCK_ADVANCING)
    {
        details.set_retry_info(Some(Duration::from_millis(500)));
    }
    let message: String = refusal.message.chars().take(LONGEST_MESSAGE).collect();
    detailed(code, message, details)
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
