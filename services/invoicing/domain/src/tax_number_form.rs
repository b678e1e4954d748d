//! Tax numbers as they are written: their prefixes, form and check digits, country by country
//! (docs/domain/invoicing.md#tax-number).

use payterms_kernel::{Reason, Refusal, Violation};
use vat_id_validator::check_vat_by_country;

/// A number in one spelling: capitals and digits, with the prefix that its country writes before
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spelled {
    /// The prefix, such as `DE`; `EL` for Greece, `XI` for Northern Ireland; empty where the
    /// country has none.
    pub prefix: &'static str,
    /// What follows it.
    pub rest: String,
}

/// Countries whose numbers begin with their own code.
const OWN: [&str; 28] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "NO", "CH",
];

/// The prefixes of the numbers of a country whose form is known; the first is added where a number
/// has none.
fn prefixes(country: &str) -> &'static [&'static str] {
    match country {
        "GR" => &["EL"],
        "GB" => &["GB", "XI"],
        "IM" => &["GB"],
        "MC" => &["FR"],
        _ => OWN
            .iter()
            .position(|text| *text == country)
            .and_then(|at| OWN.get(at..=at))
            .unwrap_or_default(),
    }
}

/// A number without what people write between its parts.
fn plain(number: &str) -> String {
    number
        .chars()
        .filter(|c| !matches!(c, ' ' | '.' | '-' | '/' | '\u{a0}'))
        .collect::<String>()
        .to_uppercase()
}

/// A number of a country in one spelling; none where the forms of the country's numbers are not
/// known here.
#[must_use]
pub fn spelled(country: &str, number: &str) -> Option<Spelled> {
    let plain = plain(number);
    if country == "AU" {
        let rest = plain.strip_prefix("ABN").unwrap_or(&plain).to_owned();
        return Some(Spelled { prefix: "", rest });
    }
    let known = prefixes(country);
    let first = *known.first()?;
    let (prefix, rest) = known
        .iter()
        .find_map(|prefix| Some((*prefix, plain.strip_prefix(prefix)?)))
        .unwrap_or((first, &plain));
    Some(Spelled { prefix, rest: rest.to_owned() })
}

/// What is wrong with the form of a number of a country, as a sentence; none where it is right, or
/// the country's forms are not known here.
#[must_use]
pub fn form_fault(country: &str, number: &str) -> Option<String> {
    let spelled = spelled(country, number)?;
    let is_bare = spelled.rest == plain(number);
    let foreign = is_bare
        && OWN.iter().chain(&["EL", "GB", "XI"]).any(|prefix| spelled.rest.starts_with(prefix));
    let (is_formed, is_checked) = match (country, spelled.prefix) {
        // French numbers may have two letters before their digits: one of another country would do.
        _ if foreign => (false, false),
        ("AU", _) => abn(&spelled.rest),
        ("BE", _) => belgian(&spelled.rest),
        ("CY", _) => cypriot(&spelled.rest),
        (_, "XI") => form_of("GB", &format!("GB{}", spelled.rest)),
        ("CH", _) => swiss(&spelled.rest),
        (_, "EL") => form_of("GR", &format!("EL{}", spelled.rest)),
        (_, prefix) => form_of(prefix, &format!("{prefix}{}", spelled.rest)),
    };
    let what = match country {
        "AU" => "an ABN is 11 digits".to_owned(),
        "CH" => {
            "a Swiss number is CHE and 9 digits, with MWST, TVA or IVA after them or not".to_owned()
        }
        "NO" => "a Norwegian number is 9 digits, with MVA after them or not".to_owned(),
        _ => format!(
            "numbers of {country} begin with {} and have their own length",
            prefixes(country).join(" or ")
        ),
    };
    match (is_formed, is_checked) {
        (true, true) => None,
        (true, false) => Some(
            "Its check digits do not fit the others. Look for a mistyped or swapped digit."
                .to_owned(),
        ),
        (false, _) => Some(format!(
            "It is no tax number of {country}: {what}. Write it as it was issued, or change the country."
        )),
    }
}

