//! How amounts, dates, references and the words of documents are written, in English and in French.

use chrono::{Datelike, NaiveDate};
use payterms_invoicing_domain::Discount;
use payterms_kernel::{Money, calendar::PaymentTerm, money::group_digits};
use rust_decimal::Decimal;

/// A language of documents and mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `en`.
    English,
    /// `fr`.
    French,
}

/// The months in French; English has chrono's.
const MOIS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

impl Language {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// The language of a customer's locale.
    #[must_use]
    pub fn of(locale: &str) -> Self {
        if locale == "fr" { Self::French } else { Self::English }
    }

    /// Its code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// The one of two wordings that is in this language.
    #[must_use]
    pub fn say(self, english: &'static str, french: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::French => french,
        }
    }

    /// A payment term in words.
    #[must_use]
    pub fn term(self, term: PaymentTerm) -> String {
        match (self, term) {
            (Self::English, PaymentTerm::NetDays(0)) => "Due at once".to_owned(),
            (Self::French, PaymentTerm::NetDays(0)) => "À réception".to_owned(),
            (Self::English, PaymentTerm::NetDays(days)) => format!("{days} days"),
            (Self::French, PaymentTerm::NetDays(days)) => format!("{days} jours"),
            (Self::English, PaymentTerm::NetDaysEndOfMonth(days)) => {
                format!("{days} days, end of month")
            }
            (Self::French, PaymentTerm::NetDaysEndOfMonth(days)) => {
                format!("{days} jours fin de mois")
            }
            (Self::English, PaymentTerm::EndOfMonthNetDays(days)) => {
                format!("End of month, {days} days")
            }
            (Self::French, PaymentTerm::EndOfMonthNetDays(days)) => {
                format!("Fin de mois {days} jours")
            }
            (Self::English, PaymentTerm::EndOfFollowingMonth) => {
                "End of the following month".to_owned()
            }
            (Self::French, PaymentTerm::EndOfFollowingMonth) => "Fin du mois suivant".to_owned(),
        }
    }

    /// An amount with its currency: `1,234.50 USD`, `1 234,50 USD`.
    #[must_use]
    pub fn money(self, money: Money) -> String {
        let scale = money.amount().normalize().scale().max(money.currency().exponent());
        let mut amount = money.amount();
        amount.rescale(scale);
        format!("{}\u{a0}{}", self.digits(&amount.to_string()), money.currency())
    }

    /// An amount, or nothing where it is not above zero: a template takes what is empty as false.
    #[must_use]
    pub fn money_or_nothing(self, money: Money) -> String {
        if money.is_positive() { self.money(money) } else { String::new() }
    }

    /// A quantity or a rate.
    #[must_use]
    pub fn number(self, number: Decimal) -> String {
        self.digits(&number.normalize().to_string())
    }

    /// What a discount is called: `Discount 10 %`, or in its own words.
    #[must_use]
    pub fn discount(self, discount: &Discount) -> String {
        let this_text = discount.description.as_str();
        let name = if this_text.is_empty() { self.say("Discount", "Remise") } else { this_text };
        discount.percent().map_or_else(
            || name.to_owned(),
            |percent| format!("{name} {}\u{a0}%", self.number(percent)),
        )
    }

    /// What a line of the discount of a whole invoice is called; the rate is named where there are
    /// several.
    #[must_use]
    pub fn discount_line(self, discount: &Discount, rate: Option<Decimal>) -> String {
        let name = self.discount(discount);
        let rated =
            |rate| format!("{name} ({} {}\u{a0}%)", self.say("tax", "TVA"), self.number(rate));
        rate.map_or_else(|| name.clone(), rated)
    }

    fn digits(self, plain: &str) -> String {
        match self {
            Self::English => group_digits(plain, ',', '.'),
            Self::French => group_digits(plain, '\u{a0}', ','),
        }
    }

    /// A month in words: `June 2026`, `juin 2026`.
    #[must_use]
    pub fn month(self, month: NaiveDate) -> String {
        match self {
            Self::English => month.format("%B %Y").to_string(),
            Self::French => {
                let name = usize::try_from(month.month0())
                    .ok()
                    .and_then(|month| MOIS.get(month))
                    .copied()
                    .unwrap_or_default();
                format!("{name} {}", month.year())
            }
        }
    }

    /// A month after `for` or `Relevé`: `June 2026`, `de juin 2026`, `d’avril 2026`.
    #[must_use]
    pub fn of_month(self, month: NaiveDate) -> String {
        let name = self.month(month);
        match self {
            Self::English => name,
            Self::French if name.starts_with(['a', 'o']) => format!("d’{name}"),
            Self::French => format!("de {name}"),
        }
    }

    /// A date in a column: `1 Jun 2026`, `01/06/2026`.
    #[must_use]
    pub fn short_date(self, date: NaiveDate) -> String {
        match self {
            Self::English => date.format("%-d %b %Y").to_string(),
            Self::French => date.format("%d/%m/%Y").to_string(),
        }
    }

    /// A date in words: `1 June 2026`, `1er juin 2026`.
    #[must_use]
    pub fn date(self, date: NaiveDate) -> String {
        match self {
            Self::English => date.format("%-d %B %Y").to_string(),
            Self::French => {
                let month = usize::try_from(date.month0())
                    .ok()
                    .and_then(|month| MOIS.get(month))
                    .copied()
                    .unwrap_or_default();
                let first = if date.day() == 1 { "er" } else { "" };
                format!("{}{first} {month} {}", date.day(), date.year())
            }
        }
    }
}

