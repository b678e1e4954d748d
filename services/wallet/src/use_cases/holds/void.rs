//! Releases what a hold still reserves.

use crate::{
    messages,
    use_cases::batch::decide::{Decision, Draft},
};
use payterms_chassis::AppError;
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{HoldVoided, VoidHoldResponse};
use payterms_wallet_domain::hold;

/// Voids a hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`.
pub fn void_hold(draft: &mut Draft<'_>) -> Result<Decision, AppError> {
    let hold = draft.hold.as_mut().ok_or_else(Refusal::not_found)?;
    hold::void(&mut draft.wallet, hold, draft.ids, draft.now)?;
    let hold = Some(messages::holds::hold(&draft.name, hold)?);
    let wallet = Some(messages::wallets::wallet(draft.tenant, &draft.wallet, draft.now)?);
    Ok(Decision::with_event(&VoidHoldResponse { hold: hold.clone() }, &HoldVoided { wallet, hold }))
}
