//! What falls due in the wallet.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Ends a hold whose time is over; the subject is the hold's id.
pub const EXPIRE_HOLD: &str = "expire_hold";
/// Takes what is left of a lot whose time is over; the subject is `wallet/lot`.
pub const EXPIRE_LOT: &str = "expire_lot";

/// Closes an unused hosted page; the subject is the set-up's id.
pub const EXPIRE_SETUP: &str = "expire_setup";
/// Asks for a charge that took its time; the subject is the top-up's id.
pub const SETTLE_TOP_UP: &str = "settle_top_up";

/// Asks for a charge of a payment that took its time; the subject is the charge's id.
pub const SETTLE_CHARGE: &str = "settle_charge";

/// Judges a wallet's rules and recharges; the subject is the wallet's id.
pub const RECHARGE: &str = "recharge";
/// Tries a failed recharge again; the subject is the wallet's id.
pub const RETRY_RECHARGE: &str = "retry_recharge";
/// Marks a wallet at the month's end; the subject is the wallet's id.
pub const MONTH_END: &str = "recharge_month_end";

/// Ends the month of a metered service; the subject is the service's id.
pub const CLOSE_METERED: &str = "close_metered";

/// Ends the month of a wallet; the subject is the wallet's id.
pub const CLOSE_MONTH: &str = "close_month";

/// Takes a recurring fee; the subject is the fee's id.
pub const TAKE_FEE: &str = "take_fee";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (recharges, retries, month_ends, charges) = (app.clone(), app.clone(), app.clone(), app.clone());
    let (holds, lots, setups, top_ups, metered) = (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (fees, months) = (app.clone(), app.clone());
    Jobs::default()
        .with(CLOSE_MONTH, move |row| {
            let app = months.clone();
            async move { use_cases::close_month::run(&app, &row).await }
        })
        .with(TAKE_FEE, move |row| {
            let app = fees.clone();
            async move { use_cases::recurring_fees::run(&app, &row).await }
        })
        .with(CLOSE_METERED, move |row| {
            let app = metered.clone();
            async move { use_cases::close_metered::run(&app, &row).await }
        })
        .with(EXPIRE_HOLD, move |row| {
            let app = holds.clone();
            async move { use_cases::expire_hold::run(&app, &row).await }
        })
        .with(EXPIRE_LOT, move |row| {
            let app = lots.clone();
            async move { use_cases::expire_lot::run(&app, &row).await }
        })
        .with(EXPIRE_SETUP, move |row| {
            let app = setups.clone();
            async move { use_cases::settle_method_setup::expire(&app, &row).await }
        })
        .with(SETTLE_TOP_UP, move |row| {
            let app = top_ups.clone();
            async move { use_cases::create_top_up::settle(&app, &row).await }
        })
        .with(SETTLE_CHARGE, move |row| {
            let app = charges.clone();
            async move { use_cases::charge_for_payment::settle(&app, &row).await }
        })
        .with(RECHARGE, move |row| {
            let app = recharges.clone();
            async move { use_cases::recharge::run(&app, &row).await }
        })
        .with(RETRY_RECHARGE, move |row| {
            let app = retries.clone();
            async move { use_cases::recharge::retry(&app, &row).await }
        })
        .with(MONTH_END, move |row| {
            let app = month_ends.clone();
            async move { use_cases::recharge::month_end(&app, &row).await }
        })
}
