//! The code that payment apps read: a SEPA credit transfer by EPC069-12, version 2
//! (docs/domain/invoicing.md#code-for-payment-apps).

use payterms_kernel::Money;
use qrcode::{Color, EcLevel, QrCode, Version, bits::Bits};

/// Characters of the name at most.
const MOST_NAME: usize = 70;
/// Bytes of the content at most: what version 13 holds with error correction M.
const MOST_BYTES: usize = 331;
/// The largest version of the symbol.
const MOST_VERSION: i16 = 13;
/// A cent, in micros.
const CENT: i64 = 10_000;
/// 999,999,999.99 euros, in cents.
const MOST_CENTS: i64 = 99_999_999_999;

/// A transfer that a payer is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// Who gets it.
    pub name: &'a str,
    /// The account, an IBAN without spaces.
    pub iban: &'a str,
    /// How much.
    pub amount: Money,
    /// The ISO 11649 reference, without spaces.
    pub reference: &'a str,
}

impl Transfer<'_> {
    /// What the code says; none for an amount that it cannot hold: other than euros, less than a
    /// cent, parts of a cent, a thousand millions or more.
    #[must_use]
    pub fn content(&self) -> Option<String> {
        let (cents, rest) =
            (self.amount.micros().checked_div(CENT)?, self.amount.micros().checked_rem(CENT)?);
        if self.amount.currency().code() != "EUR" || rest != 0 || !(1..=MOST_CENTS).contains(&cents)
        {
            return None;
        }
        let (euros, cents) = (cents.checked_div(100)?, cents.checked_rem(100)?);
        let name: String = self
            .name
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .chars()
            .take(MOST_NAME)
            .collect();
        let mut name = name.trim_end().to_owned();
        loop {
            // The BIC and the purpose are empty; so is the text, and lines after the last one that
            // holds something are left out.
            let content = format!(
                "BCD\n002\n1\nSCT\n\n{name}\n{}\nEUR{euros}.{cents:02}\n\n{}",
                self.iban, self.reference
            );
            if content.len() <= MOST_BYTES {
                return (!name.is_empty()).then_some(content);
            }
            name.pop()?;
        }
    }

    /// The code; none where there is no content.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        let content = self.content()?;
        // As bytes throughout: the crate would take pairs of bytes of UTF-8 for Kanji.
        let bits = |version: i16| {
            let mut bits = Bits::new(Version::Normal(version));
            bits.push_byte_data(content.as_bytes()).ok()?;
            bits.push_terminator(EcLevel::M).ok()?;
            Some(bits)
        };
        let code = QrCode::with_bits((1..=MOST_VERSION).find_map(bits)?, EcLevel::M).ok()?;
        let dark = code.to_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Code { width: u16::try_from(code.width()).ok()?, dark })
    }
}

/// A square of dark and light modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    width: u16,
    dark: Vec<bool>,
}

impl Code {
    /// Modules of a side.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Runs of dark modules: row, first column, length.
    #[must_use]
    pub fn bars(&self) -> Vec<(u16, u16, u16)> {
        let mut bars: Vec<(u16, u16, u16)> = Vec::new();
        for (row, modules) in (0_u16..).zip(self.dark.chunks(usize::from(self.width.max(1)))) {
            for (column, _) in (0_u16..).zip(modules).filter(|(_, dark)| **dark) {
                match bars.last_mut() {
                    Some((last, first, length))
                        if *last == row && first.saturating_add(*length) == column =>
                    {
                        *length = length.saturating_add(1);
                    }
                    _ => bars.push((row, column, 1)),
                }
            }
        }
        bars
    }
}

#[cfg(test)]
mod tests {
    use super::Transfer;
    use payterms_kernel::{Currency, Money};

    fn transfer<'a>(name: &'a str, code: &str, amount: &str) -> Transfer<'a> {
        let amount = Money::parse(Currency::parse(code).unwrap(), amount).unwrap();
        Transfer { name, iban: "DE89370400440532013000", amount, reference: "RF54INV2026000042" }
    }

    #[test]
    fn the_content_is_line_by_line_what_the_guideline_says() {
        let long = "Größte Gesellschaft für Überweisungen und Zahlungen aller Art mit beschränkter Haftung & Co. KG";
        let cut = "Größte Gesellschaft für Überweisungen und Zahlungen aller Art mit besc";
        for (name, amount, shown, euros) in [
            ("Acme GmbH", "1234.5", "Acme GmbH", "EUR1234.50"),
            ("Müller & Söhne AG", "0.01", "Müller & Söhne AG", "EUR0.01"),
            (long, "100", cut, "EUR100.00"),
            ("Two\nlines  Ltd ", "999999999.99", "Two lines Ltd", "EUR999999999.99"),
        ] {
            let expected = format!(
                "BCD\n002\n1\nSCT\n\n{shown}\nDE89370400440532013000\n{euros}\n\nRF54INV2026000042"
            );
            assert_eq!(
                transfer(name, "EUR", amount).content().as_deref(),
                Some(expected.as_str()),
                "{name}"
            );
        }
        for (code, amount) in [
            ("USD", "10"),
            ("EUR", "0"),
            ("EUR", "-1"),
            ("EUR", "0.001"),
            ("EUR", "1.005"),
            ("EUR", "1000000000"),
        ] {
            assert_eq!(transfer("Acme", code, amount).content(), None, "{code} {amount}");
        }
        assert_eq!(transfer(" ", "EUR", "1").content(), None);
    }

    #[test]
    fn no_name_makes_it_larger_than_version_thirteen() {
        for (name, most) in [
            ("A".repeat(200), 33 + 4 * 7),
            ("😀".repeat(70), 17 + 4 * 13),
            ("東".repeat(70), 17 + 4 * 13),
        ] {
            let transfer = transfer(&name, "EUR", "999999999.99");
            assert!(transfer.content().unwrap().len() <= 331);
            let code = transfer.code().unwrap();
            assert!(code.width() <= most, "{name}: {}", code.width());
        }
    }

    #[test]
    fn the_modules_are_those_of_a_code_with_its_three_corners() {
        let code = transfer("Acme GmbH", "EUR", "10").code().unwrap();
        let (bars, last) = (code.bars(), code.width() - 7);
        for corner in [
            (0, 0, 7),
            (6, 0, 7),
            (0, last, 7),
            (6, last, 7),
            (last, 0, 7),
            (code.width() - 1, 0, 7),
        ] {
            assert!(bars.contains(&corner), "{corner:?}");
        }
        let dark: usize = bars.iter().map(|(_, _, length)| usize::from(*length)).sum();
        assert_eq!(dark, code.dark.iter().filter(|dark| **dark).count());
        assert_eq!(transfer("Acme GmbH", "EUR", "10").code(), Some(code));
    }
}
