//! docs/errors.md, made from the comments of the enum of reasons, and what these comments must say.

use payterms_proto::reasons::{self, ReasonDoc};
use std::{collections::BTreeSet, fmt::Write};

const HEAD: &str = "# Errors\n\n\
Every error carries one `google.rpc.ErrorInfo` with domain `payterms.dev` and one of these reasons; `BadRequest` holds all fields\n\
that are wrong, each with a `reason` of this list and a sentence in `description`, `PreconditionFailure` all conditions that do not\n\
hold, `RetryInfo` when to try again. A decline by a payment provider is no error: it is a result.\n\n\
What stands here of a reason is checked: a debug build answers no code, no key of the metadata and no delay that is not named. A key is\n\
there where it is known. A refusal for several reasons has the code of the first, and the metadata of all that its conditions name.\n\n\
*Retry*: `No` means that the request itself must be another. `Later` means that the same request may succeed once something has changed:\n\
send it with a fresh request id, since a request that was refused after others had been asked keeps its refusal. `After the delay`\n\
means the delay of `RetryInfo`, with the same request id.\n\n\
This page is made from `proto/payterms/common/v1/error_reason.proto` by `cargo run -p payterms-xtask -- errors`.\n";

/// The page.
///
/// # Errors
/// A sentence if the comments cannot be read.
pub fn page() -> Result<String, String> {
    let mut page = HEAD.to_owned();
    for doc in reasons::all() {
        write_entry(&mut page, &doc).map_err(|error| error.to_string())?;
    }
    Ok(page)
}

fn write_entry(page: &mut String, doc: &ReasonDoc) -> std::fmt::Result {
    let quoted = |words: &[String]| {
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    let code =
        if doc.codes.is_empty() { format!("none; {}", doc.elsewhere) } else { quoted(&doc.codes) };
    write!(page, "\n## {}\n\n{}\n\n- Code: {code}\n", doc.name, doc.meaning)?;
    if !doc.metadata.is_empty() {
        writeln!(page, "- Metadata: {}", quoted(&doc.metadata))?;
    }
    write!(page, "- Retry: {}\n- Caller: {}\n- Operator: {}\n", doc.retry, doc.caller, doc.operator)
}

/// Names what comments lack, and documented metadata that no refusal has.
pub fn check(code: &str, wrong: &mut Vec<String>) {
    let all = reasons::all();
    wrong.extend(
        all.iter().flat_map(ReasonDoc::faults).map(|fault| format!("error_reason.proto: {fault}")),
    );
    let keys: BTreeSet<_> = all.iter().flat_map(|doc| &doc.metadata).collect();
    for key in keys.into_iter().filter(|key| !code.contains(&format!("(\"{key}\""))) {
        wrong.push(format!("error_reason.proto: no refusal has the metadata {key}"));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_fresh() {
        let written =
            std::fs::read_to_string(crate::root().join("docs/errors.md")).unwrap_or_default();
        assert!(
            written == super::page().unwrap(),
            "docs/errors.md is stale: run `cargo run -p payterms-xtask -- errors`"
        );
    }
}
