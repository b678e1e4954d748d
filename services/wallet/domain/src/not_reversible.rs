//! What is not reversed: the refusal names the verb that gives it back, or says why there is none
//! (docs/domain/wallet.md#not-reversible).

use crate::{UsageRecord, ledger::TransferKind};
use payterms_kernel::{Reason, Refusal};

/// How what a transfer of another kind moved goes back: the verb, and a sentence where the verb
/// alone does not say it. No verb: there is none, and the sentence says why.
fn instead(kind: TransferKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        TransferKind::Debit | TransferKind::Capture | TransferKind::Usage | TransferKind::Fee => {
            return None;
        }
        TransferKind::Grant => ("VoidGrant", ""),
        TransferKind::GrantVoid | TransferKind::Expiry => ("GrantCredit", ""),
        TransferKind::TopUp => ("RefundTopUp", ""),
        TransferKind::BankTransfer | TransferKind::TransferTopUp => ("UnmatchBankLine", ""),
        TransferKind::TransferReturn => ("MatchBankLine", ""),
        TransferKind::InvoiceCredit | TransferKind::Charge | TransferKind::Surplus => {
            ("UnapplyPayment", "")
        }
        TransferKind::MonthClose | TransferKind::PostpaidClose | TransferKind::MonthRounding => {
            ("CreateCreditNote", "")
        }
        TransferKind::Reversal => ("PostFee", ""),
        TransferKind::Revocation => ("RestoreCredit", ""),
        TransferKind::Restoration => ("ProposeRevocation", ""),
        TransferKind::OwedSettlement => (
            "ReverseTransfer",
            "New credit paid what was owed. Reverse the debit or fee that was owed with ReverseTransfer; its credit comes back with it.",
        ),
        TransferKind::InvoiceRefund => (
            "ApplyCredit",
            "It gave back what had paid an invoice. Pay the invoice again with ApplyCredit, as far as it is open; what a credit note took \
             off it stays credit.",
        ),
        TransferKind::TopUpRefund => (
            "CreateTopUp",
            "It went back to the card or account that had paid it. Buy credit again with CreateTopUp.",
        ),
        TransferKind::TransferRefund => (
            "RaiseTransferTopUp",
            "It went back to its payer by bank transfer. Sell credit again with RaiseTransferTopUp.",
        ),
        TransferKind::Chargeback => (
            "WinDispute",
            "An issuer or a bank has taken it back. If you keep the money of a dispute, record that with WinDispute.",
        ),
        TransferKind::DisputeWon => (
            "",
            "A dispute was won: what the issuer had taken stands again. No verb undoes that, since the decision is final.",
        ),
        TransferKind::ReturnSettlement => (
            "",
            "New credit paid what a charge or transfer left owing that was taken back. No verb undoes that, since it is owed.",
        ),
    })
}

/// Refuses a transfer whose money goes back in another way.
///
/// # Errors
/// `NOT_REVERSIBLE` with the verb to use instead, if there is one.
pub fn must_be_reversible(kind: TransferKind) -> Result<(), Refusal> {
    match instead(kind) {
        None => Ok(()),
        Some((verb, "")) => Err(not_reversible(verb)),
        Some(("", why)) => Err(Refusal::precondition(Reason::NOT_REVERSIBLE, why)),
        Some((verb, sentence)) => {
            Err(Refusal::precondition(Reason::NOT_REVERSIBLE, sentence).with("verb", verb))
        }
    }
}

/// What another verb gives back.
#[must_use]
pub fn not_reversible(verb: &str) -> Refusal {
    let message =
        format!("Only debits, captures, uses and fees are reversed. Use {verb} for this.");
    Refusal::precondition(Reason::NOT_REVERSIBLE, message).with("verb", verb)
}

/// The id of a use where that of a transfer is needed, or the other way round: which verb takes it,
/// and with what.
#[must_use]
pub fn reversed_otherwise(record: &UsageRecord) -> Refusal {
    let refusal = |message: String| Refusal::precondition(Reason::NOT_REVERSIBLE, message);
    match (record.metered.is_some(), record.transfer) {
        (true, _) => {
            let message = "A metered service bills this use, which took no credit. Reverse it with ReverseMeteredUse, by its name.";
            refusal(message.to_owned()).with("verb", "ReverseMeteredUse")
        }
        (false, Some(transfer)) => {
            let message = format!(
                "Credit paid this use. Reverse its transfer {transfer} with ReverseTransfer."
            );
            refusal(message).with("verb", "ReverseTransfer").with("transfer_id", transfer)
        }
        (false, None) => {
            refusal("This use took nothing, so no verb gives anything back.".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::must_be_reversible;
    use crate::ledger::TransferKind;
    use payterms_kernel::Reason;

    #[test]
    fn a_refusal_names_the_verb_or_says_that_there_is_none() {
        for (kind, verb) in [
            (TransferKind::Grant, "VoidGrant"),
            (TransferKind::TopUp, "RefundTopUp"),
            (TransferKind::InvoiceCredit, "UnapplyPayment"),
            (TransferKind::InvoiceRefund, "ApplyCredit"),
            (TransferKind::TopUpRefund, "CreateTopUp"),
            (TransferKind::TransferRefund, "RaiseTransferTopUp"),
            (TransferKind::Chargeback, "WinDispute"),
            (TransferKind::OwedSettlement, "ReverseTransfer"),
        ] {
            let refusal = must_be_reversible(kind).unwrap_err();
            assert!(
                refusal.reason == Reason::NOT_REVERSIBLE && refusal.message.contains(verb),
                "{refusal:?}"
            );
            assert_eq!(refusal.metadata, [("verb", verb.to_owned())]);
        }
        for kind in [TransferKind::DisputeWon, TransferKind::ReturnSettlement] {
            let refusal = must_be_reversible(kind).unwrap_err();
            assert!(
                refusal.metadata.is_empty()
                    && refusal.message.contains("No verb undoes that, since"),
                "{refusal:?}"
            );
        }
        assert_eq!(must_be_reversible(TransferKind::Fee), Ok(()));
    }
}
