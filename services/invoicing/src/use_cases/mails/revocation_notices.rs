//! What is mailed when bought credit was revoked for cause, or given back.

use super::write::{Letter, flag, write_to_customer};
use crate::documents::wording::Language;
use payterms_chassis::{AppError, WriteTx, names, render::money_of};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::Id;
use payterms_proto::wallet::v1::{CreditRevocationChanged, revocation::State};

/// Mails that credit was revoked or restored; proposals, refusals and snapshots tell none.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_revocation(
    tx: &mut WriteTx,
    event: &CreditRevocationChanged,
) -> Result<(), AppError> {
    let Some(revocation) = event.revocation.as_ref().filter(|_| event.decided) else {
        return Ok(());
    };
    let (kind, explanation) = match revocation.state() {
        State::Revoked => (MailKind::CreditRevoked, revocation.explanation.clone()),
        State::Restored => (MailKind::CreditRestored, revocation.answer.clone()),
        State::Proposed | State::Refused | State::Unspecified => return Ok(()),
    };
    let fault = || AppError::Fault(format!("revocation {:?}", revocation.name));
    let name = names::parse(&revocation.name, &["customers", "wallets", "revocations"])
        .ok_or_else(fault)?;
    let amount = revocation.amount.as_ref().and_then(money_of).ok_or_else(fault)?;
    let stops_recharge = flag(event.recharge_stopped);
    let paid_owed = event.paid_owed.as_ref().and_then(money_of);
    let letter = Letter {
        kind,
        variables: |language: Language| {
            let mut variables = vec![
                ("amount", language.money(amount).into()),
                ("explanation", explanation.into()),
            ];
            if kind == MailKind::CreditRevoked {
                variables.push(("stops_recharge", stops_recharge.into()));
            }
            if kind == MailKind::CreditRestored {
                variables.push((
                    "paid_owed",
                    paid_owed.map(|paid| language.money(paid)).unwrap_or_default().into(),
                ));
            }
            variables
        },
        page: format!("/wallets/{}", name.id(1)),
        attachments: Vec::new(),
    };
    write_to_customer(tx, Id::from_uuid(name.id(0)), letter).await
}
