//! Takes an amount out of a wallet at once: a debit, or a custom fee.

use super::hot::{Decided, Own, Rows};
use crate::{parse::Take, render};
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
pub fn decide(own: &mut Own<'_>, take: &Take, kind: TransferKind) -> Result<Decided, AppError> {
    let fee = kind == TransferKind::Fee;
    let debit = Debit { amount: take.amount, kind, into_negative: fee, description: take.description.clone() };
    let posting: Posting = posting::debit(&mut own.wallet, own.ids, debit, own.now)?;
    let listed = (fee && !take.unlisted).then(|| Fee::of(&posting, own.wallet.id, None, &take.description));
    let told = Some(render::posting(&own.name, &posting));
    let answer = if fee { PostFeeResponse { posting: told }.encode_to_vec() } else { PostDebitResponse { posting: told }.encode_to_vec() };
    Ok(Decided { answer, rows: Rows::Transfer(posting.transfer, listed) })
}
