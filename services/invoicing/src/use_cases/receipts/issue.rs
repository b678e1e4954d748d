//! Issues and mails the receipt of a top-up of the wallet, once.

use crate::{
    messages,
    store::{customers, receipt_credit_notes, receipts, series, tenants},
    use_cases::mails::notices::{Owed, mail_receipt},
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{instant_of, money_of},
};
use payterms_invoicing_domain::{
    Customer, Rate, Receipt, Tenant,
    number::RECEIPTS,
    receipt::{Bought, Replaced, Subject},
};
use payterms_kernel::{Id, Money, calendar::last_whole_day_before, money::parse_decimal};
use payterms_proto::{
    invoicing::v1::ReceiptIssued,
    wallet::v1::{TaxKind, TopUp},
};
use uuid::Uuid;

/// Issues and mails the receipt of a top-up; one that has its receipt is left alone.
///
/// # Errors
/// `Fault` for a top-up of a customer who is not there.
pub async fn issue_receipt(tx: &mut WriteTx, top_up: &TopUp, owed: Owed) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("top-up {:?}", top_up.name));
    let name = names::parse(&top_up.name, &["customers", "wallets", "topUps"]).ok_or_else(fault)?;
    if receipts::is_issued(tx.conn(), &tenant, name.id(2)).await? {
        return Ok(());
    }
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer =
        customers::find(tx.conn(), &tenant, Id::from_uuid(name.id(0))).await?.ok_or_else(fault)?;
    let rate = top_up
        .tax_rate_percent
        .as_ref()
        .map(|rate| parse_decimal(&rate.value, 6))
        .transpose()?
        .unwrap_or_default();
    let bought = Bought {
        top_up: name.id(2),
        wallet: name.id(1),
        replaces: None,
        expires_on: last_day_of(tx, top_up),
        taxed: top_up.tax_kind() == TaxKind::TaxedSale,
        amount: top_up.amount.as_ref().and_then(money_of).ok_or_else(fault)?,
        tax: top_up.tax.as_ref().and_then(money_of).ok_or_else(fault)?,
        rate: Rate { percent: rate, sentence: top_up.tax_sentence.clone() },
    };
    let receipt = publish_receipt(tx, &seller, &buyer, bought).await?;
    mail_receipt(tx, &receipt, owed).await
}

/// The last day on which the credit of a top-up can be used.
fn last_day_of(tx: &WriteTx, top_up: &TopUp) -> Option<NaiveDate> {
    top_up
        .expire_time
        .as_ref()
        .and_then(instant_of)
        .map(|expiry| last_whole_day_before(tx.time().zone, expiry))
}

/// Gives a receipt its number, and publishes it.
async fn publish_receipt(
    tx: &mut WriteTx,
    seller: &Tenant,
    buyer: &Customer,
    bought: Bought,
) -> Result<Receipt, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let mut series = series::lock(tx.conn(), &tenant, RECEIPTS).await?;
    let receipt = Receipt::issue(tx.id(), seller, buyer, bought, &mut series, today, now)?;
    series::save(tx.conn(), &tenant, &series).await?;
    receipts::insert(tx.conn(), &tenant, &receipt).await?;
    let event =
        ReceiptIssued { receipt: Some(messages::receipts::receipt(&tenant, &receipt, &[])) };
    tx.emit("receipt", &receipt.id.to_string(), &event).await?;
    Ok(receipt)
}

/// Issues the receipt of what a won dispute has given back, in place of the one that was credited:
/// with its own number, the same rate, and the present parties. It goes in the mail of the
/// decision.
///
/// # Errors
/// `Fault` for a customer who is not there.
pub async fn issue_receipt_again(
    tx: &mut WriteTx,
    of: &TopUp,
    dispute: Uuid,
    credit: Money,
    tax: Money,
) -> Result<Receipt, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("dispute {dispute} of no purchase"));
    let name = names::parse(&of.name, &["customers", "wallets", "topUps"]).ok_or_else(fault)?;
    let issued = receipts::of_top_up(tx.conn(), &tenant, name.id(2)).await?;
    let first = issued.last().ok_or_else(fault)?;
    let Subject::TopUp { top_up, wallet, .. } = first.subject else { return Err(fault()) };
    let ids: Vec<_> = issued.iter().map(|receipt| receipt.id).collect();
    let notes = receipt_credit_notes::of_receipts(tx.conn(), &tenant, &ids).await?;
    let is_credited = |receipt: &&Receipt| {
        notes.iter().any(|note| note.receipt == receipt.id && note.refund == dispute)
    };
    let numbers =
        issued.iter().rev().filter(is_credited).map(|receipt| receipt.number.clone()).collect();
    let replaces = Some(Replaced { dispute, numbers, paid_on: Some(first.paid_on()) });
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer = customers::find(tx.conn(), &tenant, first.customer).await?.ok_or_else(fault)?;
    let amount = credit.plus(tax)?;
    let (taxed, rate, expires_on) = (first.taxed, first.tax.rate.clone(), last_day_of(tx, of));
    let bought = Bought { top_up, wallet, replaces, expires_on, taxed, amount, tax, rate };
    publish_receipt(tx, &seller, &buyer, bought).await
}
