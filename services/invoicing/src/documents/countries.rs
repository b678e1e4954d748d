//! The names of countries, as addresses on documents have them: from the CLDR of Unicode, one line
//! a code.

use super::wording::Language;

const NAMES: &str = include_str!("../../data/countries.tsv");

impl Language {
    /// The name of a country by its code; the code itself where there is none.
    #[must_use]
    pub fn country(self, code: &str) -> &str {
        let named = NAMES
            .lines()
            .find_map(|line| line.strip_prefix(code)?.strip_prefix('\t')?.split_once('\t'));
        named.map_or(code, |(english, french)| if self == Self::English { english } else { french })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::wording::Language, NAMES};

    #[test]
    fn every_country_has_a_name_in_both_languages() {
        assert_eq!(
            (Language::English.country("DE"), Language::French.country("DE")),
            ("Germany", "Allemagne")
        );
        for line in NAMES.lines() {
            let code = line.split('\t').next().unwrap();
            assert!(payterms_kernel::country::is_country(code), "{code}");
            assert!(
                Language::ALL.iter().all(|language| language.country(code).chars().count() > 2),
                "{code}"
            );
        }
        assert_eq!(NAMES.lines().count(), 249);
        assert_eq!(Language::English.country("XX"), "XX");
    }
}
