//! Bills the month of a wallet that the wallet has closed, once: what deposits paid by an invoice
//! that is paid already, what accrued to a postpaid agreement by one that is to be transferred.

use super::{
    announce_usage::announce_usage_invoice,
    save::{issue_draft, publish_invoice},
};
use crate::{
    documents::wording::Language,
    store::{customers, invoice_lists, invoices, tenants},
    use_cases::{mails::invoice_notices::mail_issued_invoice, payments::save::publish_payment},
};
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::{
    Customer, Invoice, Line, Payment, Tenant,
    usage_month::{UsageMonth, Used, lines},
};
use payterms_kernel::{Currency, Id, Money, money::parse_decimal};
use payterms_proto::{
    google::r#type::Money as MoneyMessage,
    wallet::v1::{UsageMonthClosed, UsageMonthLine},
};
use rust_decimal::Decimal;

/// Bills a month of a wallet.
///
/// # Errors
/// `PROFILE_INCOMPLETE` and `TAX_UNKNOWN`, after which it is a dead letter to be tried again;
/// `Fault` for what no service of ours can have told.
pub async fn bill_usage_month(tx: &mut WriteTx, event: &UsageMonthClosed) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("the close of {:?}", event.wallet));
    let name = names::parse(&event.wallet, &["customers", "wallets"]).ok_or_else(fault)?;
    let closing = names::uuid(&event.closing_id).ok_or_else(fault)?;
    let month = event.month.as_ref().and_then(date_of).ok_or_else(fault)?;
    if invoice_lists::is_of_closing(tx.conn(), &tenant, closing).await? {
        return Ok(());
    }
    let seller = tenants::find(tx.conn(), &tenant).await?.ok_or_else(fault)?;
    let buyer =
        customers::find(tx.conn(), &tenant, Id::from_uuid(name.id(0))).await?.ok_or_else(fault)?;
    buyer.must_have_billing_profile()?;
    let language = Language::of(&buyer.locale);
    let rest =
        format!("{} {}", language.say("Other use,", "Autre utilisation,"), language.month(month));
    let prepaid = UsageMonth { closing, wallet: name.id(1), month, agreement: None };
    let paid = lines(&used(&event.prepaid_lines)?, &rest)?;
    if let Some(currency) = paid.first().map(|line| line.unit_price.currency()) {
        let mut invoice = issue_usage_invoice(tx, &seller, &buyer, prepaid, currency, paid).await?;
        let now = tx.now();
        let mut payment = Payment::by_deposits(prepaid, &mut invoice, now)?;
        let mut owned = vec![invoice];
        publish_payment(tx, &mut payment, &mut owned).await?;
        for invoice in &owned {
            mail_issued_invoice(tx, invoice).await?;
        }
    }
    let agreement =
        names::parse(&event.postpaid_agreement, &["customers", "wallets", "postpaidAgreements"])
            .map(|name| name.id(2));
    let due = postpaid_lines(event, &rest, language)?;
    if let Some(currency) = due.first().map(|line| line.unit_price.currency()) {
        let postpaid = UsageMonth { agreement: Some(agreement.ok_or_else(fault)?), ..prepaid };
        let invoice = issue_usage_invoice(tx, &seller, &buyer, postpaid, currency, due).await?;
        publish_invoice(tx, &invoice).await?;
        mail_issued_invoice(tx, &invoice).await?;
    }
    Ok(())
}

async fn issue_usage_invoice(
    tx: &mut WriteTx,
    seller: &Tenant,
    buyer: &Customer,
    month: UsageMonth,
    currency: Currency,
    lines: Vec<Line>,
) -> Result<Invoice, AppError> {
    let tenant = tx.call().tenant.clone();
    let (id, now) = (tx.id(), tx.now());
    let mut invoice =
        Invoice::draft(id, seller, buyer, currency, month.content(lines, tx.today()), now)?;
    invoice.usage = Some(month);
    invoices::save_draft(tx.conn(), &tenant, &invoice).await?;
    issue_draft(tx, &mut invoice, seller, buyer).await?;
    announce_usage_invoice(tx, &invoice).await?;
    Ok(invoice)
}

fn amount(event: Option<&MoneyMessage>) -> Result<Money, AppError> {
    event.and_then(money_of).ok_or_else(|| AppError::Fault("a month without an amount".to_owned()))
}

fn used(event: &[UsageMonthLine]) -> Result<Vec<Used>, AppError> {
    let line = |usage_month_line: &UsageMonthLine| {
        let quantity = usage_month_line
            .quantity
            .as_ref()
            .map(|number| parse_decimal(&number.value, 6))
            .transpose()?;
        let priced = quantity.zip(usage_month_line.unit_price.as_ref().and_then(money_of));
        Ok(Used {
            label: usage_month_line.label.clone(),
            amount: amount(usage_month_line.amount.as_ref())?,
            priced,
        })
    };
    event.iter().map(line).collect()
}

/// What was used, what is missing to the commitment, and the commitment of the months after a
/// termination.
fn postpaid_lines(
    event: &UsageMonthClosed,
    other: &str,
    language: Language,
) -> Result<Vec<Line>, AppError> {
    let mut due = lines(&used(&event.postpaid_lines)?, other)?;
    let months = event.rest_month_count;
    let rest = format!(
        "{} ({months})",
        language.say("Commitment of the remaining months", "Engagement des mois restants")
    );
    let missing = language
        .say("Shortfall of the monthly commitment", "Complément de l’engagement mensuel")
        .to_owned();
    for (description, event) in [(missing, &event.shortfall), (rest, &event.rest)] {
        let unit_price = amount(event.as_ref())?;
        if unit_price.is_positive() {
            due.push(Line::plain(description, Decimal::ONE, unit_price, String::new()));
        }
    }
    Ok(due)
}
