//! What falls due in the wallet.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Ends a hold whose time is over; the subject is the hold's id.
pub const EXPIRE_HOLD: &str = "expire_hold";
/// Takes what is left of a lot whose time is over; the subject is `wallet/lot`.
pub const EXPIRE_LOT: &str = "expire_lot";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (holds, lots) = (app.clone(), app.clone());
    Jobs::default()
        .with(EXPIRE_HOLD, move |row| {
            let app = holds.clone();
            async move { use_cases::expire_hold::run(&app, &row).await }
        })
        .with(EXPIRE_LOT, move |row| {
            let app = lots.clone();
            async move { use_cases::expire_lot::run(&app, &row).await }
        })
}
