//! Releases what a hold still reserves.

use super::hot::{Decided, Own};
use crate::render;
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::{HoldVoided, VoidHoldResponse};
use payterms_wallet_domain::hold;

/// Voids a hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`.
pub fn decide(own: &mut Own<'_>) -> Result<Decided, AppError> {
    let held = own.hold.as_mut().ok_or_else(payterms_kernel::Refusal::not_found)?;
    hold::void(&mut own.wallet, held, own.ids, own.now)?;
    let hold = Some(render::hold(&own.name, held)?);
    let wallet = Some(render::wallet(own.tenant, &own.wallet, own.now)?);
    Ok(Decided::told(&VoidHoldResponse { hold: hold.clone() }, &HoldVoided { wallet, hold }))
}
