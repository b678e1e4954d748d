//! Pairs what a bank's file shows to have gone out with the transfers that were to be made
//! (docs/domain/invoicing.md#transfer-refund-paired).

use super::{end, save::publish_transfer_refund};
use crate::{
    bank_files::{OUTGOING, ReadFile, WentOut},
    messages::transfer_refunds::transfer_refund_name,
    store::{payments, transfer_refunds},
    use_cases::bank_lines::identify::account_hmac,
};
use payterms_chassis::{AppError, WriteTx, bank_file::bank_finding, flow};
use payterms_invoicing_domain::{
    TransferRefund,
    transfer_refund::{
        RefundState,
        went_out::{self, SentAs, goes_from},
    },
};
use payterms_kernel::TenantId;
use std::collections::BTreeSet;

/// What a finding is called that is a transfer back of ours.
const KIND: &str = "TRANSFER_REFUND";
/// What one is called that has the reference of a transfer back, but is not as that was to be.
const UNEXPECTED: &str = "TRANSFER_REFUND_UNEXPECTED";

/// Confirms the transfers to make that went out: where account, amount and reference agree, each
/// once. What went out otherwise than it should is named with what to do; without a reference the
/// finding says which transfer to make it may be.
pub async fn confirm_what_went_out(
    tx: &mut WriteTx,
    file: &mut ReadFile,
    secret: &str,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let keyed: Vec<_> = file
        .went_out
        .iter()
        .map(|went_out| account_hmac(secret, &went_out.party_account))
        .collect();
    let keys: BTreeSet<_> = keyed.iter().filter(|key| !key.is_empty()).cloned().collect();
    let references: BTreeSet<_> = file
        .went_out
        .iter()
        .flat_map(|went_out| went_out.refund_references.iter().cloned())
        .collect();
    if keys.is_empty() && references.is_empty() {
        return Ok(());
    }
    let mut refunds = transfer_refunds::lock_sent(tx.conn(), &tenant, &references, &keys).await?;
    let mut paired = BTreeSet::new();
    for (went_out, key) in file.went_out.iter().zip(&keyed) {
        let is_named = |refund: &&mut TransferRefund| {
            went_out.refund_references.contains(&refund.reference)
                && refund.credit.currency() == went_out.amount.currency()
        };
        let may_be = |refund: &&TransferRefund| {
            refund.state == RefundState::Pending
                && refund.account.key == *key
                && refund.amount().is_ok_and(|amount| amount == went_out.amount)
        };
        let (kind, message) = if let Some(refund) = refunds.iter_mut().find(is_named) {
            take_in(tx, went_out, key, refund, &mut paired).await?
        } else if let Some(refund) = refunds.iter().find(may_be) {
            let (name, reference) = (name(&tenant, refund), &refund.reference);
            (
                KIND,
                format!(
                    "It may be {name}, but does not say its reference {reference}. If it is, mark it with MarkRefundSent."
                ),
            )
        } else {
            continue;
        };
        let place = went_out.place.to_string();
        if let Some(finding) = file
            .findings
            .iter_mut()
            .find(|finding| finding.place == place && finding.kind == OUTGOING)
        {
            *finding = bank_finding(&went_out.place, kind, &message);
        }
    }
    Ok(())
}

/// Takes in what went out with the reference of a transfer back: confirms it, or says what there is
/// to do. Returns kind and message of the finding.
async fn take_in(
    tx: &mut WriteTx,
    went_out: &WentOut,
    key: &str,
    refund: &mut TransferRefund,
    paired: &mut BTreeSet<uuid::Uuid>,
) -> Result<(&'static str, String), AppError> {
    let tenant = tx.call().tenant.clone();
    let payment = payments::find(tx.conn(), &tenant, refund.payment).await?;
    let from = goes_from(payment.and_then(|payment| payment.effective_on), tx.today());
    let shown = went_out::WentOut {
        amount: went_out.amount,
        account_key: key,
        booked_on: went_out.booked_on,
        bank_reference: &went_out.reference,
    };
    let sent_as = refund.sent_as(shown, from)?;
    let is_like_it = !matches!(sent_as, SentAs::OtherAmount | SentAs::OtherAccount);
    if is_like_it && !paired.insert(refund.id.uuid()) {
        let message = format!(
            "{} went out once more with the reference of {}. Ask the bank why.",
            went_out.amount,
            name(&tenant, refund)
        );
        return Ok((UNEXPECTED, message));
    }
    if sent_as == SentAs::Confirms {
        let (now, ending) = (tx.now(), tx.id::<TransferRefund>().uuid());
        refund.send(ending, went_out.booked_on, went_out.reference.clone(), now)?;
        publish_transfer_refund(tx, refund).await?;
        flow::enqueue(tx, end::FLOW, ending).await?;
    }
    let kind = if matches!(sent_as, SentAs::Confirms | SentAs::MarkedAsSent | SentAs::CameBack) {
        KIND
    } else {
        UNEXPECTED
    };
    Ok((kind, sentence(sent_as, went_out, refund, &name(&tenant, refund))))
}

/// What is said of money that went out with the reference of a transfer back, and what to do.
fn sentence(sent_as: SentAs, went_out: &WentOut, refund: &TransferRefund, name: &str) -> String {
    let WentOut { amount, booked_on, .. } = went_out;
    match sent_as {
        SentAs::Confirms => format!("It is {name}, and confirms that it was sent."),
        SentAs::MarkedAsSent => format!("It is {name}, which is marked as sent."),
        SentAs::MarkedOtherwise => {
            let on = refund.sent_on.unwrap_or(*booked_on);
            format!(
                "It is {name}, which is marked as sent on {on} ({:?}); this was booked on {booked_on} ({:?}). If these are two transfers, it \
                 went out twice: ask the bank.",
                refund.bank_reference, went_out.reference
            )
        }
        SentAs::CameBack => format!("It is {name}, which was sent and came back."),
        SentAs::SentAgain => format!(
            "{amount} went out with the reference of {name}, which came back and is credit again. If it was sent once more, ask for what came \
             back with RefundTransfer, and mark that as sent without making it."
        ),
        SentAs::OtherAmount => {
            let right = refund.credit.plus(refund.tax).unwrap_or(refund.credit);
            format!(
                "{amount} went out with the reference of {name}, which is of {right}. Ask the bank why; nothing is marked as sent by it."
            )
        }
        SentAs::OtherAccount => format!(
            "{amount} went out with the reference of {name}, but to another account, or the bank does not say to which. If it is that \
             transfer, mark it with MarkRefundSent; else ask the bank for the money back."
        ),
        SentAs::BeforeItCame => format!(
            "{amount} went out with the reference of {name} on {booked_on}, before the money had come that goes back. Compare both days with \
             the bank, and mark it with MarkRefundSent."
        ),
        SentAs::Unconfirmed => format!(
            "{name} is not confirmed, but went out: {amount}. Do not send it again. Let a second person compare the account and confirm it \
             with ConfirmRefundAccount, then mark it with MarkRefundSent."
        ),
        SentAs::GivenUp => format!(
            "{name} was given up, but went out: {amount}. Its credit is free again, so the money is out twice. Ask for it again with \
             RefundTransfer, and mark that as sent without making it; or ask the bank for the money back."
        ),
    }
}

fn name(tenant: &TenantId, refund: &TransferRefund) -> String {
    transfer_refund_name(tenant, refund.customer, refund.id)
}
