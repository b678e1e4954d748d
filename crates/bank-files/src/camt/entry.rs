//! One entry of a CAMT message: what was booked, whole or in the parts of a batch.

use super::{amounts, day, details, signed};
use crate::{
    amount::{self, Fault},
    clean,
    codes::{self, Meaning},
    finding::{FileError, FindingKind, Place},
    model::{Entry, Kind, PartOf, Returned, Statement, Status},
    reader::Context,
    xml::Element,
};
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};

/// What an entry says of all its parts.
struct Head {
    status: Status,
    booked_on: NaiveDate,
    value_on: Option<NaiveDate>,
    amount: Money,
    reversal: bool,
}

/// Reads an entry into its statement; what cannot be used is a finding.
pub(super) fn read(
    ntry: &Element,
    statement: &mut Statement,
    place: Place,
    context: &mut Context,
) -> Result<(), FileError> {
    let head = match head(ntry, statement.currency, context.today) {
        Ok(head) => head,
        Err((kind, message)) => return context.note(place, kind, described(ntry, &message)),
    };
    note_status(ntry, head.status, place, context)?;
    let parts: Vec<&Element> =
        ntry.all("NtryDtls").flat_map(|details| details.all("TxDtls")).collect();
    if parts.len() > 1 {
        match amounts::of_parts(&parts, head.amount) {
            Some(amounts) => {
                return batch(ntry, &parts, &amounts, &head, statement, place, context);
            }
            None => context.note(
                place,
                FindingKind::PartsUnstated,
                format!(
                    "Its {} parts state no amounts in {}; it is one line.",
                    parts.len(),
                    head.amount.currency()
                ),
            )?,
        }
    }
    if let [part] = parts.as_slice() {
        note_single_difference(ntry, part, &head, place, context)?;
    }
    let made = entry(ntry, &parts, head.amount, &head, place);
    context.push(&mut statement.entries, made)
}

fn head(ntry: &Element, account: Option<Currency>, today: NaiveDate) -> Result<Head, Fault> {
    let value = ntry.first_text(&["ValDt/Dt", "ValDt/DtTm"]);
    let written = Some(ntry.first_text(&["BookgDt/Dt", "BookgDt/DtTm"]))
        .filter(|text| !text.is_empty())
        .unwrap_or(value);
    if written.is_empty() {
        return Err((FindingKind::NoDay, "It has no day of booking.".to_owned()));
    }
    let booked_on = day(written).ok_or_else(|| {
        (FindingKind::BadDay, format!("{:?} is no day.", clean::clean(written, 40)))
    })?;
    let status = status(ntry);
    // What is not booked yet may name the day on which it will be.
    if booked_on > today && !matches!(status, Status::Pending | Status::Information) {
        return Err((
            FindingKind::FutureDay,
            format!("Its day of booking, {booked_on}, is after today, {today}."),
        ));
    }
    let written =
        ntry.at("Amt").ok_or_else(|| (FindingKind::NoAmount, "It has no amount.".to_owned()))?;
    let currency = match account.filter(|_| written.currency.is_empty()) {
        Some(account) => account,
        None => amount::currency(&written.currency)?,
    };
    if let Some(account) = account.filter(|account| *account != currency) {
        return Err((
            FindingKind::OtherCurrency,
            format!("It is in {currency}, the account in {account}."),
        ));
    }
    let amount = amount::decimal(currency, &written.text)?;
    if amount.is_negative() {
        return Err((
            FindingKind::BadAmount,
            "Its amount is below zero; credit or debit tells the sign.".to_owned(),
        ));
    }
    if amount.is_zero() {
        return Err((
            FindingKind::ZeroAmount,
            "Its amount is 0.00: nothing came in or went out.".to_owned(),
        ));
    }
    let amount = signed(amount, ntry.text_at("CdtDbtInd")).ok_or_else(|| {
        (FindingKind::NoSide, "It says neither credit (CRDT) nor debit (DBIT).".to_owned())
    })?;
    let reversal = matches!(ntry.text_at("RvslInd"), "true" | "1");
    Ok(Head { status, booked_on, value_on: day(value), amount, reversal })
}

fn status(ntry: &Element) -> Status {
    match ntry.first_text(&["Sts/Cd", "Sts/Prtry", "Sts"]) {
        "BOOK" => Status::Booked,
        "PDNG" | "FUTR" => Status::Pending,
        "INFO" => Status::Information,
        _ => Status::Unstated,
    }
}

