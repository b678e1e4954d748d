//! What a tenant's own systems write on a resource: their id of it, and labels
//! (docs/lists.md#own-ids-and-labels).

use std::collections::BTreeMap;

/// The longest id of a tenant's own, in characters.
pub const MOST_ID: usize = 128;
/// The most labels of a resource.
pub const MOST_LABELS: usize = 32;
/// The longest key of a label.
const MOST_KEY: usize = 63;
/// The longest value of a label, in characters.
pub const MOST_VALUE: usize = 256;

/// A tenant's own id of a resource, and its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Its id in the tenant's systems, which no other resource of its kind has; none: they have
    /// none.
    pub external_id: Option<String>,
    /// Labels: values by key.
    pub labels: BTreeMap<String, String>,
}

/// Whether a text is on one line and begins and ends with a visible character, so that two ids that
/// look the same are the same.
#[must_use]
pub fn is_trimmed_line(text: &str) -> bool {
    text.trim() == text && !text.contains('\n')
}

/// What [`is_key`] takes, for a sentence.
pub const KEY_RULE: &str =
    "Write a key of 1 to 63 lower-case letters, digits, - and _, with a letter first";

/// Whether a text can be the key of a label: a lower-case letter, then such letters, digits, `_`
/// and `-`. Without capitals no two keys look alike, and a letter first keeps a database from
/// taking a key for a place in a list.
#[must_use]
pub fn is_key(key: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    key.len() <= MOST_KEY
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::{is_key, is_trimmed_line};

    #[test]
    fn keys_and_lines() {
        for good in ["a", "cost-centre", "region_2", &"k".repeat(63)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "2", "-a", "_a", "Region", "a.b", "a b", "ä", "a\"", &"k".repeat(64)] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(is_trimmed_line("Order 7/b") && is_trimmed_line(""));
        assert!(
            !is_trimmed_line(" a")
                && !is_trimmed_line("a ")
                && !is_trimmed_line("a\nb")
                && !is_trimmed_line("\u{a0}a")
        );
    }
}
