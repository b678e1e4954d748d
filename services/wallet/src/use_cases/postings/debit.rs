//! Takes an amount out of a wallet at once: a debit, or a custom fee.

use crate::{
    commands::postings::Take,
    messages,
    use_cases::batch::decide::{Decision, Draft, RequestRow},
};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::{PostDebitResponse, PostFeeResponse};
use payterms_wallet_domain::{
    Fee, TransferKind, posting,
    posting::{Debit, Posting},
};
use prost::Message;

/// Debits what is available, or takes a fee even into a negative balance.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `BALANCE_OVERFLOW`.
pub fn post_debit_or_fee(
    draft: &mut Draft<'_>,
    take: &Take,
    kind: TransferKind,
) -> Result<Decision, AppError> {
    let fee = kind == TransferKind::Fee;
    let debit = Debit {
        amount: take.amount,
        kind,
        into_negative: fee,
        description: take.description.clone(),
    };
    let posting: Posting = posting::debit(&mut draft.wallet, draft.ids, debit, draft.now)?;
    let listed = (fee && !take.unlisted)
        .then(|| Fee::of(&posting, draft.wallet.id, None, &take.description));
    let rendered = Some(messages::postings::posting(&draft.name, &posting));
    let answer = if fee {
        PostFeeResponse { posting: rendered }.encode_to_vec()
    } else {
        PostDebitResponse { posting: rendered }.encode_to_vec()
    };
    Ok(Decision { answer, row: RequestRow::Transfer(posting.transfer, listed) })
}
