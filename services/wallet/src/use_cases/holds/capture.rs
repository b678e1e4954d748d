//! Takes a part or all of what a hold reserves.

use crate::{
    commands::holds::Capture,
    messages,
    use_cases::batch::decide::{Decision, Draft},
};
use payterms_chassis::AppError;
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{CaptureHoldResponse, HoldCaptured};
use payterms_wallet_domain::hold;

/// Captures a hold.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_STATE`, `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`.
pub fn capture_hold(draft: &mut Draft<'_>, order: Capture) -> Result<Decision, AppError> {
    let hold = draft.hold.as_mut().ok_or_else(Refusal::not_found)?;
    let posting = hold::capture(&mut draft.wallet, hold, draft.ids, order, draft.now)?;
    let hold = Some(messages::holds::hold(&draft.name, hold)?);
    let posting = Some(messages::postings::posting(&draft.name, &posting));
    let wallet = Some(messages::wallets::wallet(draft.tenant, &draft.wallet, draft.now)?);
    let event = HoldCaptured { wallet, hold: hold.clone(), posting: posting.clone() };
    Ok(Decision::with_event(&CaptureHoldResponse { hold, posting }, &event))
}
