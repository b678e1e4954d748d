//! Reversals.

use super::{
    lots::lot_name,
    names::{WALLET, wallet_ref},
};
use crate::commands::{
    reversals::{ListReversals, ReverseMeteredUse, ReverseTransfer},
    wallets::WalletRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    names::uuid,
    page::Page,
    render::{decimal, money, timestamp},
};
use payterms_kernel::{Id, Reason};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{
    Reversal,
    metered_reversal::MeteredOrder,
    reversal::{Order, Reversed},
};
use rust_decimal::Decimal;
use tonic::Request;
use uuid::Uuid;

/// The largest quantity of one use.
const MOST_QUANTITY: i64 = 1_000_000_000;

/// The id of a transfer or record; nil stands in for a malformed one, which is refused before it is
/// used.
fn id(fields: &mut Fields, field: &str, text: &str) -> Uuid {
    let found = uuid(text);
    if found.is_none() {
        fields.wrong(
            field,
            Reason::RESOURCE_NAME_INVALID,
            "Send the id as it was answered: a UUID with dashes.",
        );
    }
    found.unwrap_or_default()
}

/// Reverses a transfer.
pub fn reverse_transfer(
    request: Request<pb::ReverseTransferRequest>,
) -> Result<(Call, ReverseTransfer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let transfer = Id::from_uuid(id(&mut fields, "transfer_id", &message.transfer_id));
    let order = Order {
        amount: message
            .amount
            .as_ref()
            .map(|amount| fields.money("amount", Some(amount), Digits::Wallet)),
        effective_at: fields.optional_instant("effective_time", message.effective_time.as_ref()),
        explanation: fields.printed("explanation", &message.explanation, 1, 500),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, ReverseTransfer { wallet: wallet_ref(&name), transfer, order }))
}

/// Reverses a use that a metered service bills.
pub fn reverse_metered_use(
    request: Request<pb::ReverseMeteredUseRequest>,
) -> Result<(Call, ReverseMeteredUse), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name(
        "usage_record",
        &message.usage_record,
        &["customers", "wallets", "usageRecords"],
    );
    let least = Decimal::new(1, 6);
    let quantity = |quantity| {
        fields.decimal("quantity", Some(quantity), 6, least, Decimal::from(MOST_QUANTITY))
    };
    let order = MeteredOrder {
        quantity: message.quantity.as_ref().map(quantity),
        effective_at: fields.optional_instant("effective_time", message.effective_time.as_ref()),
        explanation: fields.printed("explanation", &message.explanation, 1, 500),
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        ReverseMeteredUse { wallet: wallet_ref(&name), record: Id::from_uuid(name.id(2)), order },
    ))
}

/// Names a reversal to read.
pub fn get_reversal(
    request: Request<pb::GetReversalRequest>,
) -> Result<(WalletRef, Id<Reversal>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "reversals"]);
    fields.finish()?;
    Ok((wallet_ref(&name), Id::from_uuid(name.id(2))))
}

/// Names a wallet whose reversals are listed.
pub fn list_reversals(
    request: Request<pb::ListReversalsRequest>,
) -> Result<ListReversals, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, WALLET);
    let reversed = (!message.reversed_id.is_empty())
        .then(|| id(&mut fields, "reversed_id", &message.reversed_id));
    let list = format!("{} {}", message.parent, message.reversed_id);
    let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
    fields.finish()?;
    Ok(ListReversals { wallet: wallet_ref(&name), reversed, page })
}

/// A reversal of the wallet of that name.
#[must_use]
pub fn reversal(wallet: &str, reversal: &Reversal) -> pb::Reversal {
    let (reversed_transfer_id, usage_record, transfer_id) = match &reversal.original {
        Reversed::Transfer(transfer) => {
            (transfer.to_string(), String::new(), reversal.id.to_string())
        }
        Reversed::MeteredUse(record) => {
            (String::new(), format!("{wallet}/usageRecords/{record}"), String::new())
        }
    };
    let to_lots = reversal.parts.iter().filter_map(|part| part.to.map(|lot| (lot, part.amount)));
    pb::Reversal {
        name: format!("{wallet}/reversals/{}", reversal.id),
        reversed_transfer_id,
        usage_record,
        transfer_id,
        amount: Some(money(reversal.amount)),
        quantity: reversal.quantity.map(decimal),
        parts: to_lots
            .map(|(lot, amount)| pb::LotPart {
                lot: lot_name(wallet, lot),
                amount: Some(money(amount)),
            })
            .collect(),
        explanation: reversal.explanation.clone(),
        effective_time: Some(timestamp(reversal.effective_at)),
        record_time: Some(timestamp(reversal.recorded_at)),
    }
}
