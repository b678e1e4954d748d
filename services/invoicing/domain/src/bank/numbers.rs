//! The numbers of documents in what a payer wrote, and the reference that a payer is asked to write
//! (docs/domain/invoicing.md#bank-lines).

use crate::number::{CORRECTIONS, INVOICES};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What the number of an announced transfer begins with.
pub const ANNOUNCED: &str = "TR";
/// What the number of a transfer back to its payer begins with.
const REFUNDED: &str = "TB";
/// Letters and digits behind that: as many as 62 bits take.
const ANNOUNCED_DIGITS: usize = 12;

/// Words for an invoice that may stand in place of its prefix, longest first: "Invoice No.
/// 2026-000042".
const WORDS: [&str; 9] =
    ["INVOICE", "RECHNUNG", "FACTUUR", "FACTURE", "FACTURA", "FATTURA", "FAKTURA", "RECHN", "INV"];
/// Words for "number" between such a word and the number, longest first.
const NUMBER_WORDS: [&str; 8] = ["NUMMER", "NUMBER", "NUMERO", "NO", "NR", "NUM", "NRO", "N"];
/// Letters and digits of a reference behind its check digits.
const MOST_IN_REFERENCE: usize = 21;
/// Digits of a year's number; more only where that many are needed.
const DIGITS: usize = 6;

