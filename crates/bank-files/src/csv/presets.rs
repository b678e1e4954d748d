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

payterms_kernel::names! {
    /// Its name, as in the API.
    Preset {
        Chase = "CHASE",
        BankOfAmerica = "BANK_OF_AMERICA",
        WellsFargo = "WELLS_FARGO",
        Citi = "CITI",
        CapitalOne = "CAPITAL_ONE",
        Ing = "ING",
        Lloyds = "LLOYDS",
        Sparkasse = "SPARKASSE",
        Wise = "WISE",
        Revolut = "REVOLUT",
    }
}
