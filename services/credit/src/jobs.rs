//! What falls due in credit.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Judges a line; the subject is its id.
pub const JUDGE: &str = "judge_line";

/// Expires an application; the subject is its id.
pub const EXPIRE_APPLICATION: &str = "expire_application";

/// Asks whether an applicant is through with the page of a link; the subject is its id.
pub const ASK_BANK_LINK: &str = "ask_bank_link";

/// Lets the provider forget a link; the subject is its id.
pub const FORGET_BANK_LINK: &str = "forget_bank_link";

/// Releases a purchase that was not captured in time; the subject is its draw's id.
pub const EXPIRE_DRAW: &str = "expire_draw";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (judged, expired, asked, forgotten, released) = (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    Jobs::default()
        .with(JUDGE, move |row| {
            let app = judged.clone();
            async move { use_cases::judge_line::run(&app, &row).await }
        })
        .with(EXPIRE_APPLICATION, move |row| {
            let app = expired.clone();
            async move { use_cases::apply::expire(&app, &row).await }
        })
        .with(ASK_BANK_LINK, move |row| {
            let app = asked.clone();
            async move { use_cases::link_bank::ask(&app, &row).await }
        })
        .with(FORGET_BANK_LINK, move |row| {
            let app = forgotten.clone();
            async move { use_cases::link_bank::forget(&app, &row).await }
        })
        .with(EXPIRE_DRAW, move |row| {
            let app = released.clone();
            async move { use_cases::expire_draw::run(&app, &row).await }
        })
}
