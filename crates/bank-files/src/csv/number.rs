//! Amounts as people's programs write them: signs before, behind or as brackets, currency signs,
//! groups.

use crate::{
    amount::{self, Fault},
    finding::FindingKind,
};
use payterms_kernel::{Currency, Money};

/// What stands at an amount and names a currency.
const SIGNS: [(&str, &str); 4] = [("€", "EUR"), ("£", "GBP"), ("₹", "INR"), ("zł", "PLN")];

/// Bytes of an amount with its signs; what is longer is none.
const MOST_BYTES: usize = 64;

/// An amount with its sign. None where the field is empty.
pub(super) fn read(
    text: &str,
    decimal_comma: bool,
    currency: Currency,
) -> Result<Option<Money>, Fault> {
    let text = text.trim();
    if text.is_empty() || matches!(text, "-" | "–" | "—") {
        return Ok(None);
    }
    let shown: String = text.chars().take(40).collect();
    let bad = || {
        (
            FindingKind::BadAmount,
            format!("Its amount {shown:?} is no number in the form that is expected."),
        )
    };
    if text.len() > MOST_BYTES {
        return Err(bad());
    }
    let (negative, digits) = without_signs(text, currency)?.ok_or_else(bad)?;
    let plain = plain(&digits, decimal_comma, currency.exponent()).ok_or_else(bad)?;
    let money = amount::checked(currency, &plain, text)?;
    Ok(Some(if negative { money.negated() } else { money }))
}

/// The digits without sign and currency, and whether the amount is below zero; none where two signs
/// contradict each other.
fn without_signs(text: &str, currency: Currency) -> Result<Option<(bool, String)>, Fault> {
    let mut rest: String = text.replace(['\u{2212}', '\u{2013}'], "-");
    let mut minus = 0_usize;
    let mut plus = 0_usize;
    loop {
        let now = rest.trim();
        let next =
            if let Some(inner) = now.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
                minus = minus.saturating_add(1);
                inner.to_owned()
            } else if let Some(inner) = now.strip_prefix('-').or_else(|| now.strip_suffix('-')) {
                minus = minus.saturating_add(1);
                inner.to_owned()
            } else if let Some(inner) = now.strip_prefix('+').or_else(|| now.strip_suffix('+')) {
                plus = plus.saturating_add(1);
                inner.to_owned()
            } else if let Some(inner) = side(now, &["DR", "Dr", "dr"]) {
                minus = minus.saturating_add(1);
                inner.to_owned()
            } else if let Some(inner) = side(now, &["CR", "Cr", "cr"]) {
                plus = plus.saturating_add(1);
                inner.to_owned()
            } else if let Some((inner, named)) = currency_mark(now) {
                if named.is_some_and(|named| named != currency.code()) {
                    return Err((
                        FindingKind::OtherCurrency,
                        format!("Its amount {now:?} is in another currency than {currency}."),
                    ));
                }
                inner.to_owned()
            } else {
                return Ok((minus.saturating_add(plus) <= 1).then(|| (minus == 1, now.to_owned())));
            };
        rest = next;
    }
}

fn side<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| text.strip_suffix(word))
}

/// A text without a currency's sign or code before or behind its digits, and the currency that it
/// names for sure.
fn currency_mark(text: &str) -> Option<(&str, Option<&str>)> {
    for (sign, code) in SIGNS.into_iter().map(|(sign, code)| (sign, Some(code))).chain([
        ("US$", Some("USD")),
        ("$", None),
        ("¥", None),
        ("kr", None),
        ("Fr.", None),
    ]) {
        if let Some(inner) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
            return Some((inner, code));
        }
    }
    let is_code = |code: &str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let (first, last) = (text.get(..3), text.get(text.len().saturating_sub(3)..));
    match (first, last) {
        (Some(code), _) if is_code(code) => Some((text.get(3..)?, Some(code))),
        (_, Some(code)) if is_code(code) => {
            Some((text.get(..text.len().saturating_sub(3))?, Some(code)))
        }
        _ => None,
    }
}

