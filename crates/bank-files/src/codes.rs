//! What banks' codes say: which bookings are payments that came back, and of what kind the others
//! are. Code sets: ISO 20022's external bank transaction codes and return reasons, NACHA's return
//! codes, BAI, SWIFT's transaction types, the German transaction codes of MT940, and Plaid's
//! categories.

use crate::model::{Kind, Returned};

/// ISO sub-families of payments that came back. `URDD`, `URCQ` and `STLR` are none: they are
/// credits under reserve.
const RETURNS: [&str; 13] = [
    "ARET", "AREV", "CQRV", "PRDD", "RCDD", "RPCR", "RRTN", "UDFT", "UPCQ", "UPCT", "UPDD", "XPCQ",
    "RVSL",
];

/// Families whose entries are payments of the account's holder: direct debits received, cheques and
/// transfers issued, own cards.
const OWN_PAYMENTS: [&str; 6] = ["RDDT", "ICHQ", "ICDT", "IRCT", "CCRD", "ICCN"];
/// Families whose entries are deposits: direct debits issued, cheques and transfers received, card
/// takings.
const DEPOSITS: [&str; 7] = ["IDDT", "RCHQ", "RCDT", "RRCT", "MCRD", "LBOX", "RCCN"];

/// What a bank's code says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meaning {
    /// Of what kind it is.
    pub kind: Kind,
    /// Whether it is a payment that came back.
    pub is_return: bool,
    /// Whether the code says whose payment came back: `Some(true)` for one of the account's holder.
    pub own_payment: Option<bool>,
}

impl Meaning {
    fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    fn back(own_payment: Option<bool>) -> Self {
        Self { is_return: true, own_payment, ..Self::default() }
    }

    /// The payment that came back by this code, with the sign of its entry where the code does not
    /// say whose it is: what comes in again had gone out.
    #[must_use]
    pub fn returned(self, came_in: bool, code: &str) -> Option<Returned> {
        self.is_return.then(|| Returned {
            own_payment: self.own_payment.unwrap_or(came_in),
            code: code.to_owned(),
        })
    }
}

/// ISO 20022's bank transaction code. Where family and sign contradict each other, as in a returned
/// transfer that came in and is told as received, the sign holds; direct debits, cheques and cards
/// are told by their family alone.
#[must_use]
pub fn iso(domain: &str, family: &str, sub_family: &str, came_in: bool) -> Meaning {
    if RETURNS.contains(&sub_family) {
        let by_family = match family {
            "ICDT" | "IRCT" | "RCDT" | "RRCT" => Some(came_in),
            _ if OWN_PAYMENTS.contains(&family) => Some(true),
            _ if DEPOSITS.contains(&family) => Some(false),
            _ => None,
        };
        return Meaning::back(by_family);
    }
    Meaning::of(iso_kind(domain, family, sub_family))
}

fn iso_kind(domain: &str, family: &str, sub_family: &str) -> Kind {
    match (domain, family, sub_family) {
        (_, _, "INTR") => Kind::Interest,
        (_, _, "CHRG" | "COMM" | "COME" | "COMI" | "COMT" | "FEES") => Kind::Fee,
        (_, _, "TAXE" | "TTLS" | "WITH") => Kind::Tax,
        (_, _, "RIMB") => Kind::Refund,
        ("LDAS", "FTDP" | "NTDP", _)
        | ("CMGT" | "CAMT", _, _)
        | (_, "CAPL" | "ACCB", _)
        | (_, _, "COAT" | "ACON" | "FIOA" | "ICCT" | "XICT" | "ZABA" | "SWEP" | "TOPG" | "BACT") => {
            Kind::OwnTransfer
        }
        ("LDAS", _, _) | (_, _, "DDWN") => Kind::Loan,
        (_, "CNTR", "CHKD") => Kind::Other,
        (_, "CNTR", _) | (_, _, "CDPT" | "CWDL" | "XBCW" | "BCDP" | "BCWD") => Kind::Cash,
        _ => Kind::Other,
    }
}

