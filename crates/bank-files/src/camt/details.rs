//! What an entry or its part says of payer, references, texts, charges and documents.

use crate::{
    account, amount, clean,
    model::{Reference, ReferenceKind, Returned},
    xml::Element,
};
use payterms_kernel::{Currency, Money};
use std::borrow::Cow;

/// Documents that a payer states amounts for, and references: more are no help to anyone.
const MOST_NAMED: usize = 200;

/// The other side: the debtor of what came in, the creditor of what went out. A payment that came
/// back names the parties of its first way.
pub(super) fn party(
    parts: &[&Element],
    came_in: bool,
    returned: Option<&Returned>,
) -> (String, String) {
    let debtor = returned.map_or(came_in, |returned| !returned.own_payment);
    let sides = if debtor { ["Dbtr", "Cdtr"] } else { ["Cdtr", "Dbtr"] };
    // Never the account's own holder, who stands on the other side: he would seem to pay himself.
    let sides = if returned.is_some() { &sides[..] } else { sides.get(..1).unwrap_or_default() };
    sides
        .iter()
        .flat_map(|side| {
            parts.iter().filter_map(move |part| Some(side_of(part.at("RltdPties")?, side)))
        })
        .find(|(name, account)| !name.is_empty() || !account.is_empty())
        .unwrap_or_default()
}

/// Name and account of one side.
fn side_of(parties: &Element, side: &str) -> (String, String) {
    let paths = [side.to_owned(), format!("Ultmt{side}")].into_iter().flat_map(|role| {
        [format!("{role}/Nm"), format!("{role}/Pty/Nm"), format!("{role}/Agt/FinInstnId/Nm")]
    });
    let name = paths
        .map(|path| clean::name(parties.text_at(&path)))
        .find(|name| !clean::is_placeholder(name));
    let account = parties.first_text(&[
        &format!("{side}Acct/Id/IBAN"),
        &format!("{side}Acct/Id/Othr/Id"),
        &format!("{side}Acct/Id/BBAN"),
    ]);
    let account = if clean::is_placeholder(account) {
        String::new()
    } else {
        account::shown_account(account)
    };
    (name.unwrap_or_default(), account)
}

/// References of the parts, then of the entry; placeholders are none.
pub(super) fn references(ntry: &Element, parts: &[&Element]) -> Vec<Reference> {
    let paths = [
        ("Refs/AcctSvcrRef", ReferenceKind::AccountServicer),
        ("Refs/EndToEndId", ReferenceKind::EndToEnd),
        ("Refs/InstrId", ReferenceKind::Instruction),
        ("Refs/TxId", ReferenceKind::Transaction),
        ("Refs/MndtId", ReferenceKind::Mandate),
        ("Refs/ChqNb", ReferenceKind::Cheque),
        ("Refs/UETR", ReferenceKind::Bank),
        ("Refs/ClrSysRef", ReferenceKind::Bank),
        ("Refs/Prtry/Ref", ReferenceKind::Bank),
    ];
    let of_parts =
        parts.iter().flat_map(|part| paths.iter().map(|(path, kind)| (part.text_at(path), *kind)));
    let of_entry = [
        (ntry.text_at("AcctSvcrRef"), ReferenceKind::AccountServicer),
        (ntry.text_at("NtryRef"), ReferenceKind::EntryRef),
    ];
    let mut all: Vec<Reference> = Vec::new();
    for (value, kind) in of_parts.chain(of_entry).filter(|(value, _)| !clean::is_placeholder(value))
    {
        let reference = Reference { kind, value: clean::name(value) };
        if !all.contains(&reference) && all.len() < MOST_NAMED {
            all.push(reference);
        }
    }
    all
}

/// The free texts of a part, in their order.
fn free_texts(part: &Element) -> Vec<&str> {
    part.all("RmtInf")
        .flat_map(|info| info.all("Ustrd"))
        .map(|text| text.text.trim_matches(['\n', '\r', '\t']))
        .collect()
}

