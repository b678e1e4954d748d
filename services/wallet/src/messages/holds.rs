//! Holds: commands of the batch, and the state of a hold.

use super::{
    names::{list_of_wallet, wallet_ref},
    postings::{Description, TakeFields, parse_take},
};
use crate::commands::{
    batch::{BatchCommand, BatchItem},
    holds::{Capture, HoldRef},
    wallets::WalletRef,
};
use payterms_chassis::{
    AppError, Fields,
    fields::Digits,
    page::Page,
    render::{money, timestamp},
};
use payterms_kernel::Id;
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Hold, HoldState};
use tonic::Request;

/// Reserves an amount.
pub fn authorize_hold(request: Request<pb::AuthorizeHoldRequest>) -> Result<BatchItem, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let expires_at = fields.optional_instant("expire_time", message.expire_time.as_ref());
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
    Ok(BatchItem { call, command: BatchCommand::Authorize(take, expires_at) })
}

fn hold_ref(fields: &mut Fields, text: &str) -> HoldRef {
    let name = fields.name("name", text, &["customers", "wallets", "holds"]);
    HoldRef { wallet: wallet_ref(&name), hold: Id::from_uuid(name.id(2)) }
}

/// Captures a part or all of a hold.
pub fn capture_hold(request: Request<pb::CaptureHoldRequest>) -> Result<BatchItem, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    let amount =
        message.amount.as_ref().map(|amount| fields.money("amount", Some(amount), Digits::Wallet));
    let call = fields.write(&message.request_id, hold.wallet.tenant.clone())?;
    Ok(BatchItem {
        call,
        command: BatchCommand::Capture(hold, Capture { amount, ends_hold: message.r#final }),
    })
}

/// Voids a hold.
pub fn void_hold(request: Request<pb::VoidHoldRequest>) -> Result<BatchItem, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    let call = fields.write(&message.request_id, hold.wallet.tenant.clone())?;
    Ok(BatchItem { call, command: BatchCommand::Void(hold) })
}

/// Names a hold to read.
pub fn get_hold(request: Request<pb::GetHoldRequest>) -> Result<HoldRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let hold = hold_ref(&mut fields, &message.name);
    fields.finish()?;
    Ok(hold)
}

/// Names a wallet whose holds are listed.
pub fn list_holds(request: Request<pb::ListHoldsRequest>) -> Result<(WalletRef, Page), AppError> {
    let (fields, message) = Fields::open(request)?;
    list_of_wallet(fields, &message.parent, message.page_size, &message.page_token)
}

/// A hold.
pub fn hold(wallet: &str, hold: &Hold) -> Result<pb::Hold, AppError> {
    let state = match hold.state {
        HoldState::Active => pb::hold::State::Active,
        HoldState::Captured => pb::hold::State::Captured,
        HoldState::Voided => pb::hold::State::Voided,
        HoldState::Expired => pb::hold::State::Expired,
    };
    Ok(pb::Hold {
        name: format!("{wallet}/holds/{}", hold.id),
        state: state.into(),
        amount: Some(money(hold.amount)),
        captured: Some(money(hold.captured)),
        held: Some(money(hold.held()?)),
        expire_time: hold.payment.is_none().then(|| timestamp(hold.expires_at)),
        description: hold.description.clone(),
        create_time: Some(timestamp(hold.created_at)),
        update_time: Some(timestamp(hold.updated_at)),
    })
}
