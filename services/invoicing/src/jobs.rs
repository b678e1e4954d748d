//! What falls due in invoicing.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Resolves the tax treatment of customers anew; the subject is `country/after`.
pub const RESOLVE_TAX: &str = "resolve_tax";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let app = app.clone();
    Jobs::default().with(RESOLVE_TAX, move |row| {
        let app = app.clone();
        async move { use_cases::resolve_tax::run(&app, &row).await }
    })
}
