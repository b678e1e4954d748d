//! What the contract says of each reason of a refusal: read from the comments of `ErrorReason`,
//! from which docs/errors.md is made, and with which every status is compared in debug builds.

use prost::Message;
use prost_types::{
    EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet, source_code_info::Location,
};
use std::{collections::BTreeMap, sync::LazyLock};

/// What is said of one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReasonDoc {
    /// Its name, as in `ErrorInfo.reason`.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// The gRPC codes with which it comes, such as `NOT_FOUND`. Empty where it is no refusal:
    /// `elsewhere` says where it occurs.
    pub codes: Vec<String>,
    /// Where it occurs if not in a refusal.
    pub elsewhere: String,
    /// The keys that its metadata may have, sorted.
    pub metadata: Vec<String>,
    /// Whether and when to send the request again.
    pub retry: String,
    /// What the caller does.
    pub caller: String,
    /// What does who runs the suite.
    pub operator: String,
}

/// Whether `RetryInfo` says how long to wait.
const AFTER_THE_DELAY: &str = "After the delay";
/// How a text about trying again begins.
const RETRIES: [&str; 3] = ["No.", "Later", AFTER_THE_DELAY];
/// The parts of a comment, after what the reason means.
const MARKS: [&str; 5] = ["Code:", "Metadata:", "Retry:", "Caller:", "Operator:"];
/// The codes that a refusal may have.
const CODES: [&str; 12] = [
    "ABORTED",
    "ALREADY_EXISTS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
];

static DOCUMENTED: LazyLock<BTreeMap<String, ReasonDoc>> =
    LazyLock::new(|| all().into_iter().map(|doc| (doc.name.clone(), doc)).collect());

/// What is said of a reason.
#[must_use]
pub fn documented(reason: &str) -> Option<&'static ReasonDoc> {
    DOCUMENTED.get(reason)
}

/// What is said of all reasons, in the order of the enum.
#[must_use]
pub fn all() -> Vec<ReasonDoc> {
    let Ok(set) = FileDescriptorSet::decode(crate::DESCRIPTOR_SET) else { return Vec::new() };
    let file = set.file.iter().find(|file| file.name().ends_with("error_reason.proto"));
    let Some((file, reasons)) = file.and_then(|file| Some((file, file.enum_type.first()?))) else {
        return Vec::new();
    };
    docs(file, reasons)
}

fn docs(file: &FileDescriptorProto, reasons: &EnumDescriptorProto) -> Vec<ReasonDoc> {
    let locations: &[Location] = file.source_code_info.as_ref().map_or(&[], |info| &info.location);
    let doc = |(place, name): (i32, &str)| {
        // Enum 0 of the file, value number `place`.
        let comment = locations.iter().find(|location| location.path == [5, 0, 2, place]);
        read(
            name.trim_start_matches("ERROR_REASON_"),
            comment.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default(),
        )
    };
    (0..).zip(reasons.value.iter().map(|value| value.name())).skip(1).map(doc).collect()
}

fn read(name: &str, comment: &str) -> ReasonDoc {
    let words = comment.split_whitespace().collect::<Vec<_>>().join(" ");
    let starts: Vec<_> = MARKS.iter().map(|mark| (words.find(mark), mark.len())).collect();
    // A part ends where the next one that is there begins.
    let part = |index: usize| {
        let Some((Some(start), length)) = starts.get(index).copied() else { return String::new() };
        let end = starts.iter().skip(index + 1).find_map(|(next, _)| *next).unwrap_or(words.len());
        words.get(start + length..end).unwrap_or_default().trim().to_owned()
    };
    let list = |text: &str| {
        text.trim_end_matches('.')
            .split(", ")
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let first = starts.iter().find_map(|(start, _)| *start).unwrap_or(words.len());
    let code = part(0);
    let elsewhere = code.strip_prefix("none: ").map(|rest| rest.trim_end_matches('.').to_owned());
    ReasonDoc {
        name: name.to_owned(),
        meaning: words.get(..first).unwrap_or_default().trim().to_owned(),
        codes: if elsewhere.is_some() { Vec::new() } else { list(&code) },
        elsewhere: elsewhere.unwrap_or_default(),
        metadata: list(&part(1)),
        retry: part(2),
        caller: part(3),
        operator: part(4),
    }
}

impl ReasonDoc {
    /// What a status of this reason has that is not documented; empty: nothing. The metadata of
    /// `others` may come with it: the conditions of a refusal for several reasons.
    #[must_use]
    pub fn undocumented(
        &self,
        code: &str,
        keys: &[&str],
        others: &[&str],
        has_delay: bool,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.codes.iter().any(|text| text == code) {
            wrong.push(format!("{}: the code {code}", self.name));
        }
        let known = |key: &str| {
            let of_others = others.iter().filter_map(|other| documented(other));
            self.metadata
                .iter()
                .chain(of_others.flat_map(|other| &other.metadata))
                .any(|text| text == key)
        };
        wrong.extend(
            keys.iter()
                .filter(|key| !known(key))
                .map(|key| format!("{}: the metadata {key}", self.name)),
        );
        if has_delay && !self.retry.starts_with(AFTER_THE_DELAY) {
            wrong.push(format!("{}: a delay", self.name));
        }
        wrong
    }

    /// What is missing or misspelt in the comment.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{}: {what}", self.name));
            }
        };
        must(!self.meaning.is_empty(), "what it means");
        must(self.codes.is_empty() != self.elsewhere.is_empty(), "Code");
        must(
            self.codes.iter().all(|code| CODES.contains(&code.as_str())),
            "Code is none of gRPC's",
        );
        must(self.metadata.is_sorted(), "Metadata is not sorted");
        must(
            RETRIES.iter().any(|begin| self.retry.starts_with(begin)),
            "Retry is none of No, Later, After the delay",
        );
        must(!self.caller.is_empty(), "Caller");
        must(!self.operator.is_empty(), "Operator");
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::{all, documented, read};

    #[test]
    fn a_comment_is_read_in_its_parts() {
        let comment = " Less is there.\n Code: ABORTED, NOT_FOUND. Metadata: asked, left.\n Retry: Later: once more\n is there.\n Caller: Ask: less.\n \
                       Operator: Nothing.\n";
        let doc = read("LESS", comment);
        assert_eq!(
            (doc.meaning.as_str(), doc.codes.as_slice()),
            ("Less is there.", ["ABORTED", "NOT_FOUND"].map(str::to_owned).as_slice())
        );
        assert_eq!(
            (doc.metadata.join(" ").as_str(), doc.retry.as_str()),
            ("asked left", "Later: once more is there.")
        );
        assert_eq!(
            (doc.caller.as_str(), doc.operator.as_str(), doc.faults().len()),
            ("Ask: less.", "Nothing.", 0)
        );
        assert_eq!(doc.undocumented("ABORTED", &["left"], &[], false), Vec::<String>::new());
        let wrong =
            doc.undocumented("INTERNAL", &["left", "right", "state"], &["HOLD_STATE"], true);
        assert_eq!(wrong, ["LESS: the code INTERNAL", "LESS: the metadata right", "LESS: a delay"]);
        assert_eq!(read("BARE", "Nothing else.").faults().len(), 4);
    }

    #[test]
    fn every_reason_is_documented_whole() {
        let faults: Vec<_> = all().iter().flat_map(super::ReasonDoc::faults).collect();
        assert!(faults.is_empty() && all().len() > 150, "{faults:?}");
        assert_eq!(documented("RESOURCE_NOT_FOUND").unwrap().codes, ["NOT_FOUND"]);
    }
}
