//! Debits and fees: commands of the batch, and the postings that they become.

use super::{
    lots::lot_name,
    names::{WALLET, wallet_ref},
};
use crate::commands::{
    batch::{BatchCommand, BatchItem},
    postings::Take,
};
use payterms_chassis::{
    AppError, Call, Fields, Scope,
    fields::Digits,
    render::{money, timestamp},
};
use payterms_kernel::{Id, Money};
use payterms_proto::{google::r#type::Money as MoneyMessage, wallet::v1 as pb};
use payterms_wallet_domain::{Lot, Posting, TransferKind};
use tonic::Request;

/// An amount to take of a wallet; `least` is the fewest characters of its description.
pub(super) fn take(
    mut fields: Fields,
    (request_id, wallet): (&str, &str),
    amount: Option<&MoneyMessage>,
    (description, least): (&str, usize),
) -> Result<(Call, Take), AppError> {
    let name = fields.name("wallet", wallet, WALLET);
    let amount = fields.money("amount", amount, Digits::Wallet);
    let description = fields.text("description", description, least, 1_000);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, Take { wallet: wallet_ref(&name), amount, description, unlisted: false }))
}

/// Debits at once.
pub fn post_debit(request: Request<pb::PostDebitRequest>) -> Result<BatchItem, AppError> {
    let (fields, message) = Fields::open(request)?;
    debit(fields, &message)
}

fn debit(fields: Fields, message: &pb::PostDebitRequest) -> Result<BatchItem, AppError> {
    let (call, take) = take(fields, (&message.request_id, &message.wallet), message.amount.as_ref(), (&message.description, 0))?;
    Ok(BatchItem { call, command: BatchCommand::Take(take, TransferKind::Debit) })
}

/// The path that a debit's request id belongs to, sent alone or with others.
const POST_DEBIT: &str = "/payterms.wallet.v1.PostingService/PostDebit";
/// Debits in one call.
const MOST_DEBITS: usize = 500;

/// One debit with the id that it came with: the command, or why there is none.
pub type OneDebit = (String, Result<BatchItem, AppError>);

/// Debits many; each is checked apart.
pub fn post_debits(request: Request<pb::PostDebitsRequest>) -> Result<Vec<OneDebit>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let scope = Scope { method: POST_DEBIT.to_owned(), ..fields.scope().clone() };
    if message.debits.is_empty() {
        fields.wrong("debits", "FIELD_REQUIRED", "Send 1 to 500 debits.");
    }
    if message.debits.len() > MOST_DEBITS {
        fields.wrong("debits", "TOO_MANY_ITEMS", "Send at most 500 debits.");
    }
    fields.finish()?;
    let one = |message: pb::PostDebitRequest| {
        let item = debit(Fields::of(scope.clone(), &message), &message);
        (message.request_id, item)
    };
    Ok(message.debits.into_iter().map(one).collect())
}

/// Takes a custom fee.
pub fn post_fee(request: Request<pb::PostFeeRequest>) -> Result<BatchItem, AppError> {
    let (fields, message) = Fields::open(request)?;
    let (call, fee) = take(fields, (&message.request_id, &message.wallet), message.amount.as_ref(), (&message.description, 1))?;
    Ok(BatchItem { call, command: BatchCommand::Take(Take { unlisted: message.unlisted, ..fee }, TransferKind::Fee) })
}

/// A posting.
#[must_use]
pub fn posting(wallet: &str, posting: &Posting) -> pb::Posting {
    let part = |(lot, amount): &(Id<Lot>, Money)| pb::LotPart { lot: lot_name(wallet, *lot), amount: Some(money(*amount)) };
    pb::Posting {
        transfer_id: posting.transfer.to_string(),
        wallet: wallet.to_owned(),
        amount: Some(money(posting.amount)),
        parts: posting.parts.iter().map(part).collect(),
        balance_after: Some(money(posting.balance_after)),
        sequence: posting.sequence,
        record_time: Some(timestamp(posting.recorded_at)),
    }
}
