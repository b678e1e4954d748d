//! What falls due in credit: each job's name with its handler.

use crate::{
    app::App,
    use_cases::{
        advised_limits::lapse::{self, lapse_advised_limit},
        applications::expire::{self as application, expire_application},
        bank_links::{
            check::{self, check_bank_link},
            forget::{self, forget_bank_link},
        },
        draws::expire::{self as draw, expire_draw},
        lines::{
            evaluate::{self, evaluate_line},
            follow_zone::follow_zone,
        },
    },
};
use payterms_chassis::jobs::Jobs;

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (lines, applications, checked, forgotten, draws) =
        (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (advised, zones) = (app.clone(), app.clone());
    Jobs::default()
        .with(payterms_chassis::zones::JOB, move |row| {
            let app = zones.clone();
            async move { follow_zone(&app, &row).await }
        })
        .with(lapse::JOB, move |row| {
            let app = advised.clone();
            async move { lapse_advised_limit(&app, &row).await }
        })
        .with(evaluate::JOB, move |row| {
            let app = lines.clone();
            async move { evaluate_line(&app, &row).await }
        })
        .with(application::JOB, move |row| {
            let app = applications.clone();
            async move { expire_application(&app, &row).await }
        })
        .with(check::JOB, move |row| {
            let app = checked.clone();
            async move { check_bank_link(&app, &row).await }
        })
        .with(forget::JOB, move |row| {
            let app = forgotten.clone();
            async move { forget_bank_link(&app, &row).await }
        })
        .with(draw::JOB, move |row| {
            let app = draws.clone();
            async move { expire_draw(&app, &row).await }
        })
}