fn note_status(
    ntry: &Element,
    status: Status,
    place: Place,
    context: &mut Context,
) -> Result<(), FileError> {
    let written = clean::clean(ntry.first_text(&["Sts/Cd", "Sts/Prtry", "Sts"]), 40);
    match status {
        Status::Booked => Ok(()),
        Status::Unstated => {
            let message = if written.is_empty() {
                "It has no status (Sts): whether it is booked is not said.".to_owned()
            } else {
                format!("Its status {written:?} is none that says whether it is booked.")
            };
            context.note(place, FindingKind::NoStatus, described(ntry, &message))
        }
        Status::Pending | Status::Information => context.note(
            place,
            FindingKind::NotBooked,
            described(ntry, &format!("Its status is {written}: it is not booked.")),
        ),
    }
}

/// A sentence with what a person knows the entry by.
fn described(ntry: &Element, message: &str) -> String {
    let text = clean::clean(ntry.first_text(&["AddtlNtryInf", "AcctSvcrRef", "NtryRef"]), 80);
    if text.is_empty() { message.to_owned() } else { format!("{message} ({text})") }
}

/// A single part whose amount is another one than was booked, without charges that explain it. What
/// was booked holds.
fn note_single_difference(
    ntry: &Element,
    part: &Element,
    head: &Head,
    place: Place,
    context: &mut Context,
) -> Result<(), FileError> {
    // An amount of 0.00 at a part is a field that the bank does not fill.
    let Some(stated) = amounts::of_part(part, head.amount).filter(|stated| !stated.is_zero())
    else {
        return Ok(());
    };
    let stated =
        if stated.is_negative() == head.amount.is_negative() { stated } else { stated.negated() };
    let difference = head.amount.minus(stated).ok().filter(|difference| !difference.is_zero());
    let charges = details::charges(ntry, &[part], head.amount.currency());
    match difference {
        Some(difference) if charges != Some(difference.negated()) => {
            let message = format!("Its part states {stated}, booked are {}.", head.amount);
            context.note(place, FindingKind::PartsDiffer, message)
        }
        _ => Ok(()),
    }
}

fn batch(
    ntry: &Element,
    parts: &[&Element],
    amounts: &[Money],
    head: &Head,
    statement: &mut Statement,
    place: Place,
    context: &mut Context,
) -> Result<(), FileError> {
    let sum = amounts
        .iter()
        .try_fold(Money::zero(head.amount.currency()), |sum, amount| sum.plus(*amount));
    let difference =
        sum.and_then(|sum| head.amount.minus(sum)).ok().filter(|difference| !difference.is_zero());
    let charges = details::charges(ntry, parts, head.amount.currency());
    let by_charges = difference.is_some_and(|difference| charges == Some(difference.negated()));
    if let Some(difference) = difference {
        let why = if by_charges {
            "the charges that it names"
        } else {
            "not explained by charges that it names"
        };
        let message = format!(
            "Booked are {}, its {} parts differ by {difference}: {why}.",
            head.amount,
            parts.len()
        );
        context.note(place, FindingKind::PartsDiffer, message)?;
    }
    let count = amounts.iter().filter(|amount| !amount.is_zero()).count();
    let mut number = 0_usize;
    let shared = shared(ntry);
    for (at, (part, amount)) in parts.iter().zip(amounts).enumerate() {
        let place = Place { part: at.saturating_add(1), ..place };
        if amount.is_zero() {
            context.note(place, FindingKind::ZeroAmount, "The amount of this part is 0.00.")?;
            continue;
        }
        number = number.saturating_add(1);
        let mut made = entry(&shared, &[part], *amount, head, place);
        made.search = details::search(&shared, &[part], false);
        made.charges = details::charges(part, &[part], amount.currency());
        made.part_of =
            Some(PartOf { entry_amount: head.amount, number, count, difference, by_charges });
        context.push(&mut statement.entries, made)?;
    }
    Ok(())
}

/// What each part of a batch takes from its entry, without the parts: they would be gone through
/// once for each of them.
fn shared(ntry: &Element) -> Element {
    let first = |name: &str| ntry.at(name).cloned();
    let children = ["NtryRef", "AcctSvcrRef", "BkTxCd", "AddtlNtryInf"]
        .into_iter()
        .filter_map(first)
        .collect();
    Element { name: ntry.name.clone(), children, ..Element::default() }
}

