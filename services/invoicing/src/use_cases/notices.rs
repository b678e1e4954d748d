//! What is mailed when something happened: receipts, failed collections and recharges, prepayment that
//! went off, how metered services stand.

use super::write_mail::{Letter, to_customer, to_tenant};
use crate::store::tenants;
use payterms_chassis::{AppError, WriteTx, names};
use payterms_invoicing_domain::{CollectionState, Invoice, MailKind, MeteredService, Receipt, mail::Attachment};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::wallet::v1::AutoRecharge;

/// The receipt of a top-up.
///
/// # Errors
/// The database's.
pub async fn receipt(tx: &mut WriteTx, receipt: &Receipt) -> Result<(), AppError> {
    let (number, amount, day) = (receipt.number.clone(), receipt.amount, receipt.issue_date);
    let letter = Letter {
        kind: MailKind::Receipt,
        variables: |language| vec![("number", number), ("amount", language.money(amount)), ("date", language.date(day))],
        page: format!("/receipts/{}", receipt.id),
        attachments: vec![Attachment::Receipt(receipt.id.uuid())],
    };
    to_customer(tx, receipt.customer, letter).await
}

/// An automatic collection ended without money.
///
/// # Errors
/// The database's.
pub async fn collection_ended(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    let kind = match invoice.collection.state {
        CollectionState::RequiresAction => MailKind::AuthenticationNeeded,
        CollectionState::Scheduled | CollectionState::Failed if !invoice.collection.reason.is_empty() => MailKind::CollectionFailed,
        _ => return Ok(()),
    };
    let zone = tx.time().zone;
    let number = invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default();
    let (open, reason, next) = (invoice.open()?, invoice.collection.reason.clone(), invoice.collection.next_at);
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables = vec![("number", number), ("amount", language.money(open))];
            if kind == MailKind::CollectionFailed {
                let next = next.map(|at| language.date(day_in(zone, at))).unwrap_or_default();
                variables.extend([("reason", reason), ("next_try", next)]);
            }
            variables
        },
        page: format!("/invoices/{}", invoice.id),
        attachments: Vec::new(),
    };
    to_customer(tx, invoice.customer, letter).await
}

/// An auto-recharge failed or stopped.
///
/// # Errors
/// The database's; `Fault` for a name that is none.
pub async fn recharge_failed(tx: &mut WriteTx, recharge: &AutoRecharge) -> Result<(), AppError> {
    let wallet = recharge.name.trim_end_matches("/autoRecharge");
    let name = names::parse(wallet, &["customers", "wallets"]).ok_or_else(|| AppError::Fault(format!("recharge {:?}", recharge.name)))?;
    let next = recharge.next_retry_time.and_then(|at| chrono::DateTime::from_timestamp(at.seconds, 0));
    let (zone, reason) = (tx.time().zone, recharge.failure_reason.clone());
    let kind = if reason == "REQUIRES_ACTION" { MailKind::AuthenticationNeeded } else { MailKind::RechargeFailed };
    let letter = Letter {
        kind,
        variables: |language| {
            if kind == MailKind::AuthenticationNeeded {
                return vec![("number", String::new()), ("amount", String::new())];
            }
            vec![("reason", reason), ("next_try", next.map(|at| language.date(day_in(zone, at))).unwrap_or_default())]
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}

/// Prepayment went off by itself.
///
/// # Errors
/// The database's.
pub async fn prepayment_turned_off(tx: &mut WriteTx, condition: String) -> Result<(), AppError> {
    to_tenant(tx, MailKind::PrepaymentTurnedOff, vec![("reason", condition)]).await
}

/// How a metered service stands now.
///
/// # Errors
/// The database's.
pub async fn service(tx: &mut WriteTx, kind: MailKind, service: &MeteredService) -> Result<(), AppError> {
    let zone = tx.time().zone;
    let after_days = tenants::find(tx.conn(), &tx.call().tenant).await?.and_then(|own| own.dunning.suspend_after_days);
    let (name, suspended_at) = (service.terms.display_name.clone(), service.suspended_at(after_days));
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables = vec![("service", name)];
            if kind == MailKind::ServiceOverdue {
                variables.push(("suspend_on", suspended_at.map(|at| language.date(day_in(zone, at))).unwrap_or_default()));
            }
            variables
        },
        page: format!("/services/{}", service.id),
        attachments: Vec::new(),
    };
    to_customer(tx, service.customer, letter).await
}
