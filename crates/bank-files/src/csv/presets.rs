//! Banks whose exports are read as they are downloaded.

/// A bank whose CSV export is read without a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// Chase, United States.
    Chase,
    /// Bank of America, United States.
    BankOfAmerica,
    /// Wells Fargo, United States: five columns without a header.
    WellsFargo,
    /// Citi, United States.
    Citi,
    /// Capital One, United States.
    CapitalOne,
    /// ING, Netherlands.
    Ing,
    /// Lloyds, United Kingdom.
    Lloyds,
    /// Sparkasse, Germany: the CSV-CAMT export.
    Sparkasse,
    /// Wise.
    Wise,
    /// Revolut.
    Revolut,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 10] = [
        Self::Chase,
        Self::BankOfAmerica,
        Self::WellsFargo,
        Self::Citi,
        Self::CapitalOne,
        Self::Ing,
        Self::Lloyds,
        Self::Sparkasse,
        Self::Wise,
        Self::Revolut,
    ];

    /// Its name, as in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chase => "CHASE",
            Self::BankOfAmerica => "BANK_OF_AMERICA",
            Self::WellsFargo => "WELLS_FARGO",
            Self::Citi => "CITI",
            Self::CapitalOne => "CAPITAL_ONE",
            Self::Ing => "ING",
            Self::Lloyds => "LLOYDS",
            Self::Sparkasse => "SPARKASSE",
            Self::Wise => "WISE",
            Self::Revolut => "REVOLUT",
        }
    }
}
