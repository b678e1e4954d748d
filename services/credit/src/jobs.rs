//! What falls due in credit.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Judges a line; the subject is its id.
pub const JUDGE: &str = "judge_line";

/// Expires an application; the subject is its id.
pub const EXPIRE_APPLICATION: &str = "expire_application";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (judged, expired) = (app.clone(), app.clone());
    Jobs::default()
        .with(JUDGE, move |row| {
            let app = judged.clone();
            async move { use_cases::judge_line::run(&app, &row).await }
        })
        .with(EXPIRE_APPLICATION, move |row| {
            let app = expired.clone();
            async move { use_cases::apply::expire(&app, &row).await }
        })
}
