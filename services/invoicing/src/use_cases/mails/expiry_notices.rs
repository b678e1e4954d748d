//! What is mailed before bought credit expires (docs/domain/wallet.md#expiry-notices).

use super::write::{Letter, flag, write_to_customer};
use crate::documents::wording::Language;
use payterms_chassis::{
    AppError, WriteTx, kill, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Id, Money};
use payterms_proto::wallet::v1::{ExpiringCreditChanged, ExpiringLot, TaxKind};
use serde_json::json;

/// Mails the customer about bought credit that expires soon. A snapshot sends no mail: its event
/// has been mailed before.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_expiring_credit(
    tx: &mut WriteTx,
    event: &ExpiringCreditChanged,
) -> Result<(), AppError> {
    if !event.notified {
        return Ok(());
    }
    let fault = || AppError::Fault(format!("expiring credit of {:?}", event.wallet));
    let name = names::parse(&event.wallet, &["customers", "wallets"]).ok_or_else(fault)?;
    let parts = |lot: &ExpiringLot| {
        let money = |amount: &Option<_>| amount.as_ref().and_then(money_of);
        let pays_invoices = lot.tax_kind() == TaxKind::Deposit;
        Some((
            money(&lot.remaining)?,
            money(&lot.held)?,
            lot.last_day.as_ref().and_then(date_of)?,
            pays_invoices,
        ))
    };
    let lots = event
        .lots
        .iter()
        .map(parts)
        .collect::<Option<Vec<_>>>()
        .filter(|lots| !lots.is_empty())
        .ok_or_else(fault)?;
    let mut amount = Money::zero(lots.first().ok_or_else(fault)?.0.currency());
    for (remaining, ..) in &lots {
        amount = amount.plus(*remaining)?;
    }
    let pays_invoices = flag(event.lots.iter().any(|lot| lot.tax_kind() == TaxKind::Deposit));
    let letter = Letter {
        kind: MailKind::CreditExpires,
        variables: |language: Language| {
            let shown = |(remaining, held, day, pays_invoices): &(Money, Money, _, bool)| {
                let (held, date) = (language.money_or_nothing(*held), language.date(*day));
                json!({ "amount": language.money(*remaining), "held": held, "date": date, "pays_invoices": flag(*pays_invoices) })
            };
            vec![
                ("amount", language.money(amount).into()),
                ("lots", lots.iter().map(shown).collect::<Vec<_>>().into()),
                ("pays_invoices", pays_invoices.into()),
            ]
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await?;
    kill::point("expiry_notice.before_mail");
    Ok(())
}
