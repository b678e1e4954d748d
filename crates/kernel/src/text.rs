//! Free text: the characters and numbers that no text field of the suite may hold.

use iban::Iban;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// Longer than the field allows.
    TooLong,
    /// Control characters or characters that reorder or hide text.
    InvalidChars,
    /// A run of digits looks like a full card number.
    CardNumber,
}

/// Checks a free text: its length in characters, forbidden characters, and card numbers. Digits of
/// a valid IBAN do not count as a card number.
///
/// # Errors
/// The first fault found.
pub fn check(text: &str, limit: usize) -> Result<(), TextFault> {
    check_token(text, limit)?;
    if holds_card_number(&without_ibans(text)) { Err(TextFault::CardNumber) } else { Ok(()) }
}

/// Checks a reference or another business number. Only a whole run of digits counts as a card
/// number here: references may be longer than card numbers, and then part of the digits often looks
/// like one.
///
/// # Errors
/// The first fault found.
pub fn check_reference(text: &str, limit: usize) -> Result<(), TextFault> {
    check_token(text, limit)?;
    if is_card_number(&without_ibans(text)) { Err(TextFault::CardNumber) } else { Ok(()) }
}

/// Checks a token that a program made, such as a signature. Card numbers are not searched for,
/// since any digits may occur.
///
/// # Errors
/// The first fault found.
pub fn check_token(text: &str, limit: usize) -> Result<(), TextFault> {
    if text.chars().count() > limit {
        return Err(TextFault::TooLong);
    }
    if text.chars().any(is_forbidden) { Err(TextFault::InvalidChars) } else { Ok(()) }
}

/// Hides the passwords of addresses in a text: `scheme://user:password@host` and `?password=…`. An
/// operator may have pasted an address into any setting, so all that a program prints when it fails
/// to start passes through here.
#[must_use]
pub fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        shown.push_str(&parameter_hidden(&address_hidden(word)));
    }
    shown
}

/// Hides the password of an address: all between the user and the *last* `@`, because a password
/// that was not percent-encoded may itself contain `/`, `:` and `@`.
fn address_hidden(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let Some((credentials, host)) = rest.rsplit_once('@') else { return word.to_owned() };
    let Some((user, _)) = credentials.split_once(':') else { return word.to_owned() };
    format!("{scheme}://{user}:***@{host}")
}

/// Hides the value of each `password=` parameter.
fn parameter_hidden(word: &str) -> String {
    let Some((before, after)) = word.split_once("password=") else { return word.to_owned() };
    let rest =
        after.find(['&', ' ', '\n', '"', '\'']).and_then(|at| after.get(at..)).unwrap_or_default();
    format!("{before}password=***{}", parameter_hidden(rest))
}

/// Control characters, and the invisible ones that reorder or hide what a reader sees.
fn is_forbidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}' | '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}')
}

/// Whether some run of digits (spaces and dashes between them allowed) holds a card number by
/// issuer prefix, length and Luhn digit.
#[must_use]
pub fn holds_card_number(text: &str) -> bool {
    digit_runs(text).iter().any(|run| (13..=19).any(|length| run.windows(length).any(is_card)))
}

/// Whether a whole run of digits is a card number. For identifiers, where part of a longer number
/// often passes as one.
#[must_use]
pub fn is_card_number(text: &str) -> bool {
    digit_runs(text).iter().any(|run| is_card(run))
}

/// Replaces each valid IBAN in a text, spaced or not, by the word `IBAN`.
fn without_ibans(text: &str) -> String {
    let mut rest = text;
    let mut result = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let length = iban_length(rest).unwrap_or(first.len_utf8());
        let (prefix, after) = rest.split_at(length);
        result.push_str(if length > first.len_utf8() { "IBAN" } else { prefix });
        rest = after;
    }
    result
}

/// The first IBAN in a text whose check digits and length are right, in capitals and without its
/// spaces. One inside a longer run of letters and digits is none: what is paid to it would go
/// astray.
#[must_use]
pub fn find_iban(text: &str) -> Option<String> {
    let text = text.to_ascii_uppercase();
    let mut before = None;
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if !before.is_some_and(char::is_alphanumeric)
            && let Some((iban, after)) =
                iban_length(rest).and_then(|length| rest.split_at_checked(length))
            && !after.starts_with(char::is_alphanumeric)
        {
            return Some(iban.chars().filter(|c| !is_gap(*c)).collect());
        }
        before = Some(c);
    }
    None
}

/// The spaces that stand between groups of four.
fn is_gap(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{202F}')
}

/// The length in bytes of the IBAN at the start of a text, if there is one. The shortest valid
/// prefix counts.
fn iban_length(text: &str) -> Option<usize> {
    let starts_with_country =
        |text: &str| text.chars().take(2).filter(char::is_ascii_uppercase).count() == 2;
    if !starts_with_country(text) {
        return None;
    }
    let mut compact = String::new();
    for (at, c) in text.char_indices().filter(|(_, c)| !is_gap(*c)) {
        if !c.is_ascii_alphanumeric() || compact.len() == 34 {
            return None;
        }
        compact.push(c);
        if compact.len() >= 15 && compact.parse::<Iban>().is_ok() {
            return Some(at + c.len_utf8());
        }
    }
    None
}

