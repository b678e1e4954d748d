//! What is mailed of auto-recharge: that it failed or stopped, that its rules were taken away.

use super::{
    dispute_notices::waits_for_a_dispute,
    write::{Letter, method, write_to_customer},
};
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Id, Reason, calendar::day_in};
use payterms_proto::{
    google::r#type::Money as Amount,
    wallet::v1::{AutoRecharge, PaymentMethod},
};

/// An auto-recharge failed or stopped. `charged` is what it was charged to, where it was.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_recharge_failed(
    tx: &mut WriteTx,
    recharge: &AutoRecharge,
    charged: Option<&PaymentMethod>,
) -> Result<(), AppError> {
    let wallet = recharge.name.trim_end_matches("/autoRecharge");
    let name = names::parse(wallet, &["customers", "wallets"])
        .ok_or_else(|| AppError::Fault(format!("recharge {:?}", recharge.name)))?;
    let next =
        recharge.next_retry_time.and_then(|at| chrono::DateTime::from_timestamp(at.seconds, 0));
    let (zone, reason) = (tx.time().zone, recharge.failure_reason.clone());
    // Credit was withheld: the mail of that says that auto-recharge has stopped, and no method of
    // payment changes it.
    if reason == "CREDIT_REVOKED" {
        return Ok(());
    }
    let customer = Id::from_uuid(name.id(0));
    // The mail of the dispute says that nothing is charged until it is decided, and what the
    // customer can do.
    if reason == Reason::COLLECTION_METHOD_REQUIRED && waits_for_a_dispute(tx, customer).await? {
        return Ok(());
    }
    let kind = if reason == "REQUIRES_ACTION" {
        MailKind::AuthenticationNeeded
    } else {
        MailKind::RechargeFailed
    };
    let letter = Letter {
        kind,
        variables: |language| {
            if kind == MailKind::AuthenticationNeeded {
                return vec![("number", "".into()), ("amount", "".into())];
            }
            // Templates tell the ceiling by its word.
            let reason =
                if reason == "CEILING" { reason } else { language.failure(&reason).to_owned() };
            let shown = |amount: &Option<Amount>| {
                amount.as_ref().and_then(money_of).map(|amount| language.money(amount))
            };
            let month =
                recharge.month.as_ref().and_then(date_of).map(|month| language.month(month));
            vec![
                ("reason", reason.into()),
                (
                    "method",
                    charged
                        .map(|payment_method| method(language, Some(payment_method)))
                        .unwrap_or_default()
                        .into(),
                ),
                (
                    "next_try",
                    next.map(|at| language.date(day_in(zone, at))).unwrap_or_default().into(),
                ),
                ("ceiling", shown(&recharge.ceiling_in_force).unwrap_or_default().into()),
                ("ceiling_left", shown(&recharge.ceiling_left).unwrap_or_default().into()),
                ("month", month.unwrap_or_default().into()),
            ]
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
}

/// A person of the tenant has taken the rules of auto-recharge away.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_recharge_removed(
    tx: &mut WriteTx,
    recharge: &AutoRecharge,
    explanation: &str,
) -> Result<(), AppError> {
    let wallet = recharge.name.trim_end_matches("/autoRecharge");
    let name = names::parse(wallet, &["customers", "wallets"])
        .ok_or_else(|| AppError::Fault(format!("recharge {:?}", recharge.name)))?;
    let letter = Letter {
        kind: MailKind::RechargeRemoved,
        variables: |_| vec![("explanation", explanation.into())],
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}
