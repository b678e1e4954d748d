//! Texts of banks made fit for people and for comparing.

use std::borrow::Cow;

/// Characters of a text for people.
pub(crate) const MOST_TEXT: usize = 2_000;
/// Texts of one entry in which numbers are looked for: a batch without amounts is one line with the
/// texts of all its parts.
const MOST_SEARCHED: usize = 1_000;
/// Characters of a name or a reference.
pub(crate) const MOST_NAME: usize = 200;

/// Words that banks write where a reference is missing, without what is no letter or digit.
const PLACEHOLDERS: [&str; 18] = [
    "NONREF",
    "NOREF",
    "NOREFERENCE",
    "NOTPROVIDED",
    "NOTAVAILABLE",
    "NOTSPECIFIED",
    "NOTGIVEN",
    "UNKNOWN",
    "UNDEFINED",
    "NONE",
    "NULL",
    "NA",
    "NIL",
    "EMPTY",
    "BLANK",
    "NOID",
    "KEINE",
    "OHNE",
];

/// Whether a reference identifies nothing: `NONREF`, `NOT PROVIDED`, `-`, or one of the digits 0
/// and 9 repeated.
#[must_use]
pub fn is_placeholder(reference: &str) -> bool {
    let plain: String = reference
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .take(40)
        .collect();
    PLACEHOLDERS.contains(&plain.as_str())
        || ['0', 'X'].iter().any(|fill| plain.chars().all(|c| c == *fill))
        || plain.len() > 3 && plain.chars().all(|c| c == '9')
}

/// A text on one line: control characters and those that turn or hide text are gone, white space is
/// one space.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(most));
    let mut count = 0_usize;
    for word in
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
    {
        for c in (!line.is_empty())
            .then_some(' ')
            .into_iter()
            .chain(word.chars().filter(|c| !is_invisible(*c)))
        {
            if count == most {
                return line;
            }
            line.push(c);
            count = count.saturating_add(1);
        }
    }
    line
}

/// A name or a reference on one line.
pub(crate) fn name(text: &str) -> String {
    clean(text, MOST_NAME)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}'..='\u{200F}' | '\u{FEFF}' | '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Widths at which formats cut a text into pieces, in characters: MT940's, the 35 and 70 of SWIFT,
/// the 140 of SEPA.
const WIDTHS: [usize; 5] = [27, 35, 65, 70, 140];

/// Pieces of one text as one line for people: a piece that fills its width goes on in the next one.
pub(crate) fn joined_for_people(pieces: &[&str]) -> String {
    let mut line = String::new();
    let mut full = true;
    for piece in pieces.iter().filter(|piece| !piece.trim().is_empty()) {
        if !full && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(piece);
        full = WIDTHS.contains(&piece.chars().count());
    }
    line
}

/// The texts in which numbers are looked for, without repetitions and placeholders.
pub(crate) fn search_texts<'a>(texts: impl IntoIterator<Item = Cow<'a, str>>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if all.len() >= MOST_SEARCHED {
            break;
        }
        let text = clean(&text, MOST_TEXT);
        if !text.is_empty() && !is_placeholder(&text) && !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

/// A text for people of several texts, without those that another one holds already.
pub(crate) fn shown<'a>(texts: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut line = String::new();
    for text in texts {
        // A character has four bytes at most: the rest would be cut off.
        if line.len() > MOST_TEXT.saturating_mul(4) {
            break;
        }
        let text = clean(&text, MOST_TEXT);
        if !text.is_empty() && !is_placeholder(&text) && !line.contains(&text) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&text);
        }
    }
    clean(&line, MOST_TEXT)
}

#[cfg(test)]
mod tests {
    use super::{clean, is_placeholder, joined_for_people};

    #[test]
    fn placeholders_are_no_references() {
        for text in [
            "0",
            "NONREF",
            "NOTPROVIDED",
            "NOT PROVIDED",
            "Unknown",
            "-",
            "",
            "999999999999",
            "000",
            "n/a",
            "***",
            "xxx",
        ] {
            assert!(is_placeholder(text), "{text:?}");
        }
        for text in ["1", "9", "99", "INV-0", "A0", "2026-000048", "NONREF-7"] {
            assert!(!is_placeholder(text), "{text:?}");
        }
    }

    #[test]
    fn a_text_is_one_line_of_visible_characters() {
        assert_eq!(clean(" a\r\n\tb\u{202E}c \u{0} d", 10), "a bc d");
        assert_eq!(clean("abc def", 5), "abc d");
        assert_eq!(
            joined_for_people(&["Payment for goods delivered INV-202", "6-000004", "thanks"]),
            "Payment for goods delivered INV-2026-000004 thanks"
        );
    }
}
