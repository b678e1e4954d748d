//! What parties and texts say of a booking.

pub use payterms_bank_files::key_words;
use payterms_bank_files::words;

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

/// Whether a party is somebody else by name: not nobody, and not a word for the holder's accounts.
pub(super) fn is_named(party: &[String]) -> bool {
    !party.is_empty() && !party.iter().any(|word| OWN_WORDS.contains(&word.as_str()))
}

/// Whether a text says that a payment came back.
pub(super) fn says_returned(text: &str) -> bool {
    words(text).iter().any(|word| RETURN_WORDS.contains(&word.as_str()))
}
