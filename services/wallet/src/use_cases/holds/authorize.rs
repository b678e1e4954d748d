//! Reserves an amount and pins the lots that it will come from.

use crate::{
    commands::postings::Take,
    messages,
    use_cases::batch::decide::{Decision, Draft},
};
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::{AuthorizeHoldResponse, HoldAuthorized};
use payterms_wallet_domain::hold::{self, Authorization};

/// Reserves credit until an instant.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub fn authorize_hold(
    draft: &mut Draft<'_>,
    take: &Take,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Decision, AppError> {
    let order =
        Authorization { amount: take.amount, expires_at, description: take.description.clone() };
    let hold = hold::authorize(&mut draft.wallet, draft.ids, order, draft.now)?;
    let wallet = Some(messages::wallets::wallet(draft.tenant, &draft.wallet, draft.now)?);
    let rendered = Some(messages::holds::hold(&draft.name, &hold)?);
    draft.hold = Some(hold);
    Ok(Decision::with_event(
        &AuthorizeHoldResponse { hold: rendered.clone() },
        &HoldAuthorized { wallet, hold: rendered },
    ))
}
