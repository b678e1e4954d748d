//! Refusals in the code against what `error_reason.proto` says of their reasons: the codes, and the
//! keys of the metadata. Debug builds check the rest when a refusal is answered (`detailed` in
//! crates/chassis/src/wire/error.rs).

use payterms_proto::reasons::documented;
use std::{collections::BTreeSet, fs, path::Path};

/// What stands before a reason, and the code that it comes with.
const GIVES: [(&str, &str); 23] = [
    ("precondition(", "FAILED_PRECONDITION"),
    ("Refusal::state(", "FAILED_PRECONDITION"),
    ("not_yet(", "UNAVAILABLE"),
    ("Kind::Invalid, ", "INVALID_ARGUMENT"),
    ("Kind::Precondition, ", "FAILED_PRECONDITION"),
    ("Kind::NotFound, ", "NOT_FOUND"),
    ("Kind::AlreadyExists, ", "ALREADY_EXISTS"),
    ("Kind::Denied, ", "PERMISSION_DENIED"),
    ("Kind::Conflict, ", "ABORTED"),
    ("Kind::Exhausted, ", "RESOURCE_EXHAUSTED"),
    ("Kind::Unavailable, ", "UNAVAILABLE"),
    ("Code::InvalidArgument, ", "INVALID_ARGUMENT"),
    ("Code::FailedPrecondition, ", "FAILED_PRECONDITION"),
    ("Code::NotFound, ", "NOT_FOUND"),
    ("Code::AlreadyExists, ", "ALREADY_EXISTS"),
    ("Code::PermissionDenied, ", "PERMISSION_DENIED"),
    ("Code::Aborted, ", "ABORTED"),
    ("Code::ResourceExhausted, ", "RESOURCE_EXHAUSTED"),
    ("Code::Unavailable, ", "UNAVAILABLE"),
    ("Code::Unimplemented, ", "UNIMPLEMENTED"),
    ("Code::Internal, ", "INTERNAL"),
    ("Code::DeadlineExceeded, ", "DEADLINE_EXCEEDED"),
    ("Code::Unauthenticated, ", "UNAUTHENTICATED"),
];

/// Names codes and metadata that a file gives and the contract does not say.
pub fn check(root: &Path, file: &Path, wrong: &mut Vec<String>) {
    let text = fs::read_to_string(file).unwrap_or_default();
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let shown = file.strip_prefix(root).unwrap_or(file).display();
    wrong.extend(
        undocumented(text)
            .into_iter()
            .map(|text| format!("{shown}: error_reason.proto does not say of {text}")),
    );
}

fn undocumented(text: &str) -> BTreeSet<String> {
    // A call may stand on several lines.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let text = quoted(&text);
    let mut wrong = BTreeSet::new();
    let (mut last, mut past) = (None, 0);
    for (start, piece) in
        text.match_indices('"').map(|(start, _)| (start, text.get(start + 1..).unwrap_or_default()))
    {
        let before = text.get(..start).unwrap_or_default();
        // A figure belongs to the reason before it in its function.
        last = last.filter(|_| !text.get(past..start).unwrap_or_default().contains(" fn "));
        past = start;
        let word = piece.split('"').next().unwrap_or_default();
        if let Some(doc) = documented(word) {
            last = Some(doc);
            let given =
                GIVES.iter().filter(|(begin, _)| before.ends_with(begin)).map(|(_, code)| *code);
            wrong.extend(
                given
                    .filter(|code| !doc.codes.iter().any(|text| text == code))
                    .map(|code| format!("{word}: {code}")),
            );
        } else if before.ends_with(".with(")
            && let Some(doc) = last
            && !doc.metadata.iter().any(|text| text == word)
        {
            wrong.insert(format!("{}: {word}", doc.name));
        }
    }
    wrong
}

/// A text with `"HOLD_STATE"` for each `Reason::HOLD_STATE`, so that reasons and keys of metadata are
/// read in one pass.
fn quoted(text: &str) -> String {
    let mut parts = text.split("Reason::");
    let mut quoted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit() && c != '_');
        let (word, rest) = part.split_at(end.unwrap_or(part.len()));
        if word.is_empty() {
            quoted.push_str("Reason::");
        } else {
            quoted.extend(["\"", word, "\""]);
        }
        quoted.push_str(rest);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::undocumented;

    #[test]
    fn what_is_not_documented_is_found() {
        let text = "Refusal::precondition(\n    Reason::LINE_IN_USE, message).with(\"exposure\", 1).with(\"hint\", 2);\n\
                    Refusal::new(Kind::Denied, Reason::LINE_IN_USE, message)";
        let found: Vec<_> = undocumented(text).into_iter().collect();
        assert_eq!(found, ["LINE_IN_USE: PERMISSION_DENIED", "LINE_IN_USE: hint"]);
    }
}
