//! Takes a part or all of what a hold reserves.

use super::hot::{Decided, Own};
use crate::{parse::Capture, render};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::{CaptureHoldResponse, HoldCaptured};
use payterms_wallet_domain::hold;

/// Captures a hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`, `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub fn decide(own: &mut Own<'_>, what: Capture) -> Result<Decided, AppError> {
    let held = own.hold.as_mut().ok_or_else(payterms_kernel::Refusal::not_found)?;
    let posting = hold::capture(&mut own.wallet, held, own.ids, what, own.now)?;
    let (hold, posting) = (Some(render::hold(&own.name, held)?), Some(render::posting(&own.name, &posting)));
    let wallet = Some(render::wallet(own.tenant, &own.wallet, own.now)?);
    let event = HoldCaptured { wallet, hold: hold.clone(), posting: posting.clone() };
    Ok(Decided::told(&CaptureHoldResponse { hold, posting }, &event))
}