fn digit_runs(text: &str) -> Vec<Vec<u32>> {
    let mut runs = Vec::new();
    let mut run = Vec::new();
    for c in text.chars().chain(std::iter::once('.')) {
        match c.to_digit(10) {
            Some(digit) => run.push(digit),
            None if matches!(c, ' ' | '-' | '\u{A0}') => {}
            None => runs.push(std::mem::take(&mut run)),
        }
    }
    runs
}

fn is_card(digits: &[u32]) -> bool {
    has_issuer(digits) && passes_luhn(digits)
}

fn has_issuer(digits: &[u32]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0, |number, digit| number * 10 + digit);
    match digits.len() {
        13 | 19 => prefix(1) == 4,
        14 => matches!(prefix(2), 36 | 38 | 39) || (300..=305).contains(&prefix(3)),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || (51..=55).contains(&prefix(2))
                || (2221..=2720).contains(&prefix(4))
                || (3528..=3589).contains(&prefix(4))
                || matches!(prefix(2), 62 | 65)
                || prefix(4) == 6011
        }
        _ => false,
    }
}

fn passes_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::{
        TextFault, check, check_reference, check_token, find_iban, holds_card_number,
        is_card_number, without_passwords,
    };

    #[test]
    fn a_long_number_is_no_card_number_though_some_of_its_digits_are() {
        assert!(is_card_number("card 4242 4242 4242 4242") && is_card_number("x378282246310005x"));
        assert!(holds_card_number("9942424242424242429") && !is_card_number("9942424242424242429"));
    }

    #[test]
    fn card_numbers_are_seen_through_spaces_and_dashes() {
        for text in [
            "4242424242424242",
            "card 4242 4242 4242 4242 thanks",
            "5555-5555-5555-4444",
            "378282246310005",
            "3530111333300000",
        ] {
            assert!(holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn other_numbers_are_let_through() {
        for text in [
            "4242424242424241",
            "invoice 1234567890123",
            "DE89370400440532013000",
            "2026-11-22 10:00",
            "+61 2 9374 4000",
            "",
        ] {
            assert!(!holds_card_number(text), "{text}");
        }
    }

    #[test]
    fn the_first_iban_of_a_text_is_found_and_a_mistyped_one_is_none() {
        for (text, iban) in [
            ("DE89370400440532013000", Some("DE89370400440532013000")),
            (
                "Acme GmbH\nIBAN: DE89 3704 0044 0532 0130 00\nBIC COBADEFF",
                Some("DE89370400440532013000"),
            ),
            (
                "Größe AG, fr14\u{A0}2004\u{202F}1010 0505 0001 3M02 606.",
                Some("FR1420041010050500013M02606"),
            ),
            ("(NO93 8601 1117 947)", Some("NO9386011117947")),
            (
                "old DE88370400440532013000, new BE30 5390 0224 8996, NL91ABNA0417164300",
                Some("BE30539002248996"),
            ),
            ("Acme Telecom, BSB 062-000, account 1234 5678", None),
            ("DE89 3704 0044 0532 0130 01", None),
            ("DE893704004405320130001", None),
            ("XDE89370400440532013000", None),
            ("DE89 3704\n0044 0532 0130 00", None),
            ("US64SVBKUS6S3300958879", None),
            ("DE", None),
            ("", None),
        ] {
            assert_eq!(find_iban(text).as_deref(), iban, "{text}");
        }
    }

    #[test]
    fn passwords_are_hidden_wherever_an_address_stands() {
        for (text, shown) in [
            ("no postgres://u:canary@h:5432/d here", "no postgres://u:***@h:5432/d here"),
            ("\"smtps://u:can/ary@1@h\": wrong", "\"smtps://u:***@h\": wrong"),
            (
                "postgres://h/d?user=u&password=canary&sslmode=off",
                "postgres://h/d?user=u&password=***&sslmode=off",
            ),
            ("host=h password=canary", "host=h password=***"),
            ("a@b.example and http://h/p: fine", "a@b.example and http://h/p: fine"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }

    #[test]
    fn faults() {
        assert_eq!(check("abc", 2), Err(TextFault::TooLong));
        assert_eq!(check("a\u{0}b", 10), Err(TextFault::InvalidChars));
        assert_eq!(check("a\u{202E}b", 10), Err(TextFault::InvalidChars));
        assert_eq!(check("4242424242424242", 20), Err(TextFault::CardNumber));
        assert_eq!(check("Größe 東京", 10), Ok(()));
        assert_eq!(
            (check_token("abc", 2), check_token("a\u{0}b", 10)),
            (Err(TextFault::TooLong), Err(TextFault::InvalidChars))
        );
    }

    #[test]
    fn long_numbers_of_the_trade_are_taken_and_cards_are_not() {
        // IBANs and a Swiss payment reference in which some digits would be a card number.
        for text in [
            "Bank 4, IBAN DE75512108001245126199",
            "BE30 5390 0224 8996",
            "21 00000 00003 13947 14300 09017",
        ] {
            assert!(holds_card_number(text), "{text}");
            assert_eq!(check_reference(text, 100), Ok(()), "{text}");
        }
        assert_eq!(check("Pay to DE75 5121 0800 1245 1261 99.", 100), Ok(()));
        for text in [
            "paid with 4242 4242 4242 4242",
            "AB4242424242424242",
            "IBAN BE30539002248996, card 4242424242424242",
        ] {
            assert_eq!(check_reference(text, 100), Err(TextFault::CardNumber), "{text}");
        }
        assert_eq!(check_token("4242424242424242", 100), Ok(()));
    }
}