/// ISO 20022's purpose of a payment.
#[must_use]
pub fn iso_purpose(code: &str) -> Kind {
    match code {
        "LOAN" | "LOAR" | "MTUP" => Kind::Loan,
        "ACCT" | "CASH" | "INTC" | "SWEP" | "TOPG" | "ZABA" | "LIMA" => Kind::OwnTransfer,
        "INTE" => Kind::Interest,
        "BKFE" | "CHAR" => Kind::Fee,
        "REFU" | "RIMB" => Kind::Refund,
        "TAXS" | "VATX" | "WHLD" => Kind::Tax,
        _ => Kind::Other,
    }
}

/// BAI's type codes of details.
#[must_use]
pub fn bai(code: &str) -> Meaning {
    match code {
        "123" | "168" | "252" | "255" | "257" | "258" | "261" | "266" | "268" => {
            Meaning::back(Some(true))
        }
        "468" | "552" | "555" | "557" | "558" | "561" | "566" | "568" => Meaning::back(Some(false)),
        "171" | "481" => Meaning::of(Kind::Loan),
        "145" | "201" | "275" | "277" | "347" | "501" | "575" | "577" | "656" => {
            Meaning::of(Kind::OwnTransfer)
        }
        "346" | "354" | "359" | "654" | "659" => Meaning::of(Kind::Interest),
        "295" | "366" | "595" | "666" => Meaning::of(Kind::Cash),
        "564" | "567" | "661" | "698" => Meaning::of(Kind::Fee),
        _ => Meaning::default(),
    }
}

/// SWIFT's transaction type of field 61: its three letters.
#[must_use]
pub fn swift(code: &str) -> Meaning {
    match code {
        "RTI" => Meaning::back(None),
        "LDP" => Meaning::of(Kind::Loan),
        "CMI" | "CMN" | "CMP" | "CMS" | "CMT" | "CMZ" => Meaning::of(Kind::OwnTransfer),
        "INT" => Meaning::of(Kind::Interest),
        "CHG" | "COM" => Meaning::of(Kind::Fee),
        _ => Meaning::default(),
    }
}

/// The German banks' transaction code: three digits that begin field 86, or stand in a proprietary
/// code.
#[must_use]
pub fn german(code: &str) -> Meaning {
    match code {
        "009" | "059" | "108" | "109" | "111" | "159" | "181" | "184" => Meaning::back(None),
        "082" | "083" => Meaning::of(Kind::Cash),
        "801" | "802" | "803" | "804" | "805" | "806" | "807" | "808" | "809" | "810" | "811" => {
            Meaning::of(Kind::Fee)
        }
        "812" | "814" | "815" | "817" => Meaning::of(Kind::Interest),
        "823" | "833" | "834" => Meaning::of(Kind::OwnTransfer),
        "825" | "832" => Meaning::of(Kind::Loan),
        _ => Meaning::default(),
    }
}

/// Whether a word is one of NACHA's return codes, `R01` to `R85`.
#[must_use]
pub fn is_ach_return(word: &str) -> bool {
    let digits = word
        .strip_prefix('R')
        .filter(|digits| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()));
    digits
        .and_then(|digits| digits.parse::<u8>().ok())
        .is_some_and(|number| (1..=85).contains(&number))
}

/// NACHA's return code in a bank's text that says that it is one: `RETURN R01`,
/// `R03 RETURNED ITEM`.
#[must_use]
pub fn ach_return_in(text: &str) -> Option<&str> {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let says = words().any(|word| {
        ["RETURN", "RETURNED", "RETURNS", "RTN", "NSF"]
            .iter()
            .any(|sign| word.eq_ignore_ascii_case(sign))
    });
    words().find(|word| is_ach_return(word)).filter(|_| says)
}

