//! docs/errors.md, made from the comments of the enum of reasons.

use prost_reflect::DescriptorPool;
use std::fmt::Write;

const HEAD: &str = "# Errors\n\n\
Every error carries one `google.rpc.ErrorInfo` with domain `payterms.dev` and one of these reasons; `BadRequest` holds all fields\n\
that are wrong, each with a `reason` of this list and a sentence in `description`, `PreconditionFailure` all conditions that do not\n\
hold, `RetryInfo` when to try again. A decline by a payment provider is no error: it is a result.\n\n\
This page is made from `proto/payterms/common/v1/error_reason.proto` by `cargo run -p payterms-xtask -- errors`.\n";

/// The page.
///
/// # Errors
/// A sentence if the descriptors cannot be read.
pub fn page() -> Result<String, String> {
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).map_err(|error| error.to_string())?;
    let reasons = pool.get_enum_by_name("payterms.common.v1.ErrorReason").ok_or("no enum of reasons")?;
    let file = reasons.parent_file();
    let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
    let mut page = HEAD.to_owned();
    for (place, value) in reasons.values().enumerate().skip(1) {
        let place = i32::try_from(place).map_err(|error| error.to_string())?;
        // Enum 0 of the file, value number `place`.
        let comment = info.location.iter().find(|location| location.path == [5, 0, 2, place]);
        let comment = comment.and_then(|location| location.leading_comments.clone()).unwrap_or_default();
        let (caller, operator) = comment.split_once("Operator:").unwrap_or((&comment, ""));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = value.name().trim_start_matches("ERROR_REASON_").to_owned();
        write!(page, "\n## {name}\n\n{}\n\nOperator: {}\n", words(caller), words(operator)).map_err(|error| error.to_string())?;
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_fresh() {
        let written = std::fs::read_to_string(crate::root().join("docs/errors.md")).unwrap_or_default();
        assert!(written == super::page().unwrap(), "docs/errors.md is stale: run `cargo run -p payterms-xtask -- errors`");
    }
}
