//! Currencies: ISO 4217 codes that are legal tender somewhere, with their minor unit.

use std::fmt;

/// An ISO 4217 currency with a minor unit.
///
/// Codes that no one can pay with (`XXX`, `XTS`, metals, fund codes) are not currencies here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Parses an upper-case code; `None` for anything that is not a currency one can pay in.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let upper = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
        if !upper || code.starts_with('X') && !matches!(code, "XAF" | "XCD" | "XOF" | "XPF" | "XCG")
        {
            return None;
        }
        let currency = iso_currency::Currency::from_code(code)?;
        currency.exponent().map(|_| Self(currency))
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimals of the minor unit: JPY 0, USD 2, BHD 3.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Currency;

    #[test]
    fn minor_units_are_those_of_iso_4217() {
        for (code, exponent) in [("JPY", 0), ("USD", 2), ("BHD", 3), ("AUD", 2), ("XOF", 0)] {
            assert_eq!(Currency::parse(code).map(Currency::exponent), Some(exponent), "{code}");
        }
    }

    #[test]
    fn codes_without_legal_tender_are_refused() {
        for code in ["XXX", "XTS", "XAU", "usd", "Usd", "", "US", "USDX", "ZZZ", "US$"] {
            assert_eq!(Currency::parse(code), None, "{code:?}");
        }
    }
}