/// The numbers of invoices and corrective documents that a text names, in its order, each once:
/// with whatever separators, with the usual words instead of the prefix, or as an ISO 11649
/// reference whose check digits are right; and those of announced transfers. A number inside a
/// longer one is none: a person looks.
#[must_use]
pub fn numbers_in(text: &str) -> Vec<String> {
    let plain = text.to_ascii_uppercase();
    let mut numbers: Vec<(usize, String)> = Vec::new();
    for (prefix, words) in [(INVOICES, &WORDS[..]), (CORRECTIONS, &[CORRECTIONS][..])] {
        for word in words {
            for (at, _) in plain.match_indices(word) {
                let after = plain.get(at.saturating_add(word.len())..).unwrap_or_default();
                let Some(number) = number_after(after) else { continue };
                let number = format!("{prefix}-{number}");
                if has_right_check_digits(&plain, at, &number)
                    && !numbers.iter().any(|(_, other)| *other == number)
                {
                    numbers.push((at, number));
                }
            }
        }
    }
    numbers.sort_unstable();
    let mut numbers: Vec<_> = numbers.into_iter().map(|(_, number)| number).collect();
    for number in numbers_of_references(&plain) {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// The number of an announced transfer that pays several invoices, made of the random bits of its
/// id. It is found in ISO 11649 references alone: nothing else tells it from other text.
#[must_use]
pub fn announced_number(payment: Uuid) -> String {
    number_of(ANNOUNCED, payment)
}

/// The ISO 11649 reference of a transfer back to its payer, made likewise. It names no document of
/// ours: a line that came in with it pays nothing.
#[must_use]
pub fn refund_reference(refund: Uuid) -> String {
    creditor_reference(&number_of(REFUNDED, refund))
}

/// The references of transfers back that a text holds, with whatever separators.
#[must_use]
pub fn refund_references_in(text: &str) -> BTreeSet<String> {
    let compact = plain_number(&text.to_ascii_uppercase());
    let reference = |(at, _): (usize, &str)| {
        let (check, number) = compact.get(at.saturating_add(2)..)?.split_at_checked(2)?;
        let number = number
            .get(..REFUNDED.len().saturating_add(ANNOUNCED_DIGITS))
            .filter(|text| text.starts_with(REFUNDED))?;
        (check == check_digits(number)).then(|| format!("RF{check}{number}"))
    };
    compact.match_indices("RF").filter_map(reference).collect()
}

fn number_of(prefix: &str, id: Uuid) -> String {
    let (_, mut rest) = id.as_u64_pair();
    // The first two bits are the same in all ids.
    rest &= u64::MAX >> 2;
    let mut number = String::from(prefix);
    for _ in 0..ANNOUNCED_DIGITS {
        let digit = u32::try_from(rest % 36)
            .ok()
            .and_then(|digit| char::from_digit(digit, 36))
            .unwrap_or('0');
        number.push(digit.to_ascii_uppercase());
        rest /= 36;
    }
    number
}

/// The numbers in ISO 11649 references, which are printed in groups of four.
fn numbers_of_references(text: &str) -> Vec<String> {
    let compact = plain_number(text);
    let number = |(at, _): (usize, &str)| {
        let (check, rest) = compact.get(at.saturating_add(2)..)?.split_at_checked(2)?;
        if rest.starts_with(ANNOUNCED) {
            let number = rest.get(..ANNOUNCED.len().saturating_add(ANNOUNCED_DIGITS))?;
            return (check == check_digits(number)).then(|| number.to_owned());
        }
        let prefix = [INVOICES, CORRECTIONS].into_iter().find(|prefix| rest.starts_with(prefix))?;
        let longest = MOST_IN_REFERENCE.min(rest.len());
        let body = (prefix.len()..=longest)
            .rev()
            .filter_map(|length| rest.get(..length))
            .find(|body| check == check_digits(body))?;
        number_after(body.strip_prefix(prefix)?).map(|number| format!("{prefix}-{number}"))
    };
    compact.match_indices("RF").filter_map(number).collect()
}

/// The year and number that come first in a text but for separators and a word for "number".
fn number_after(text: &str) -> Option<String> {
    let mut rest = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    if let Some(after) = NUMBER_WORDS.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = after;
    }
    let (first, after) = digits(rest)?;
    let (year, number) =
        if first.len() == 4 { (first, digits(after)?.0) } else { first.split_at_checked(4)? };
    let is_number = number.len() == DIGITS || (number.len() > DIGITS && !number.starts_with('0'));
    is_number.then(|| format!("{year}-{number}"))
}

/// The run of digits that comes first but for separators, and what follows it.
fn digits(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some(text.split_at(end)).filter(|(run, _)| !run.is_empty())
}

/// False where the number stands in an ISO 11649 reference whose check digits say that it was
/// mistyped.
fn has_right_check_digits(text: &str, at: usize, number: &str) -> bool {
    let before: String =
        text.get(..at).unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    let start = before.len().saturating_sub(4);
    match before.get(start..).and_then(|end| end.strip_prefix("RF")) {
        Some(check) if check.len() == 2 && check.bytes().all(|digit| digit.is_ascii_digit()) => {
            check == check_digits(&plain_number(number))
        }
        _ => true,
    }
}

fn plain_number(number: &str) -> String {
    number.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The ISO 11649 reference of a document, without spaces: `RF`, two check digits, and its number
/// without separators.
#[must_use]
pub fn creditor_reference(number: &str) -> String {
    let plain = plain_number(number);
    format!("RF{}{plain}", check_digits(&plain))
}

/// ISO 7064 MOD 97-10 over the reference with `RF00` behind it, letters as 10 to 35.
fn check_digits(plain: &str) -> String {
    let values = plain.chars().chain("RF00".chars()).filter_map(|c| c.to_digit(36));
    let rest = values.fold(0_u32, |rest, value| {
        let shifted = if value > 9 { rest.saturating_mul(100) } else { rest.saturating_mul(10) };
        shifted.saturating_add(value) % 97
    });
    format!("{:02}", 98_u32.saturating_sub(rest))
}

#[cfg(test)]
mod tests {
    use super::{announced_number, creditor_reference, numbers_in};
    use uuid::Uuid;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for text in [
            "INV-2026-000042",
            "rent inv 2026 000042 thanks",
            "Rechnung INV2026000042/x",
            "Invoice No. 2026-000042",
            "invoice #2026-000042",
            "Rechnung Nr. 2026 000042",
            "FACTURE N° 2026/000042",
            "INV-2026-000042 and again inv2026000042",
            "Ref RF98 INV2 0260 0004 2",
        ] {
            let text = text
                .replace("RF98 INV2 0260 0004 2", &spaced(&creditor_reference("INV-2026-000042")));
            assert_eq!(numbers_in(&text), ["INV-2026-000042"], "{text}");
        }
        assert_eq!(numbers_in("INV-2026-1000000"), ["INV-2026-1000000"], "the millionth of a year");
        assert_eq!(numbers_in("cor-2026-000007"), ["COR-2026-000007"]);
        assert_eq!(
            numbers_in("INV-2026-000043, INV-2026-000042"),
            ["INV-2026-000043", "INV-2026-000042"],
            "in the text's order"
        );
        for text in [
            "",
            "INV-2026-42",
            "INV-2026-0000420",
            "INV 20260000421",
            "INVOICE",
            "2026-000042",
            "ÏNV",
            "invoice of 2026",
        ] {
            assert!(numbers_in(text).is_empty(), "{text}");
        }
    }

    fn spaced(reference: &str) -> String {
        let groups: Vec<_> = reference
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        groups.join(" ")
    }

    #[test]
    fn an_announced_transfer_is_named_by_its_reference_alone() {
        for id in [0, 1, u128::MAX, 0x0199_4242_dead_beef_8000_0000_0000_0042] {
            let number = announced_number(Uuid::from_u128(id));
            let reference = creditor_reference(&number);
            assert!(number.len() == 14 && reference.len() == 18, "{reference}");
            for text in [
                reference.clone(),
                spaced(&reference),
                format!("pay {}/x", reference.to_lowercase()),
            ] {
                assert_eq!(numbers_in(&text), std::slice::from_ref(&number), "{text}");
            }
            assert!(
                numbers_in(&number).is_empty()
                    && numbers_in(&reference.replace("TR", "RT")).is_empty()
            );
        }
    }

    #[test]
    fn a_reference_has_check_digits_and_a_wrong_one_names_nothing() {
        // The example of ISO 11649 in the public literature.
        assert_eq!(super::check_digits("539007547034"), "18");
        let reference = creditor_reference("INV-2026-000042");
        assert_eq!(numbers_in(&reference), ["INV-2026-000042"]);
        let wrong = reference.replace("000042", "000043");
        assert!(numbers_in(&wrong).is_empty(), "{wrong}");
    }
}
