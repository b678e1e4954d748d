//! The scheduled jobs of plans: each job's name with its handler.

use crate::{
    app::App,
    use_cases::plans::{
        evaluate::{self, evaluate_plan},
        follow_zone::follow_zone,
    },
};
use payterms_chassis::jobs::Jobs;

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (plans, zones) = (app.clone(), app.clone());
    Jobs::default()
        .with(evaluate::JOB, move |row| {
            let app = plans.clone();
            async move { evaluate_plan(&app, &row).await }
        })
        .with(payterms_chassis::zones::JOB, move |row| {
            let app = zones.clone();
            async move { follow_zone(&app, &row).await }
        })
}
