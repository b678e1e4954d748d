//! Field 86 in numbered subfields: `166?00GUTSCHRIFT?20EREF+…?21SVWZ+…?31…?32…`. The sign between
//! them is the bank's choice.

use super::information::Information;
use crate::{clean, model::ReferenceKind};

/// Words that begin a part of the purpose, as the SEPA rules of the German banks name them.
const PARTS: [&str; 13] = [
    "EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+",
    "RREF+", "IBAN+", "BIC+",
];

/// Reads the field where it is in this form.
pub(super) fn by_numbers(text: &str) -> Option<Information> {
    let code = text.get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()))?;
    let sign = text
        .get(3..)?
        .chars()
        .next()
        .filter(|sign| matches!(sign, '?' | '~' | '<' | '>' | '^' | '|'))?;
    let rest = text.get(3..)?;
    let is_number =
        |part: &&str| part.len() >= 2 && part.bytes().take(2).all(|b| b.is_ascii_digit());
    let fields: Vec<(&str, &str)> = rest
        .split(sign)
        .filter(is_number)
        .filter_map(|part| Some((part.get(..2)?, part.get(2..)?)))
        .collect();
    if fields.is_empty() {
        return None;
    }
    let all = |from: &str, to: &str| -> Vec<&str> {
        fields
            .iter()
            .filter(|(number, _)| (from..=to).contains(number))
            .map(|(_, value)| *value)
            .collect()
    };
    let purpose: Vec<&str> = [all("20", "29"), all("60", "63")].concat();
    let mut information = Information { code: code.to_owned(), ..Information::default() };
    let name = all("32", "33").concat();
    let numbers = [all("38", "38").concat(), all("31", "31").concat()];
    information.with_party(
        &name,
        numbers.iter().find(|number| !number.trim().is_empty()).map_or("", String::as_str),
    );
    let whole = purpose.concat();
    let parts = parts(&whole);
    for (word, value) in &parts {
        let kind = match *word {
            "EREF+" => ReferenceKind::EndToEnd,
            "KREF+" => ReferenceKind::Instruction,
            "MREF+" => ReferenceKind::Mandate,
            "RREF+" => ReferenceKind::Bank,
            _ => continue,
        };
        information.references.push((kind, (*value).to_owned()));
    }
    let text =
        parts.iter().find(|(word, _)| *word == "SVWZ+").map(|(_, value)| (*value).to_owned());
    information.return_reason = text.as_deref().map(return_reason).unwrap_or_default();
    let end_to_end =
        parts.iter().find(|(word, _)| *word == "EREF+").map(|(_, value)| (*value).to_owned());
    information.search =
        text.iter().cloned().chain([whole.clone(), purpose.join(" ")]).chain(end_to_end).collect();
    let payer = parts
        .iter()
        .filter(|(word, _)| matches!(*word, "ABWA+" | "ABWE+"))
        .map(|(_, value)| (*value).to_owned());
    information.texts = text
        .into_iter()
        .chain(payer)
        .chain([clean::joined_for_people(&purpose), all("00", "00").concat()])
        .collect();
    Some(information)
}

/// The named parts of a purpose, in their order.
fn parts(text: &str) -> Vec<(&'static str, &str)> {
    let mut found: Vec<(usize, &'static str)> =
        PARTS.iter().flat_map(|word| text.match_indices(word).map(|(at, _)| (at, *word))).collect();
    found.sort_unstable();
    let ends = found.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    found
        .iter()
        .zip(ends)
        .map(|((at, word), end)| {
            (*word, text.get(at.saturating_add(word.len())..end).unwrap_or_default().trim())
        })
        .collect()
}

/// `RETURN/REFUND … AC04` or `Rueckgabe … MD06`: a reason of ISO's set in a purpose that says that
/// it is one.
fn return_reason(purpose: &str) -> String {
    let upper = purpose.to_uppercase();
    let says = ["RETURN", "RÜCK", "RUECK", "RETOURE"].iter().any(|word| upper.contains(word));
    let is_reason = |word: &&str| {
        word.len() == 4
            && ["AC", "AG", "AM", "BE", "CN", "DN", "FF", "MD", "MS", "RC", "RR", "SL", "TM"]
                .iter()
                .any(|start| word.starts_with(start))
            && word.bytes().skip(2).all(|b| b.is_ascii_digit())
    };
    upper
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(is_reason)
        .filter(|_| says)
        .map(str::to_owned)
        .unwrap_or_default()
}
