//! Tax numbers: their form, and how it is known that one is its customer's
//! (docs/domain/invoicing.md#tax-number).

use crate::{customer::Customer, tenant::Tenant};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Refusal, Violation};
use vat_id_validator::check_vat_by_country;

/// Days after which a number that was verified is verified again.
pub const VALID_DAYS: i64 = 90;
/// Hours until a register that gave no answer is asked again; then each day.
const PAUSES_HOURS: [i64; 5] = [1, 2, 4, 8, 16];

/// Whether a customer's tax number is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxNumberState {
    /// Nobody has looked; it takes no tax off.
    Unverified,
    /// A register or a person has confirmed it.
    Verified,
    /// A register or a person has found that it is not the customer's.
    Invalid,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    TaxNumberState { Unverified = "UNVERIFIED", Verified = "VERIFIED", Invalid = "INVALID" }
}

/// What shows that a number is right, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The register of the European Union answered, with its consultation number; empty where the
    /// seller is not in it.
    Register(String),
    /// A person looked: who, and what they saw.
    Person(String, String),
}

/// What is known of a customer's tax number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxNumber {
    /// How it stands.
    pub state: TaxNumberState,
    /// What shows it; none before anybody has looked.
    pub evidence: Option<Evidence>,
    /// When that was.
    pub checked_at: Option<DateTime<Utc>>,
    /// How often in a row the register has given no answer since.
    pub unanswered: u32,
    /// What it said instead, such as `MS_UNAVAILABLE`; empty where it answered.
    pub failure: String,
}

impl TaxNumber {
    /// A number that nobody has looked at.
    #[must_use]
    pub fn unverified() -> Self {
        Self {
            state: TaxNumberState::Unverified,
            evidence: None,
            checked_at: None,
            unanswered: 0,
            failure: String::new(),
        }
    }
}

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
        Err(Refusal::invalid(vec![Violation { field, reason: "TAX_NUMBER_INVALID", description }]))
    })
}

/// A number in the one way in which it is compared.
fn spell(country: &str, number: &str) -> String {
    spelled(country, number)
        .map_or(number.to_owned(), |spelled| format!("{}{}", spelled.prefix, spelled.rest))
}

impl Customer {
    /// Whether the tax number takes part in the choice of the tax rule.
    #[must_use]
    pub fn has_verified_tax_number(&self) -> bool {
        !self.tax_id.is_empty()
            && self
                .tax_number
                .as_ref()
                .is_some_and(|tax_number| tax_number.state == TaxNumberState::Verified)
    }

    /// Notes that number or country may be another than before: another number has not been looked
    /// at yet. How it is written does not matter.
    pub fn number_set(&mut self, (country, number): (&str, &str)) {
        if self.tax_id.is_empty() {
            self.tax_number = None;
        } else if spell(country, number) != spell(&self.country, &self.tax_id)
            || self.country != country
            || self.tax_number.is_none()
        {
            self.tax_number = Some(TaxNumber::unverified());
        }
    }

    /// A number from before numbers were verified has not been looked at; true if it is such a one.
    pub fn note_number_from_before(&mut self) -> bool {
        if self.tax_id.is_empty() || self.tax_number.is_some() {
            return false;
        }
        self.tax_number = Some(TaxNumber::unverified());
        true
    }

    /// Notes what a person found out about the number that they looked at.
    ///
    /// # Errors
    /// `TAX_NUMBER_REQUIRED`, `TAX_NUMBER_CHANGED` where it is another by now, `TAX_NUMBER_INVALID`
    /// for one that cannot be right.
    pub fn number_judged(
        &mut self,
        (number, state): (&str, TaxNumberState),
        (person, explanation): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.tax_id.is_empty() {
            return Err(Refusal::precondition(
                "TAX_NUMBER_REQUIRED",
                "The customer has no tax number. Set tax_id first.",
            ));
        }
        if spell(&self.country, number) != spell(&self.country, &self.tax_id) {
            let message = "The customer's tax number is another than the one that was looked at. Read the customer again.";
            return Err(Refusal::precondition("TAX_NUMBER_CHANGED", message));
        }
        if state == TaxNumberState::Verified {
            must_be_formed(&self.country, &self.tax_id)?;
        }
        self.found(state, Evidence::Person(person.to_owned(), explanation.to_owned()), now);
        Ok(())
    }

    /// Notes what the register answered.
    pub fn number_answered(
        &mut self,
        state: TaxNumberState,
        consultation: String,
        now: DateTime<Utc>,
    ) {
        self.found(state, Evidence::Register(consultation), now);
    }

    /// Notes that the register gave no answer: what was known last holds. Answers when it is asked
    /// again.
    pub fn number_unanswered(&mut self, failure: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        let tax_number = self.tax_number.get_or_insert_with(TaxNumber::unverified);
        let pause = PAUSES_HOURS
            .get(usize::try_from(tax_number.unanswered).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or(24);
        tax_number.unanswered = tax_number.unanswered.saturating_add(1);
        failure.clone_into(&mut tax_number.failure);
        now + TimeDelta::hours(pause)
    }

    fn found(&mut self, state: TaxNumberState, evidence: Evidence, now: DateTime<Utc>) {
        let (unanswered, failure) = (0, String::new());
        self.tax_number = Some(TaxNumber {
            state,
            evidence: Some(evidence),
            checked_at: Some(now),
            unanswered,
            failure,
        });
    }

    /// When the number is to be verified again; none for one that is not verified.
    #[must_use]
    pub fn number_due_at(&self) -> Option<DateTime<Utc>> {
        let tax_number = self
            .tax_number
            .as_ref()
            .filter(|tax_number| tax_number.state == TaxNumberState::Verified)?;
        tax_number.checked_at.map(|at| at + TimeDelta::days(VALID_DAYS))
    }

    /// The number as the European Union's register knows it: its country and the rest. None where
    /// the register does not have such numbers, its form is wrong, or the tenant's rules do not ask
    /// for one from this country.
    #[must_use]
    pub fn number_to_ask_for(&self, tenant: &Tenant) -> Option<Spelled> {
        let asked =
            tenant.tax_rules.iter().any(|rule| rule.country == self.country && rule.with_tax_id);
        Some(()).filter(|()| asked).and_then(|()| in_register(&self.country, &self.tax_id))
    }
}

impl Tenant {
    /// The tenant's own number as the register knows it: who asks with one gets a consultation
    /// number.
    #[must_use]
    pub fn number_to_ask_with(&self) -> Option<Spelled> {
        in_register(&self.country, &self.business.tax_id)
    }
}

/// A number that the register of the European Union may have.
fn in_register(country: &str, number: &str) -> Option<Spelled> {
    let this_spelled = spelled(country, number)
        .filter(|_| !number.is_empty() && form_fault(country, number).is_none())?;
    let outside = ["", "GB", "NO", "CH"].contains(&this_spelled.prefix);
    Some(this_spelled).filter(|_| !outside)
}

#[cfg(test)]
#[path = "tax_number_tests.rs"]
mod tests;