/// Plaid's category of a transaction: its primary and its detailed one.
#[must_use]
pub fn plaid(primary: &str, detailed: &str) -> Kind {
    match (primary, detailed) {
        (_, "TRANSFER_IN_CASH_ADVANCES_AND_LOANS") => Kind::Loan,
        (primary, detailed) if primary.starts_with("LOAN_") || detailed.starts_with("LOAN_") => {
            Kind::Loan
        }
        (
            _,
            "TRANSFER_IN_ACCOUNT_TRANSFER"
            | "TRANSFER_OUT_ACCOUNT_TRANSFER"
            | "TRANSFER_IN_SAVINGS"
            | "TRANSFER_OUT_SAVINGS"
            | "TRANSFER_IN_INVESTMENT_AND_RETIREMENT_FUNDS"
            | "TRANSFER_OUT_INVESTMENT_AND_RETIREMENT_FUNDS",
        ) => Kind::OwnTransfer,
        (_, "TRANSFER_IN_DEPOSIT" | "TRANSFER_OUT_WITHDRAWAL") => Kind::Cash,
        (_, "INCOME_INTEREST_EARNED" | "BANK_FEES_INTEREST_CHARGE") => Kind::Interest,
        (_, "INCOME_TAX_REFUND") => Kind::Tax,
        ("BANK_FEES", _) => Kind::Fee,
        (_, detailed) if detailed.starts_with("BANK_FEES_") => Kind::Fee,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{ach_return_in, bai, german, iso, plaid, swift};
    use crate::model::Kind;

    #[test]
    fn a_credit_under_reserve_is_no_return_and_a_return_says_whose_it_is() {
        for under_reserve in
            [("RCDT", "URDD"), ("IDDT", "URDD"), ("RCHQ", "URCQ"), ("DRFT", "STLR")]
        {
            assert!(
                !iso("PMNT", under_reserve.0, under_reserve.1, true).is_return,
                "{under_reserve:?}"
            );
        }
        for (family, sub_family, came_in, own_payment) in [
            ("RDDT", "UPDD", true, true),
            ("IDDT", "UPDD", false, false),
            ("IDDT", "PRDD", false, false),
            ("ICHQ", "UPCQ", true, true),
            ("RCHQ", "UPCQ", false, false),
            ("RCHQ", "XPCQ", false, false),
            ("MCRD", "UPCT", false, false),
            ("ICDT", "RRTN", true, true),
            ("RCDT", "RRTN", false, false),
            // A transfer of the holder's that came back, told as received.
            ("RCDT", "RRTN", true, true),
            ("ICDT", "ARET", true, true),
            ("DRFT", "UDFT", false, false),
        ] {
            let returned =
                iso("PMNT", family, sub_family, came_in).returned(came_in, sub_family).unwrap();
            assert_eq!(returned.own_payment, own_payment, "{family}/{sub_family}");
        }
    }

    #[test]
    fn loans_own_transfers_and_cash_are_of_their_kind() {
        for (domain, family, sub_family, kind) in [
            ("LDAS", "FTLN", "DDWN", Kind::Loan),
            ("LDAS", "FTDP", "RPMT", Kind::OwnTransfer),
            ("PMNT", "CNTR", "CDPT", Kind::Cash),
            ("PMNT", "CNTR", "CHKD", Kind::Other),
            ("CAMT", "CAPL", "OTHR", Kind::OwnTransfer),
            ("ACMT", "MCOP", "INTR", Kind::Interest),
            ("PMNT", "RCDT", "ESCT", Kind::Other),
        ] {
            assert_eq!(
                iso(domain, family, sub_family, true).kind,
                kind,
                "{domain}/{family}/{sub_family}"
            );
        }
        assert_eq!(plaid("LOAN_DISBURSEMENTS", ""), Kind::Loan);
        assert_eq!(plaid("TRANSFER_IN", "TRANSFER_IN_ACCOUNT_TRANSFER"), Kind::OwnTransfer);
    }

    #[test]
    fn codes_of_other_sets_say_whose_payment_came_back() {
        assert_eq!((bai("555").own_payment, bai("257").own_payment), (Some(false), Some(true)));
        assert!(
            german("109").is_return
                && swift("RTI").is_return
                && !german("166").is_return
                && !swift("TRF").is_return
        );
        assert_eq!(
            (bai("275").kind, german("833").kind, swift("LDP").kind),
            (Kind::OwnTransfer, Kind::OwnTransfer, Kind::Loan)
        );
    }

    #[test]
    fn a_return_code_counts_only_where_the_text_says_return() {
        assert_eq!(ach_return_in("ACH RETURN R01 Globex"), Some("R01"));
        assert_eq!(ach_return_in("Returned item, reason R85."), Some("R85"));
        assert_eq!((ach_return_in("Order R01 of June"), ach_return_in("RETURN R99")), (None, None));
    }
}
