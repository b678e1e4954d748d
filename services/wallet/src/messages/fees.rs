//! Recurring fees, and fees that were taken.

use super::names::{WALLET, list_of_wallet, wallet_ref};
use crate::commands::{
    fees::{CreateRecurringFee, RecurringFeeRef},
    wallets::WalletRef,
};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Fee, RecurringFee};
use tonic::Request;

/// Begins a recurring fee: how much, what for.
pub fn create_recurring_fee(
    request: Request<pb::CreateRecurringFeeRequest>,
) -> Result<(Call, CreateRecurringFee), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("wallet", &message.wallet, WALLET);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::Wallet);
    let description = fields.printed("description", &message.description, 1, 1_000);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, CreateRecurringFee { wallet: wallet_ref(&name), amount, description }))
}

/// Ends a recurring fee.
pub fn cancel_recurring_fee(
    request: Request<pb::CancelRecurringFeeRequest>,
) -> Result<(Call, RecurringFeeRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "wallets", "recurringFees"]);
    let fee = RecurringFeeRef { wallet: wallet_ref(&name), fee: Id::from_uuid(name.id(2)) };
    Ok((fields.write(&message.request_id, name.tenant)?, fee))
}

/// Names a wallet whose recurring fees are listed.
pub fn list_recurring_fees(
    request: Request<pb::ListRecurringFeesRequest>,
) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// Names a wallet whose taken fees are listed.
pub fn list_fees(request: Request<pb::ListFeesRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

fn recurring_fee_name(wallet: &str, fee: Id<RecurringFee>) -> String {
    format!("{wallet}/recurringFees/{fee}")
}

/// A recurring fee.
#[must_use]
pub fn recurring_fee(wallet: &str, fee: &RecurringFee) -> pb::RecurringFee {
    let state = if fee.cancelled {
        pb::recurring_fee::State::Cancelled
    } else {
        pb::recurring_fee::State::Active
    };
    pb::RecurringFee {
        name: recurring_fee_name(wallet, fee.id),
        description: fee.description.clone(),
        amount: Some(money(fee.amount)),
        state: state.into(),
        taken_count: i32::try_from(fee.taken).unwrap_or(i32::MAX),
        next_date: fee.next_on().map(date),
        create_time: Some(timestamp(fee.created_at)),
        update_time: Some(timestamp(fee.updated_at)),
    }
}

/// A fee that was taken.
#[must_use]
pub fn fee(wallet: &str, fee: &Fee) -> pb::Fee {
    pb::Fee {
        transfer_id: fee.transfer.to_string(),
        recurring_fee: fee.recurring.map(|id| recurring_fee_name(wallet, id)).unwrap_or_default(),
        description: fee.description.clone(),
        amount: Some(money(fee.amount)),
        take_time: Some(timestamp(fee.taken_at)),
    }
}
