//! Amounts as formats of computers write them, and what may be wrong with them.

use crate::finding::FindingKind;
use payterms_kernel::{
    Currency, Money,
    money::{MAX_UNITS, MoneyError},
};

/// What is wrong with a field: the kind of the finding and its sentence.
pub(crate) type Fault = (FindingKind, String);

/// A decimal as XML Schema writes it, `12.50`, `+12.5`, `.5` or `12.`, in whole minor units of its
/// currency.
pub(crate) fn decimal(currency: Currency, text: &str) -> Result<Money, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Err((FindingKind::NoAmount, "It has no amount.".to_owned()));
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        // A second sign is left to the parser, which refuses it.
        None => {
            ("", text.strip_prefix('+').filter(|digits| !digits.starts_with('-')).unwrap_or(text))
        }
    };
    let digits = digits.strip_suffix('.').unwrap_or(digits);
    let zero = if digits.starts_with('.') { "0" } else { "" };
    checked(currency, &format!("{sign}{zero}{digits}"), text)
}

/// A plain decimal, checked against what an amount of money can be; `written` stands in the
/// sentence.
pub(crate) fn checked(currency: Currency, plain: &str, written: &str) -> Result<Money, Fault> {
    let shown: String = written.chars().take(40).collect();
    let bad = |what: &str| (FindingKind::BadAmount, format!("Its amount {shown:?} {what}."));
    let money = Money::parse(currency, plain).map_err(|error| match error {
        MoneyError::Malformed => bad("is no number"),
        MoneyError::Precision(_) => {
            bad(&format!("has more digits after the point than {currency} has"))
        }
        _ => bad("is too large"),
    })?;
    if !money.is_at_minor_unit() {
        return Err(bad(&format!("has more digits after the point than {currency} has")));
    }
    let bound = Money::parse(currency, &MAX_UNITS.to_string()).map_err(|_| bad("is too large"))?;
    if money.compare(bound).is_ok_and(std::cmp::Ordering::is_gt)
        || money.negated().compare(bound).is_ok_and(std::cmp::Ordering::is_gt)
    {
        return Err(bad("is too large"));
    }
    Ok(money)
}

/// The currency of a code, with the sentence where there is none.
pub(crate) fn currency(code: &str) -> Result<Currency, Fault> {
    let code = code.trim();
    let shown: String = code.chars().take(10).collect();
    let sentence = if shown.is_empty() {
        "It names no currency.".to_owned()
    } else {
        format!("{shown:?} is no currency that one can pay in.")
    };
    Currency::parse(code).ok_or((FindingKind::UnknownCurrency, sentence))
}

#[cfg(test)]
mod tests {
    use super::{currency, decimal};
    use crate::finding::FindingKind;

    #[test]
    fn decimals_of_xml_schema_are_read_and_others_are_not() {
        let usd = currency("USD").unwrap();
        for (text, shown) in [
            ("12.5", "12.50 USD"),
            ("+1", "1.00 USD"),
            (".5", "0.50 USD"),
            ("7.", "7.00 USD"),
            ("100.000", "100.00 USD"),
            ("-3", "-3.00 USD"),
        ] {
            assert_eq!(decimal(usd, text).unwrap().to_string(), shown);
        }
        for text in ["1,5", "1e5", "NaN", "--1", "1.001", "100000000001", "1 000", ".", "+-1"] {
            assert_eq!(decimal(usd, text).unwrap_err().0, FindingKind::BadAmount, "{text}");
        }
        assert_eq!(decimal(usd, " ").unwrap_err().0, FindingKind::NoAmount);
        assert_eq!(decimal(currency("JPY").unwrap(), "1.5").unwrap_err().0, FindingKind::BadAmount);
        assert_eq!(currency("usd").unwrap_err().0, FindingKind::UnknownCurrency);
    }
}
