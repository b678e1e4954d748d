//! The amounts of a batch's parts.

use crate::{amount, xml::Element};
use payterms_kernel::Money;

/// Where a part states its amount, the surest first: what was booked, what was moved, what the
/// payer ordered.
const PATHS: [&str; 5] = [
    "Amt",
    "AmtDtls/TxAmt/Amt",
    "AmtDtls/CntrValAmt/Amt",
    "AmtDtls/PrtryAmt/Amt",
    "AmtDtls/InstdAmt/Amt",
];

/// The signed amount of a part in the entry's currency; none where it states none.
pub(super) fn of_part(part: &Element, whole: Money) -> Option<Money> {
    let amount = unsigned(part, whole)?;
    let debit = match part.text_at("CdtDbtInd") {
        "DBIT" => true,
        "CRDT" => false,
        _ => whole.is_negative(),
    };
    Some(if debit { amount.negated() } else { amount })
}

fn unsigned(part: &Element, whole: Money) -> Option<Money> {
    let currency = whole.currency();
    PATHS.iter().find_map(|path| {
        let written = part.at(path).filter(|amount| {
            amount.currency.is_empty() || amount.currency.trim() == currency.code()
        })?;
        amount::decimal(currency, &written.text).ok().filter(|amount| !amount.is_negative())
    })
}

/// The signed amounts of all parts; none where one of them states none. Some banks write the same
/// side at each part, whatever the entry's is: where the sum fits with the entry's own sign alone,
/// that sign holds.
pub(super) fn of_parts(parts: &[&Element], whole: Money) -> Option<Vec<Money>> {
    let stated: Vec<Money> =
        parts.iter().map(|part| of_part(part, whole)).collect::<Option<_>>()?;
    if stated.iter().all(|amount| amount.is_zero()) {
        return None;
    }
    let sum = |amounts: &[Money]| {
        amounts.iter().try_fold(Money::zero(whole.currency()), |sum, amount| sum.plus(*amount)).ok()
    };
    if sum(&stated) == Some(whole) {
        return Some(stated);
    }
    let of_entry: Vec<Money> =
        stated
            .iter()
            .map(|amount| {
                if amount.is_negative() == whole.is_negative() { *amount } else { amount.negated() }
            })
            .collect();
    Some(if sum(&of_entry) == Some(whole) { of_entry } else { stated })
}
