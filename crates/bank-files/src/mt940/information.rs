//! Field 86: who it is and why, in the forms that banks give it: `166?20…?32…` of the German banks
//! and their kin, `/EREF/…/REMI/…` of the Dutch ones, or free text.

use super::structured;
use crate::{account, amount, clean, model::ReferenceKind};
use payterms_kernel::{Currency, Money};

/// What field 86 says.
#[derive(Debug, Default)]
pub(super) struct Information {
    /// The German transaction code.
    pub(super) code: String,
    pub(super) party: String,
    pub(super) party_account: String,
    pub(super) references: Vec<(ReferenceKind, String)>,
    /// For people, in their order.
    pub(super) texts: Vec<String>,
    pub(super) search: Vec<String>,
    pub(super) return_reason: String,
    pub(super) charges: Option<Money>,
}

impl Information {
    /// Takes a name and an account, unless they are placeholders.
    pub(super) fn with_party(&mut self, name: &str, number: &str) {
        if !clean::is_placeholder(name) && self.party.is_empty() {
            self.party = clean::name(name);
        }
        if !clean::is_placeholder(number) && self.party_account.is_empty() {
            self.party_account = account::shown_account(number);
        }
    }
}

/// Reads the lines of the field.
pub(super) fn read(lines: &[&str], currency: Currency) -> Information {
    let joined = lines.concat();
    if let Some(information) = structured::by_numbers(&joined) {
        return information;
    }
    let tags = tags(&joined);
    if !tags.is_empty() {
        return by_tags(&tags, lines, currency);
    }
    let mut information =
        Information { texts: vec![clean::joined_for_people(lines)], ..Information::default() };
    information.search = vec![lines.join(" "), joined];
    information
}

/// Tags between strokes.
const TAGS: [&str; 27] = [
    "TRTP", "TRCD", "IBAN", "BIC", "NAME", "REMI", "EREF", "KREF", "PREF", "IREF", "MARF", "MREF",
    "CSID", "CRED", "CNTP", "BENM", "ORDP", "ISDT", "RTRN", "PURP", "ULTD", "ULTC", "ULTB", "OCMT",
    "CHGS", "OAMT", "SVCL",
];

/// The tags with their values, in their order: `/EREF/…` up to the next one.
fn tags(text: &str) -> Vec<(&'static str, &str)> {
    let mut found: Vec<(usize, &'static str)> = Vec::new();
    for tag in TAGS {
        let mark = format!("/{tag}/");
        found.extend(text.match_indices(&mark).map(|(at, _)| (at, tag)));
    }
    found.sort_unstable();
    let is_structured = found.first().is_some_and(|(at, _)| *at <= 4);
    let ends = found.iter().skip(1).map(|(at, _)| *at).chain([text.len()]);
    let values = found.iter().zip(ends).map(|((at, tag), end)| {
        let start = at.saturating_add(tag.len()).saturating_add(2);
        (*tag, text.get(start..end).unwrap_or_default())
    });
    values.filter(|_| is_structured).collect()
}

fn by_tags(tags: &[(&str, &str)], lines: &[&str], currency: Currency) -> Information {
    let mut information = Information::default();
    let (mut name, mut number) = ("", "");
    for (tag, value) in tags {
        let value = value.trim_matches(['/', ' ']);
        let reference = match *tag {
            "EREF" => Some(ReferenceKind::EndToEnd),
            "KREF" | "IREF" => Some(ReferenceKind::Instruction),
            "MARF" | "MREF" => Some(ReferenceKind::Mandate),
            "PREF" => Some(ReferenceKind::Bank),
            _ => None,
        };
        if let Some(kind) = reference {
            information.references.push((kind, value.to_owned()));
        }
        match *tag {
            "REMI" => remittance(value, &mut information),
            "EREF" => information.search.push(value.to_owned()),
            "NAME" if name.is_empty() => name = value,
            "IBAN" if number.is_empty() => number = value,
            // Account, bank, name and city.
            "CNTP" => {
                let mut parts = value.split('/');
                number = parts.next().unwrap_or_default();
                name = parts.nth(1).unwrap_or_default();
            }
            "RTRN" => {
                information.return_reason =
                    clean::clean(value.split('/').next().unwrap_or_default(), 40);
            }
            "CHGS" => information.charges = charges(&format!("/CHGS/{value}"), currency),
            _ => {}
        }
    }
    information.with_party(name, number);
    // All of it is there for people; most of it stands in what was found already.
    information.texts.push(clean::joined_for_people(lines));
    information
}

/// `USTD//text`, `STRD/CUR/reference`, or the text itself.
fn remittance(value: &str, information: &mut Information) {
    let text = value
        .strip_prefix("USTD/")
        .or_else(|| value.strip_prefix("STRD/"))
        .unwrap_or(value)
        .trim_matches('/');
    information.texts.push(text.to_owned());
    information.search.push(text.to_owned());
    if let Some((_, reference)) = text.split_once('/').filter(|_| value.starts_with("STRD/")) {
        information.search.push(reference.to_owned());
    }
}

/// `/CHGS/EUR2,50/` in a text.
pub(super) fn charges(text: &str, currency: Currency) -> Option<Money> {
    let (_, rest) = text.split_once("/CHGS/")?;
    let digits: String = rest
        .strip_prefix(currency.code())?
        .chars()
        .take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
        .collect();
    amount::decimal(currency, &digits.replace(',', ".")).ok().filter(|amount| !amount.is_zero())
}
