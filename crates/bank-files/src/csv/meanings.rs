//! What the codes in banks' exports mean.

use super::{Preset, table::plain};
use crate::{
    codes::{self, Meaning},
    model::Kind,
};

fn of(kind: Kind) -> Meaning {
    Meaning { kind, ..Meaning::default() }
}

fn back(own_payment: Option<bool>) -> Meaning {
    Meaning { kind: Kind::Other, is_return: true, own_payment }
}

/// The meaning of a row's code; of a mapping's code column the sets of ISO, SWIFT and BAI are
/// understood.
pub(super) fn meaning(preset: Option<Preset>, code: &str, came_in: bool) -> Meaning {
    let code = plain(code);
    match preset {
        Some(Preset::Chase) => chase(&code),
        Some(Preset::Ing) => match code.as_str() {
            "gm" | "pk" | "st" | "geldautomaat" => of(Kind::Cash),
            _ => Meaning::default(),
        },
        Some(Preset::Lloyds) => match code.as_str() {
            "cpt" | "csh" => of(Kind::Cash),
            "chg" | "fe" | "fee" => of(Kind::Fee),
            "int" => of(Kind::Interest),
            "mtg" => of(Kind::Loan),
            _ => Meaning::default(),
        },
        Some(Preset::Sparkasse) => sparkasse(&code),
        Some(Preset::Wise) => match code.as_str() {
            "conversion" | "money added" | "balance deposit" | "neutral" => of(Kind::OwnTransfer),
            "accrual charge" | "fee" => of(Kind::Fee),
            "balance interest" | "interest" => of(Kind::Interest),
            _ => Meaning::default(),
        },
        Some(Preset::Revolut) => match code.as_str() {
            "exchange" => of(Kind::OwnTransfer),
            "atm" | "cash withdrawal" => of(Kind::Cash),
            "fee" | "charge" => of(Kind::Fee),
            "interest" => of(Kind::Interest),
            "card refund" | "refund" | "charge refund" => of(Kind::Refund),
            "loan" | "credit" | "credit repayment" => of(Kind::Loan),
            "transfer reversal" | "topup return" | "card chargeback" => back(None),
            _ => Meaning::default(),
        },
        Some(_) => Meaning::default(),
        None => mapped(&code.to_uppercase(), came_in),
    }
}

/// The codes of `Type` in Chase's export.
fn chase(code: &str) -> Meaning {
    match code {
        "deposit return" | "deposited item returned" => back(Some(false)),
        "ach return" | "check return" => back(None),
        "acct xfer" => of(Kind::OwnTransfer),
        "loan pmt" => of(Kind::Loan),
        "fee transaction" | "fee" | "overdraft fee" => of(Kind::Fee),
        "interest" => of(Kind::Interest),
        "atm" | "atm deposit" | "cash deposit" => of(Kind::Cash),
        "refund transaction" | "return" => of(Kind::Refund),
        _ => Meaning::default(),
    }
}

/// The words of `Buchungstext` in the Sparkasse's export.
fn sparkasse(text: &str) -> Meaning {
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if holds(&[
        "ruecklastschrift",
        "retoure",
        "rueckueberweisung",
        "lastschrift-rueck",
        "rueckbuchung",
        "wiedergutschrift",
    ]) {
        return back(None);
    }
    if holds(&["bargeld", "geldautomat", "einzahlung", "auszahlung"]) {
        return of(Kind::Cash);
    }
    if holds(&["zins"]) {
        return of(Kind::Interest);
    }
    if holds(&["entgelt", "abschluss", "gebuehr"]) {
        return of(Kind::Fee);
    }
    if holds(&["darlehen", "kredit"]) { of(Kind::Loan) } else { Meaning::default() }
}

/// A code of a file that was mapped: `PMNT/RDDT/UPDD`, `NTRF`, BAI's three digits.
fn mapped(code: &str, came_in: bool) -> Meaning {
    let parts: Vec<&str> = code.split(['/', '-', ' ']).collect();
    if let [domain, family, sub_family] = parts.as_slice() {
        return codes::iso(domain, family, sub_family, came_in);
    }
    match code.len() {
        3 if code.bytes().all(|b| b.is_ascii_digit()) => codes::bai(code),
        4 if code.starts_with('N')
            && codes::swift(code.get(1..).unwrap_or_default()) != Meaning::default() =>
        {
            codes::swift(code.get(1..).unwrap_or_default())
        }
        4 => codes::iso("", "", code, came_in),
        _ => Meaning::default(),
    }
}