fn entry(ntry: &Element, parts: &[&Element], amount: Money, head: &Head, place: Place) -> Entry {
    let came_in = amount.is_positive();
    let (code, meaning) = meaning(ntry, parts, came_in);
    let returned = returned(parts, head.reversal, meaning, came_in, &code);
    let (party, party_account) = details::party(parts, came_in, returned.as_ref());
    Entry {
        place,
        status: head.status,
        booked_on: head.booked_on,
        value_on: head.value_on,
        amount,
        reversal: head.reversal,
        returned,
        kind: meaning.kind,
        code,
        references: details::references(ntry, parts),
        party,
        party_account,
        text: details::text(ntry, parts),
        search: details::search(ntry, parts, true),
        named_amounts: details::named_amounts(parts, amount.currency()),
        charges: details::charges(ntry, parts, amount.currency()),
        part_of: None,
    }
}

/// The code as written and what it means: that of the single part where it has one, else that of
/// the entry.
fn meaning(ntry: &Element, parts: &[&Element], came_in: bool) -> (String, Meaning) {
    let of_part = parts.first().filter(|_| parts.len() == 1).and_then(|part| part.at("BkTxCd"));
    let mut found = (String::new(), Meaning::default());
    for code in of_part.into_iter().chain(ntry.at("BkTxCd")) {
        let [domain, family, sub_family] =
            ["Domn/Cd", "Domn/Fmly/Cd", "Domn/Fmly/SubFmlyCd"].map(|path| code.text_at(path));
        let proprietary = code.text_at("Prtry/Cd");
        let written = if domain.is_empty() {
            proprietary.to_owned()
        } else {
            format!("{domain}/{family}/{sub_family}")
        };
        let mut meaning = codes::iso(domain, family, sub_family, came_in);
        if meaning == Meaning::default() {
            meaning = proprietary_meaning(proprietary, code.text_at("Prtry/Issr"));
        }
        if found.0.is_empty() {
            found.0 = clean::clean(&written, 60);
        }
        if found.1 == Meaning::default() {
            found.1 = meaning;
        }
    }
    if found.1 == Meaning::default() {
        let purpose =
            parts.first().filter(|_| parts.len() == 1).map_or("", |part| part.text_at("Purp/Cd"));
        found.1.kind = codes::iso_purpose(purpose);
    }
    found
}

/// A bank's own code: BAI's three digits, or `NTRF+166+9310` of the German banks.
fn proprietary_meaning(code: &str, issuer: &str) -> Meaning {
    if issuer.to_ascii_uppercase().contains("BAI") {
        return codes::bai(code.trim_start_matches('0'));
    }
    let mut words = code.split(['+', '/', ' ']);
    let first = words.next().unwrap_or_default();
    let swift = first
        .strip_prefix(['N', 'S', 'F'])
        .filter(|rest| rest.len() == 3)
        .map(codes::swift)
        .unwrap_or_default();
    if swift != Meaning::default() {
        return swift;
    }
    let german = issuer.is_empty()
        || ["DK", "ZKA", "BDB", "DSGV"].contains(&issuer.to_ascii_uppercase().as_str());
    let three = |word: &&str| word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit());
    code.split('+').find(three).filter(|_| german).map(codes::german).unwrap_or_default()
}

/// The payment that came back: by the reason of its return, by the bank's code, or because the bank
/// takes it back.
fn returned(
    parts: &[&Element],
    reversal: bool,
    meaning: Meaning,
    came_in: bool,
    code: &str,
) -> Option<Returned> {
    let reason = parts.iter().find_map(|part| part.at("RtrInf")).map(|info| {
        clean::clean(info.first_text(&["Rsn/Cd", "Rsn/Prtry", "RtrRsn/Cd", "RtrRsn/Prtry"]), 40)
    });
    let sub_family = code.rsplit('/').next().unwrap_or_default();
    let back = Meaning { is_return: true, ..meaning };
    match reason {
        Some(reason) if !reason.is_empty() => back.returned(came_in, &reason),
        Some(_) => {
            back.returned(came_in, if sub_family.is_empty() { "RETURN" } else { sub_family })
        }
        None if meaning.is_return => meaning.returned(came_in, sub_family),
        // A charge or interest that the bank corrects is no payment that came back.
        None if reversal && !matches!(meaning.kind, Kind::Fee | Kind::Interest | Kind::Tax) => {
            back.returned(came_in, "REVERSAL")
        }
        None => None,
    }
}
