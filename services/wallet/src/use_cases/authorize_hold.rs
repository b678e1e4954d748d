//! Reserves an amount and pins the lots that it will come from.

use super::hot::{Decided, Own};
use crate::{parse::Take, render};
use chrono::{DateTime, Utc};
use payterms_chassis::AppError;
use payterms_proto::wallet::v1::{AuthorizeHoldResponse, HoldAuthorized};
use payterms_wallet_domain::hold;

/// Reserves credit until an instant.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub fn decide(own: &mut Own<'_>, take: &Take, expires_at: Option<DateTime<Utc>>) -> Result<Decided, AppError> {
    let hold = hold::authorize(&mut own.wallet, own.ids, (take.amount, expires_at, take.description.clone()), own.now)?;
    let wallet = Some(render::wallet(own.tenant, &own.wallet, own.now)?);
    let rendered = Some(render::hold(&own.name, &hold)?);
    own.hold = Some(hold);
    Ok(Decided::told(&AuthorizeHoldResponse { hold: rendered.clone() }, &HoldAuthorized { wallet, hold: rendered }))
}
