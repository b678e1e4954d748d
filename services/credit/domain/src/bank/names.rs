//! Names and references as banks write them: brought to one form before they are compared.

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

/// Words by which a bank, or the holder, says that a transfer stays with the holder.
const OWN_WORDS: [&str; 20] = [
    "own",
    "transfer",
    "transfers",
    "xfer",
    "tfr",
    "trf",
    "internal",
    "self",
    "sweep",
    "savings",
    "saving",
    "checking",
    "umbuchung",
    "uebertrag",
    "übertrag",
    "eigenübertrag",
    "virement",
    "traspaso",
    "giroconto",
    "overboeking",
];

/// Words by which a bank says that a payment came back.
const RETURN_WORDS: [&str; 18] = [
    "return",
    "returned",
    "rtn",
    "rtnd",
    "reversal",
    "reversed",
    "bounced",
    "nsf",
    "dishonored",
    "dishonoured",
    "chargeback",
    "unpaid",
    "uncollected",
    "retoure",
    "rückgabe",
    "rücklastschrift",
    "impayé",
    "impaye",
];

/// References that name nothing, brought to capitals and digits.
const PLACEHOLDERS: [&str; 12] =
    ["NONREF", "NOREF", "NOTPROVIDED", "NOTAVAILABLE", "UNKNOWN", "NONE", "NULL", "NA", "NIL", "NOTGIVEN", "XXX", "REF"];

/// Words of a text in small letters.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The words of a name that distinguish it: in small letters, without legal forms. All words where nothing else is left.
#[must_use]
pub fn key_words(name: &str) -> Vec<String> {
    let all = words(name);
    let rest: Vec<String> = all.iter().filter(|word| !LEGAL_FORMS.contains(&word.as_str())).cloned().collect();
    if rest.is_empty() { all } else { rest }
}

/// Whether a reference is one that banks write where they have none.
#[must_use]
pub fn is_placeholder(reference: &str) -> bool {
    let plain: String = reference.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_uppercase();
    let mut letters = plain.chars();
    let first = letters.next();
    // `0`, `000000` and `999999999999` are one digit, repeated.
    let repeated = first.is_none_or(|first| first.is_ascii_digit() && letters.all(|letter| letter == first));
    (repeated && (plain.len() != 1 || first == Some('0'))) || PLACEHOLDERS.contains(&plain.as_str())
}

/// Whether a party is somebody else by name: not nobody, and not a word for the holder's accounts.
pub(super) fn is_named(party: &[String]) -> bool {
    !party.is_empty() && !party.iter().any(|word| OWN_WORDS.contains(&word.as_str()))
}

/// Whether a text says that a payment came back.
pub(super) fn says_returned(text: &str) -> bool {
    words(text).iter().any(|word| RETURN_WORDS.contains(&word.as_str()))
}

/// Whether two names are surely different: both are there, and no word of the one is in the other.
pub(super) fn differ(one: &[String], other: &[String]) -> bool {
    if one.is_empty() || other.is_empty() || one.iter().any(|word| other.contains(word)) {
        return false;
    }
    // One may be cut, or written without spaces.
    let (one, other) = (one.concat(), other.concat());
    !one.contains(&other) && !other.contains(&one)
}