/// Whether form and check digits are right.
fn form_of(country: &str, number: &str) -> (bool, bool) {
    if !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return (false, false);
    }
    let found = check_vat_by_country(number, country);
    (found.is_valid_format, found.is_valid)
}

/// A Swiss number: the sign of the tax in one of three languages may follow the digits.
fn swiss(rest: &str) -> (bool, bool) {
    let rest = rest.strip_prefix('E').unwrap_or(rest);
    let plain =
        ["MWST", "TVA", "IVA"].iter().find_map(|sign| rest.strip_suffix(sign)).unwrap_or(rest);
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        form_of("CH", &format!("CHE{plain}"))
    } else {
        (false, false)
    }
}

fn digits(text: &str, count: usize) -> Option<Vec<u64>> {
    let digits: Vec<u64> =
        text.chars().map(|c| c.to_digit(10).map(u64::from)).collect::<Option<_>>()?;
    (digits.len() == count).then_some(digits)
}

/// An Australian Business Number: the first digit less one, weighted, is a multiple of 89
/// (Australian Business Register, "Format of the ABN").
fn abn(text: &str) -> (bool, bool) {
    const WEIGHTS: [u64; 11] = [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19];
    let Some(digits) = digits(text, 11) else { return (false, false) };
    let sum = digits
        .iter()
        .zip(WEIGHTS)
        .fold(0_u64, |sum, (digit, weight)| sum.saturating_add(digit.saturating_mul(weight)));
    // Less the weight of the one that is taken off the first digit.
    (true, digits.first() != Some(&0) && sum.saturating_sub(10).is_multiple_of(89))
}

/// A Belgian number: 0 or, since those are running out, 1, and 9 digits of which the last two are
/// 97 less the rest modulo 97. The crate that checks the others does not know of the 1.
fn belgian(text: &str) -> (bool, bool) {
    let Some(digits) =
        digits(text, 10).filter(|numbers| numbers.first().is_some_and(|first| *first < 2))
    else {
        return (false, false);
    };
    let number =
        digits.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(*digit));
    (true, 97_u64.saturating_sub((number / 100) % 97) == number % 100)
}

/// A Cypriot number: eight digits and a check letter, which the crate knows as well; since 2023
/// they may begin with 6, which it does not know. The rule of the letter does not depend on the
/// first digit.
fn cypriot(text: &str) -> (bool, bool) {
    let (Some(digits), Some(letter)) =
        (text.get(..8).and_then(|text| digits(text, 8)), text.get(8..))
    else {
        return (false, false);
    };
    let begins_well = digits.first().is_some_and(|first| *first <= 6 || *first == 9);
    let odd = |digit: u64| {
        [1_u64, 0, 5, 7, 9, 13, 15, 17, 19, 21]
            .get(usize::try_from(digit).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or(0)
    };
    let weighed = digits
        .iter()
        .enumerate()
        .map(|(place, digit)| if place.is_multiple_of(2) { odd(*digit) } else { *digit });
    let check = u8::try_from(weighed.fold(0, u64::saturating_add) % 26)
        .unwrap_or_default()
        .saturating_add(b'A');
    let has_letter = letter.len() == 1 && letter.bytes().all(|byte| byte.is_ascii_uppercase());
    (begins_well && has_letter, begins_well && letter.as_bytes() == [check])
}

/// Refuses a number whose form is wrong.
///
/// # Errors
/// `TAX_NUMBER_INVALID`.
pub fn must_be_formed(country: &str, number: &str) -> Result<(), Refusal> {
    let fault = Some(number)
        .filter(|number| !number.is_empty())
        .and_then(|number| form_fault(country, number));
    fault.map_or(Ok(()), |description| {
        let field = "customer.tax_id".to_owned();
        Err(Refusal::invalid(vec![Violation {
            field,
            reason: Reason::TAX_NUMBER_INVALID,
            description,
        }]))
    })
}

/// A number in the one way in which it is compared.
pub(crate) fn spell(country: &str, number: &str) -> String {
    spelled(country, number)
        .map_or(number.to_owned(), |spelled| format!("{}{}", spelled.prefix, spelled.rest))
}
