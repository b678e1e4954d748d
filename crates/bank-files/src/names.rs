//! Names as banks write them: brought to one form before they are compared.

/// Words that say how a company is founded, not what it is called.
const LEGAL_FORMS: [&str; 24] = [
    "inc",
    "incorporated",
    "llc",
    "llp",
    "lp",
    "ltd",
    "limited",
    "corp",
    "corporation",
    "co",
    "company",
    "plc",
    "gmbh",
    "ag",
    "kg",
    "ug",
    "bv",
    "nv",
    "sa",
    "sarl",
    "sas",
    "srl",
    "pty",
    "the",
];

/// Words of a text in small letters.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The words of a name that distinguish it: in small letters, without legal forms. All words where
/// nothing else is left.
#[must_use]
pub fn key_words(name: &str) -> Vec<String> {
    let all = words(name);
    let rest: Vec<String> =
        all.iter().filter(|word| !LEGAL_FORMS.contains(&word.as_str())).cloned().collect();
    if rest.is_empty() { all } else { rest }
}

/// Whether two names are surely different: both are there, and no word of the one is in the other.
pub(crate) fn differ(one: &[String], other: &[String]) -> bool {
    if one.is_empty() || other.is_empty() || one.iter().any(|word| other.contains(word)) {
        return false;
    }
    // One may be cut, or written without spaces.
    let (one, other) = (one.concat(), other.concat());
    !one.contains(&other) && !other.contains(&one)
}
