//! docs/errors.md and the kernel's list of reasons, made from the enum of reasons, and what its
//! comments must say.

use payterms_proto::reasons::{self, ReasonDoc};
use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

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

/// The kernel's list of reasons.
const LIST: &str = "crates/kernel/src/reason/list.rs";
/// The page.
const PAGE: &str = "docs/errors.md";

/// What is made, each with its path.
fn files() -> Result<[(&'static str, String); 2], String> {
    Ok([(PAGE, page()?), (LIST, list())])
}

/// Writes the page and the list.
///
/// # Errors
/// A sentence if the comments cannot be read, or a file cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    for (path, made) in files()? {
        fs::write(root.join(path), made).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

fn list() -> String {
    let names: Vec<_> = reasons::all().into_iter().map(|doc| doc.name).collect();
    format!(
        "//! Made from `proto/payterms/common/v1/error_reason.proto` by\n\
         //! `cargo run -p payterms-xtask -- errors`.\n\n\
         super::reasons! {{\n    {},\n}}\n",
        names.join(",\n    ")
    )
}

/// The page.
///
/// # Errors
/// A sentence if the comments cannot be read.
fn page() -> Result<String, String> {
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
    fn what_is_made_is_fresh() {
        for (path, made) in super::files().unwrap() {
            let written = std::fs::read_to_string(crate::root().join(path)).unwrap_or_default();
            assert!(
                written == made,
                "{path} is stale: run `cargo run -p payterms-xtask -- errors`"
            );
        }
    }
}
