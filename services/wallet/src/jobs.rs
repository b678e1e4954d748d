//! The wallet's jobs: each name with its handler.

use crate::{
    app::App,
    use_cases::{
        charges, disputes, fees, holds, lots, metered, months, recharges, reconciliations,
        settings, setups, top_ups,
    },
};
use payterms_chassis::jobs::Jobs;

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (recharges, retries, month_ends, charges) =
        (app.clone(), app.clone(), app.clone(), app.clone());
    let (holds, lots, setups, top_ups, metered) =
        (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (fees, months, zones) = (app.clone(), app.clone(), app.clone());
    let (notices, plans, disputes, nights) = (app.clone(), app.clone(), app.clone(), app.clone());
    Jobs::default()
        .with(payterms_chassis::zones::JOB, move |row| {
            let app = zones.clone();
            async move { settings::follow_zone::follow_zone(&app, &row).await }
        })
        .with(months::close::JOB, move |row| {
            let app = months.clone();
            async move { months::close::close_month(&app, &row).await }
        })
        .with(fees::take::JOB, move |row| {
            let app = fees.clone();
            async move { fees::take::take_recurring_fee(&app, &row).await }
        })
        .with(metered::close::JOB, move |row| {
            let app = metered.clone();
            async move { metered::close::close_metered_month(&app, &row).await }
        })
        .with(holds::expire::JOB, move |row| {
            let app = holds.clone();
            async move { holds::expire::expire_hold(&app, &row).await }
        })
        .with(lots::expire::JOB, move |row| {
            let app = lots.clone();
            async move { lots::expire::expire_lot(&app, &row).await }
        })
        .with(lots::announce_expiry::JOB, move |row| {
            let app = notices.clone();
            async move { lots::announce_expiry::announce_expiry(&app, &row).await }
        })
        .with(lots::announce_expiry::PLAN, move |row| {
            let app = plans.clone();
            async move { lots::announce_expiry::plan_expiry_notices(&app, &row).await }
        })
        .with(setups::expire::JOB, move |row| {
            let app = setups.clone();
            async move { setups::expire::expire_method_setup(&app, &row).await }
        })
        .with(top_ups::settle::JOB, move |row| {
            let app = top_ups.clone();
            async move { top_ups::settle::settle_top_up(&app, &row).await }
        })
        .with(charges::settle::JOB, move |row| {
            let app = charges.clone();
            async move { charges::settle::settle_charge(&app, &row).await }
        })
        .with(disputes::ask_again::JOB, move |row| {
            let app = disputes.clone();
            async move { disputes::ask_again::ask_for_dispute(&app, &row).await }
        })
        .with(reconciliations::reconcile_nightly::JOB, move |row| {
            let app = nights.clone();
            async move { reconciliations::reconcile_nightly::reconcile_nightly(&app, &row).await }
        })
        .with(recharges::recharge::JOB, move |row| {
            let app = recharges.clone();
            async move { recharges::recharge::recharge_wallet(&app, &row).await }
        })
        .with(recharges::retry::JOB, move |row| {
            let app = retries.clone();
            async move { recharges::retry::retry_failed_recharge(&app, &row).await }
        })
        .with(recharges::mark_month_end::JOB, move |row| {
            let app = month_ends.clone();
            async move { recharges::mark_month_end::mark_month_end(&app, &row).await }
        })
}