/// A payment reference in groups of four, as ISO 11649 wants it on paper.
#[must_use]
pub fn grouped(reference: &str) -> String {
    let letters: Vec<char> = reference.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Language;
    use payterms_invoicing_domain::{Discount, Off};
    use payterms_kernel::{Currency, Money};
    use rust_decimal::Decimal;

    #[test]
    fn discounts_are_named_in_both_languages() {
        let percent =
            Discount { off: Off::Percent(Decimal::new(125, 1)), description: String::new() };
        let discount = Discount {
            off: Off::Amount(Money::zero(Currency::parse("EUR").unwrap())),
            description: "Loyalty".into(),
        };
        let told = |text: String| text.replace('\u{a0}', " ");
        assert_eq!(
            told(Language::English.discount_line(&percent, Some(Decimal::from(20)))),
            "Discount 12.5 % (tax 20 %)"
        );
        assert_eq!(
            told(Language::French.discount_line(&percent, Some(Decimal::new(55, 1)))),
            "Remise 12,5 % (TVA 5,5 %)"
        );
        assert_eq!(told(Language::French.discount_line(&percent, None)), "Remise 12,5 %");
        assert_eq!(told(Language::English.discount(&discount)), "Loyalty");
    }

    #[test]
    fn amounts_and_dates_are_written_as_people_write_them() {
        let money =
            |code: &str, text: &str| Money::parse(Currency::parse(code).unwrap(), text).unwrap();
        let told = |language: Language, money| language.money(money).replace('\u{a0}', " ");
        assert_eq!(told(Language::English, money("USD", "1234567.5")), "1,234,567.50 USD");
        assert_eq!(told(Language::French, money("EUR", "-1234.5")), "-1 234,50 EUR");
        assert_eq!(told(Language::French, money("JPY", "100")), "100 JPY");
        assert_eq!(told(Language::English, money("USD", "0.000125")), "0.000125 USD");
        let months = ["2026-01-01", "2026-04-01", "2026-05-01", "2026-08-01", "2026-10-01"]
            .map(|month| Language::French.of_month(month.parse().unwrap()));
        assert_eq!(
            months,
            ["de janvier 2026", "d’avril 2026", "de mai 2026", "d’août 2026", "d’octobre 2026"]
        );
        let first = "2026-06-01".parse().unwrap();
        assert_eq!(
            (Language::English.short_date(first), Language::French.short_date(first)),
            ("1 Jun 2026".into(), "01/06/2026".into())
        );
        assert_eq!(
            (Language::English.date(first), Language::French.date(first)),
            ("1 June 2026".into(), "1er juin 2026".into())
        );
    }
}