/// The structured texts of a part: numbers of documents, the creditor's reference, what was added.
fn structured_texts(part: &Element) -> Vec<&str> {
    let mut texts = Vec::new();
    for strd in part.all("RmtInf").flat_map(|info| info.all("Strd")) {
        for document in strd.all("RfrdDocInf") {
            texts.push(document.text_at("Nb"));
            texts.extend(
                document.all("LineDtls").flat_map(|line| line.all("Id")).map(|id| id.text_at("Nb")),
            );
        }
        texts.push(strd.text_at("CdtrRefInf/Ref"));
        texts.push(strd.text_at("CdtrRefInf/CdtrRef"));
        texts.extend(strd.all("AddtlRmtInf").map(|text| text.text.as_str()));
    }
    texts
}

/// The texts in which numbers are looked for. What stands at the whole entry is no text of a part:
/// a number there would be that of each part.
pub(super) fn search(ntry: &Element, parts: &[&Element], with_entry: bool) -> Vec<String> {
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    for part in parts {
        let free = free_texts(part);
        texts.push(free.join(" ").into());
        texts.push(free.concat().into());
        texts.extend(structured_texts(part).into_iter().map(Cow::from));
        texts.push(part.text_at("AddtlTxInf").into());
        texts.push(part.text_at("Refs/EndToEndId").into());
    }
    if with_entry {
        texts.push(ntry.text_at("AddtlNtryInf").into());
    }
    clean::search_texts(texts)
}

/// All that a person wrote or the bank added.
pub(super) fn text(ntry: &Element, parts: &[&Element]) -> String {
    let mut texts: Vec<Cow<'_, str>> = Vec::new();
    for part in parts {
        texts.push(clean::joined_for_people(&free_texts(part)).into());
        texts.extend(structured_texts(part).into_iter().map(Cow::from));
        texts.push(part.text_at("AddtlTxInf").into());
        texts.extend(
            part.all("RtrInf")
                .flat_map(|info| info.all("AddtlInf"))
                .map(|info| Cow::from(info.text.as_str())),
        );
    }
    texts.push(ntry.text_at("AddtlNtryInf").into());
    texts.extend(parts.iter().map(|part| Cow::from(part.text_at("Refs/EndToEndId"))));
    clean::shown(texts)
}

/// What the payer states for single documents.
pub(super) fn named_amounts(parts: &[&Element], currency: Currency) -> Vec<(String, Money)> {
    let mut named = Vec::new();
    for strd in parts.iter().flat_map(|part| part.all("RmtInf")).flat_map(|info| info.all("Strd")) {
        let numbers: Vec<&str> = strd
            .all("RfrdDocInf")
            .map(|document| document.text_at("Nb"))
            .filter(|number| !number.is_empty())
            .collect();
        let stated =
            ["RfrdDocAmt/RmtdAmt", "RfrdDocAmt/RmtdAmtAndTp/Amt", "RfrdDocAmt/RmtAmtAndTp/Amt"]
                .into_iter()
                .find_map(|path| strd.at(path));
        let amount = stated
            .filter(|stated| stated.currency.is_empty() || stated.currency == currency.code())
            .and_then(|stated| amount::decimal(currency, &stated.text).ok());
        if let ([number], Some(amount)) = (numbers.as_slice(), amount)
            && named.len() < MOST_NAMED
        {
            named.push((clean::name(number), amount));
        }
    }
    named
}

/// The charges that the entry or, where it names none, its parts name: below zero where the bank
/// gives some back.
pub(super) fn charges(ntry: &Element, parts: &[&Element], currency: Currency) -> Option<Money> {
    let sum = |elements: &mut dyn Iterator<Item = &Element>| -> Option<Money> {
        let mut sum = Money::zero(currency);
        for charge in elements.flat_map(|element| element.all("Chrgs")).flat_map(records) {
            let written = charge.at("Amt").filter(|written| {
                written.currency.is_empty() || written.currency == currency.code()
            });
            let amount = written.and_then(|written| amount::decimal(currency, &written.text).ok());
            let Some(amount) = amount else { continue };
            sum = sum
                .plus(if charge.text_at("CdtDbtInd") == "CRDT" { amount.negated() } else { amount })
                .ok()?;
        }
        Some(sum).filter(|sum| !sum.is_zero())
    };
    sum(&mut std::iter::once(ntry)).or_else(|| sum(&mut parts.iter().copied()))
}

/// The records of charges: version 02 has them without an element of their own.
fn records(charges: &Element) -> Vec<&Element> {
    let records: Vec<&Element> = charges.all("Rcrd").collect();
    if records.is_empty() { vec![charges] } else { records }
}
