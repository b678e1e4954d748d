//! CAMT.053: a bank's statement in XML.

use super::{MOST_BOOKINGS, account_hash, clean, invalid};
use chrono::NaiveDate;
use payterms_chassis::xml::{self, Element};
use payterms_credit_domain::bank::{Booking, Statement};
use payterms_kernel::{Currency, Money, Refusal, TenantId};

pub(super) fn read_camt(tenant: &TenantId, file: &[u8]) -> Result<Vec<Statement>, Refusal> {
    let root = xml::tree(file).map_err(invalid)?;
    let report = root.at("Document/BkToCstmrStmt").ok_or_else(|| invalid("The file holds no statement (BkToCstmrStmt): send CAMT.053."))?;
    let mut statements = Vec::new();
    let mut count = 0_usize;
    for (place, own) in report.all("Stmt").enumerate() {
        let wrong = |what: &str| invalid(format!("Statement {} has no {what}.", place.saturating_add(1)));
        let account = [own.text_at("Acct/Id/IBAN"), own.text_at("Acct/Id/Othr/Id")].into_iter().find(|id| !id.is_empty());
        let account = account_hash(tenant, account.ok_or_else(|| wrong("account"))?);
        let closing = own.all("Bal").find(|bal| bal.text_at("Tp/CdOrPrtry/Cd") == "CLBD");
        let known = [own.text_at("Acct/Ccy"), closing.and_then(|bal| bal.at("Amt")).map_or("", |amount| amount.currency.as_str())];
        let first = own.all("Ntry").find_map(|entry| entry.at("Amt")).map_or("", |amount| amount.currency.as_str());
        let code = known.into_iter().chain([first]).find(|code| !code.is_empty()).unwrap_or_default();
        let currency = Currency::parse(code).ok_or_else(|| wrong("known currency"))?;
        let mut bookings = Vec::new();
        for entry in own.all("Ntry").filter(|entry| [entry.text_at("Sts"), entry.text_at("Sts/Cd")].contains(&"BOOK")) {
            count = count.saturating_add(1);
            if count > MOST_BOOKINGS {
                return Err(invalid("The file has more than 20,000 bookings. Cut it in two."));
            }
            bookings.push(booking(entry, currency).ok_or_else(|| wrong("day or proper amount in a booking"))?);
        }
        let balance = closing.and_then(|bal| signed(bal, currency)).zip(closing.and_then(|bal| day(bal.text_at("Dt/Dt"))));
        let days = || bookings.iter().map(|own| own.day);
        let from = day(own.text_at("FrToDt/FrDtTm")).or_else(|| days().min());
        let to = day(own.text_at("FrToDt/ToDtTm")).or(balance.map(|(_, on)| on)).or_else(|| days().max());
        let covers = from.zip(to).filter(|(from, to)| from <= to).ok_or_else(|| wrong("period"))?;
        statements.push(Statement { account, currency, covers, closing: balance.map(|(amount, _)| amount), bookings });
    }
    if statements.is_empty() {
        return Err(invalid("The file holds no statement (Stmt)."));
    }
    Ok(statements)
}

fn day(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}

/// An amount with the sign of its side.
fn signed(own: &Element, currency: Currency) -> Option<i64> {
    let amount = own.at("Amt").filter(|amount| amount.currency.is_empty() || amount.currency == currency.code())?;
    // The side tells the sign.
    let micros = Money::parse(currency, amount.text.trim()).ok().filter(|amount| !amount.is_negative())?.micros();
    match own.text_at("CdtDbtInd") {
        "CRDT" => Some(micros),
        "DBIT" => Some(micros.saturating_neg()),
        _ => None,
    }
}

/// Codes of the bank for payments that came back.
const RETURNS: [&str; 4] = ["RRTN", "UPDD", "URDD", "RPCR"];

fn booking(entry: &Element, currency: Currency) -> Option<Booking> {
    let booked = ["BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt"].into_iter().find_map(|path| day(entry.text_at(path)))?;
    let amount = signed(entry, currency)?;
    let details = entry.at("NtryDtls/TxDtls").unwrap_or(entry);
    let party = if amount > 0 { "Dbtr" } else { "Cdtr" };
    let names = [format!("RltdPties/{party}/Nm"), format!("RltdPties/{party}/Pty/Nm")];
    let party = names.iter().map(|path| details.text_at(path)).find(|name| !name.is_empty()).unwrap_or_default();
    let returned = matches!(entry.text_at("RvslInd"), "true" | "1")
        || details.at("RtrInf").is_some()
        || RETURNS.contains(&entry.text_at("BkTxCd/Domn/Fmly/SubFmlyCd"));
    Some(Booking { day: booked, amount, party: clean(party), reference: clean(entry.text_at("AcctSvcrRef")), returned })
}