/// A plain decimal. Group separators are accepted only between groups of digits: a decimal sign
/// that is not the expected one would make the amount larger. Three digits after it are a group in
/// a currency of fewer: they would make the amount smaller.
fn plain(digits: &str, decimal_comma: bool, exponent: u32) -> Option<String> {
    let (group, point) = if decimal_comma { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = digits
        .split_once(point)
        .map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let spaced = |c: char| matches!(c, ' ' | '\u{A0}' | '\u{202F}' | '\'' | '\u{2019}');
    let separator = |c: char| c == group || spaced(c);
    let groups: Vec<&str> = whole.split(separator).collect();
    let one_kind =
        whole.chars().filter(|c| separator(*c)).collect::<std::collections::BTreeSet<_>>().len()
            <= 1;
    let grouped = match groups.as_slice() {
        [first, middle @ .., last] => {
            (1..=3).contains(&first.len())
                && last.len() == 3
                && middle.iter().all(|group| (2..=3).contains(&group.len()))
        }
        _ => true,
    };
    let whole = groups.concat();
    // `.50` is half a unit.
    let whole = if whole.is_empty() && fraction.is_some() { "0".to_owned() } else { whole };
    if !grouped || !one_kind || !whole.bytes().all(|b| b.is_ascii_digit()) || whole.is_empty() {
        return None;
    }
    if exponent < 3 && fraction.is_some_and(|fraction| fraction.len() == 3) {
        return None;
    }
    match fraction.filter(|fraction| !fraction.is_empty()) {
        Some(fraction) if fraction.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{whole}.{fraction}"))
        }
        Some(_) => None,
        None => Some(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::{amount::currency, finding::FindingKind};

    #[test]
    fn amounts_are_read_as_banks_write_them() {
        let usd = currency("USD").unwrap();
        for (text, comma, shown) in [
            ("1,234.56", false, "1234.56"),
            ("-$8,000.00", false, "-8000.00"),
            ("$-8,000.00", false, "-8000.00"),
            ("($8,000.00)", false, "-8000.00"),
            ("(8000)", false, "-8000.00"),
            ("8,000.00-", false, "-8000.00"),
            ("\u{2212}5.00", false, "-5.00"),
            ("+5", false, "5.00"),
            (".50", false, "0.50"),
            ("5.", false, "5.00"),
            ("12,34,567.80", false, "1234567.80"),
            ("1'234.50", false, "1234.50"),
            ("1.234,56", true, "1234.56"),
            ("1 234,56", true, "1234.56"),
            ("-1.335,00 USD", true, "-1335.00"),
            ("USD 12.00", false, "12.00"),
            ("12.00 DR", false, "-12.00"),
            ("12.00CR", false, "12.00"),
        ] {
            let money = read(text, comma, usd).unwrap().unwrap();
            assert_eq!(money.to_string(), format!("{shown} USD"), "{text}");
        }
        assert_eq!(read(" ", false, usd).unwrap(), None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        let usd = currency("USD").unwrap();
        for (text, comma) in [
            ("1,5", false),
            ("1.000", false),
            ("1,000", true),
            ("12,34", false),
            ("1.234,56", false),
            ("1,234.56", true),
            ("1.5", true),
            ("--5", false),
            ("(-5)", false),
            ("5 000,00.1", true),
            ("1,234'567", false),
            ("abc", false),
            ("1e5", false),
            ("$", false),
            ("1,,000", false),
            ("-5.00 CR", false),
        ] {
            assert_eq!(read(text, comma, usd).unwrap_err().0, FindingKind::BadAmount, "{text}");
        }
        for text in ["5 €", "EUR 5", "£5"] {
            assert_eq!(read(text, false, usd).unwrap_err().0, FindingKind::OtherCurrency, "{text}");
        }
    }
}
