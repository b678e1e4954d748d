//! Debits and fees: commands of the batch, and their postings.

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
use payterms_kernel::{Id, Money, Reason};
use payterms_proto::{google::r#type::Money as MoneyMessage, wallet::v1 as pb};
use payterms_wallet_domain::{Lot, Posting, TransferKind};
use tonic::Request;

/// The fields that requests which take an amount of a wallet have in common.
#[derive(Clone, Copy)]
pub(super) struct TakeFields<'a> {
    pub(super) request_id: &'a str,
    pub(super) wallet: &'a str,
    pub(super) amount: Option<&'a MoneyMessage>,
    pub(super) description: &'a str,
}

/// Whether a description must be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Description {
    Optional,
    Required,
}

/// Parses the fields of a request that takes an amount of a wallet.
pub(super) fn parse_take(
    mut fields: Fields,
    message: TakeFields<'_>,
    description: Description,
) -> Result<(Call, Take), AppError> {
    let least = usize::from(description == Description::Required);
    let name = fields.name("wallet", message.wallet, WALLET);
    let amount = fields.money("amount", message.amount, Digits::Wallet);
    let description = fields.printed("description", message.description, least, 1_000);
    let call = fields.write(message.request_id, name.tenant.clone())?;
    Ok((call, Take { wallet: wallet_ref(&name), amount, description, unlisted: false }))
}

/// Debits at once.
pub fn post_debit(request: Request<pb::PostDebitRequest>) -> Result<BatchItem, AppError> {
    let (fields, message) = Fields::open(request)?;
    debit(fields, &message)
}

fn debit(fields: Fields, message: &pb::PostDebitRequest) -> Result<BatchItem, AppError> {
    let (call, take) = parse_take(
        fields,
        TakeFields {
            request_id: &message.request_id,
            wallet: &message.wallet,
            amount: message.amount.as_ref(),
            description: &message.description,
        },
        Description::Optional,
    )?;
    Ok(BatchItem { call, command: BatchCommand::Take(take, TransferKind::Debit) })
}

/// The method to which a debit's request id belongs. A debit that was sent in a list may then be
/// retried by itself.
const POST_DEBIT: &str = "/payterms.wallet.v1.PostingService/PostDebit";
/// The most debits in one call.
const MOST_DEBITS: usize = 500;

/// The request id of one debit of a list, with its command or its violations.
pub type ParsedDebit = (String, Result<BatchItem, AppError>);

/// Parses a list of debits. Each is validated by itself, so that one bad debit does not refuse the
/// others.
pub fn post_debits(request: Request<pb::PostDebitsRequest>) -> Result<Vec<ParsedDebit>, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let scope = Scope { method: POST_DEBIT.to_owned(), ..fields.scope().clone() };
    if message.debits.is_empty() {
        fields.wrong("debits", Reason::FIELD_REQUIRED, "Send 1 to 500 debits.");
    }
    if message.debits.len() > MOST_DEBITS {
        fields.wrong("debits", Reason::TOO_MANY_ITEMS, "Send at most 500 debits.");
    }
    fields.finish()?;
    let parse_debit = |message: pb::PostDebitRequest| {
        let item = debit(Fields::of(scope.clone(), &message), &message);
        (message.request_id, item)
    };
    Ok(message.debits.into_iter().map(parse_debit).collect())
}

/// Takes a custom fee.
pub fn post_fee(request: Request<pb::PostFeeRequest>) -> Result<BatchItem, AppError> {
    let (fields, message) = Fields::open(request)?;
    let (call, fee) = parse_take(
        fields,
        TakeFields {
            request_id: &message.request_id,
            wallet: &message.wallet,
            amount: message.amount.as_ref(),
            description: &message.description,
        },
        Description::Required,
    )?;
    Ok(BatchItem {
        call,
        command: BatchCommand::Take(Take { unlisted: message.unlisted, ..fee }, TransferKind::Fee),
    })
}

/// A posting.
#[must_use]
pub fn posting(wallet: &str, posting: &Posting) -> pb::Posting {
    let part = |(lot, amount): &(Id<Lot>, Money)| pb::LotPart {
        lot: lot_name(wallet, *lot),
        amount: Some(money(*amount)),
    };
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
