//! Pairs what a bank's file shows to have gone out with the transfers that were to be made
//! (docs/domain/invoicing.md#transfer-refund-paired).

use super::{end, save::publish_transfer_refund};
use crate::{
    bank_files::{OUTGOING, ReadFile, WentOut},
    messages::transfer_refunds::transfer_refund_name,
    store::transfer_refunds,
    use_cases::bank_lines::identify::account_hmac,
};
use payterms_chassis::{AppError, WriteTx, bank_file::bank_finding, flow};
use payterms_invoicing_domain::{TransferRefund, transfer_refund::RefundState};
use payterms_kernel::TenantId;
use std::collections::BTreeSet;

/// What a finding is called that is a transfer back of ours.
const KIND: &str = "TRANSFER_REFUND";

/// Confirms the transfers to make that went out: where account, amount and reference agree, each once. Where only the first two do,
/// the finding says which it may be.
pub async fn confirm_what_went_out(tx: &mut WriteTx, file: &mut ReadFile, secret: &str) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let keyed: Vec<_> = file.went_out.iter().map(|own| account_hmac(secret, &own.party_account)).collect();
    let keys: BTreeSet<_> = keyed.iter().filter(|key| !key.is_empty()).cloned().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let mut refunds = transfer_refunds::lock_to_accounts(tx.conn(), &tenant, &keys).await?;
    let mut paired = BTreeSet::new();
    for (own, key) in file.went_out.iter().zip(&keyed) {
        let fits = |refund: &&mut TransferRefund| refund.account.key == *key && refund.amount().is_ok_and(|amount| amount == own.amount);
        let mut fitting: Vec<_> = refunds.iter_mut().filter(fits).collect();
        let marked = fitting.iter().position(|refund| own.text.contains(&refund.reference));
        let message = match marked.map(|at| fitting.swap_remove(at)) {
            Some(refund) if paired.insert(refund.id.uuid()) => confirm(tx, own, refund).await?,
            Some(refund) => format!("{} went out once more with the reference of {}. Ask the bank why.", own.amount, name(&tenant, refund)),
            None => match fitting.iter().find(|refund| refund.state == RefundState::Pending) {
                Some(refund) => {
                    let (name, reference) = (name(&tenant, refund), &refund.reference);
                    format!("It may be {name}, but does not say its reference {reference}. If it is, mark it with MarkRefundSent.")
                }
                None => continue,
            },
        };
        let place = own.place.to_string();
        if let Some(finding) = file.findings.iter_mut().find(|finding| finding.place == place && finding.kind == OUTGOING) {
            *finding = bank_finding(&own.place, KIND, &message);
        }
    }
    Ok(())
}

/// Confirms one; what was confirmed before stays as it is. Returns what is said of it.
async fn confirm(tx: &mut WriteTx, own: &WentOut, refund: &mut TransferRefund) -> Result<String, AppError> {
    let name = name(&tx.call().tenant.clone(), refund);
    if refund.state != RefundState::Pending {
        return Ok(format!("It is {name}, which is marked as sent."));
    }
    let (now, ending) = (tx.now(), tx.id::<TransferRefund>().uuid());
    refund.send(ending, (own.booked_on, own.reference.clone()), now)?;
    publish_transfer_refund(tx, refund).await?;
    flow::enqueue(tx, end::FLOW, ending).await?;
    Ok(format!("It is {name}, and confirms that it was sent."))
}

fn name(tenant: &TenantId, refund: &TransferRefund) -> String {
    transfer_refund_name(tenant, (refund.customer, refund.id))
}
