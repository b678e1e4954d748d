//! Accounts: as they are shown, and as they are compared.

use crate::clean;

/// The account as it is shown: an IBAN without its spaces, another number as written.
pub(crate) fn shown_account(text: &str) -> String {
    let text = clean::name(text);
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if is_iban(&plain.to_uppercase()) { plain.to_uppercase() } else { text }
}

/// The account as it is shown, without a currency behind an IBAN.
pub(crate) fn without_currency(text: &str) -> String {
    let shown = shown_account(text);
    let plain: String =
        shown.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let before = plain.get(..plain.len().saturating_sub(3)).unwrap_or_default();
    if is_iban(before) && !is_iban(&plain) { before.to_owned() } else { shown }
}

/// What an account is compared by: upper-case letters and digits alone. A German bank code with an
/// account number is the IBAN that they make, so that MT940 and CAMT name the same account; a
/// currency after an IBAN is no part of it.
#[must_use]
pub fn account_key(account: &str) -> String {
    let text = account.trim();
    if let Some((bank, number)) = text.split_once('/')
        && bank.len() == 8
        && (1..=10).contains(&number.len())
        && bank.bytes().chain(number.bytes()).all(|b| b.is_ascii_digit())
    {
        let number = format!("{bank}{number:0>10}");
        return format!(
            "DE{:02}{number}",
            98_u32.saturating_sub(remainder(&format!("{number}131400")))
        );
    }
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    let before = plain.get(..plain.len().saturating_sub(3)).unwrap_or_default();
    let suffix = plain.get(before.len()..).unwrap_or_default();
    if !is_iban(&plain) && is_iban(before) && suffix.bytes().all(|b| b.is_ascii_uppercase()) {
        before.to_owned()
    } else {
        plain
    }
}

fn is_iban(text: &str) -> bool {
    let form = (15..=34).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && text.bytes().take(2).all(|b| b.is_ascii_uppercase());
    let (Some(head), Some(rest)) = (text.get(..4), text.get(4..)) else { return false };
    form && remainder(&format!("{rest}{head}")) == 1
}

/// The remainder by 97 of a text in which letters are numbers from 10.
fn remainder(text: &str) -> u32 {
    text.chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0, |rest, digit| (rest * if digit > 9 { 100 } else { 10 } + digit) % 97)
}

#[cfg(test)]
mod tests {
    use super::{account_key, shown_account};

    #[test]
    fn one_account_has_one_key_however_it_is_written() {
        for text in [
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "de89370400440532013000",
            "DE89370400440532013000EUR",
            "37040044/532013000",
        ] {
            assert_eq!(account_key(text), "DE89370400440532013000", "{text}");
        }
        assert_eq!(
            (account_key("US-ACC-1"), account_key("12/34")),
            ("USACC1".to_owned(), "1234".to_owned())
        );
        assert_eq!(shown_account("de89 3704 0044 0532 0130 00"), "DE89370400440532013000");
        assert_eq!(shown_account("US-ACC 1"), "US-ACC 1");
    }
}
