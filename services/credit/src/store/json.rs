//! Columns that hold JSON.

use payterms_chassis::AppError;
use serde::{Serialize, de::DeserializeOwned};

/// A value as a column holds it.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, AppError> {
    serde_json::to_string(value).map_err(|error| AppError::Fault(error.to_string()))
}

/// A value of a column; `what` names it where it cannot be read.
pub(super) fn of_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|error| AppError::Fault(format!("{what}: {error}")))
}
