//! What falls due in invoicing.

use crate::{App, use_cases};
use payterms_chassis::jobs::Jobs;

/// Resolves the tax treatment of customers anew; the subject is `country/after`.
pub const RESOLVE_TAX: &str = "resolve_tax";

/// Collects an invoice; the subject is the invoice's id.
pub const COLLECT: &str = "collect";

/// Goes on with a payment whose card took its time; the subject is the payment's id.
pub const GO_ON_WITH_PAYMENT: &str = "go_on_with_payment";

/// Tries a mail again; the subject is the mail's id.
pub const RETRY_MAIL: &str = "retry_mail";

/// Suspends a metered service that stayed overdue; the subject is the service's id.
pub const SUSPEND_SERVICE: &str = "suspend_service";

/// Reminds of an invoice; the subject is the invoice's id.
pub const REMIND: &str = "remind";

/// Plans reminders after a change of the schedule; the subject is the invoice that the page comes after.
pub const PLAN_REMINDERS: &str = "plan_reminders";

/// Turns a tenant's month; the subject is `month`, or a page of it, `YYYY-MM-DD/after`.
pub const TURN_MONTH: &str = "turn_month";

/// Takes off what did not come for a top-up by transfer; the subject is the invoice's id.
pub const LAPSE_TOP_UP: &str = "lapse_top_up";

/// Gives up waiting for an announced transfer; the subject is the payment's id.
pub const LAPSE_TRANSFER: &str = "lapse_transfer";

/// Applies a chargeback whose payment was under way; the subject is `payment/place/invoices/surplus`.
pub const TAKE_CHARGEBACK: &str = "take_chargeback";

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    let (taxes, payments, invoices, mails, services) = (app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (reminders, plans, months, top_ups) = (app.clone(), app.clone(), app.clone(), app.clone());
    let (transfers, chargebacks) = (app.clone(), app.clone());
    Jobs::default()
        .with(TAKE_CHARGEBACK, move |row| {
            let app = chargebacks.clone();
            async move { use_cases::chargeback::kept(&app, &row).await }
        })
        .with(LAPSE_TRANSFER, move |row| {
            let app = transfers.clone();
            async move { use_cases::announced::lapse(&app, &row).await }
        })
        .with(LAPSE_TOP_UP, move |row| {
            let app = top_ups.clone();
            async move { use_cases::transfer_top_up::lapse(&app, &row).await }
        })
        .with(REMIND, move |row| {
            let app = reminders.clone();
            async move { use_cases::remind::run(&app, &row).await }
        })
        .with(PLAN_REMINDERS, move |row| {
            let app = plans.clone();
            async move { use_cases::remind::plan_anew(&app, &row).await }
        })
        .with(TURN_MONTH, move |row| {
            let app = months.clone();
            async move { use_cases::turn_month::run(&app, &row).await }
        })
        .with(SUSPEND_SERVICE, move |row| {
            let app = services.clone();
            async move { use_cases::metered_services::suspend(&app, &row).await }
        })
        .with(RETRY_MAIL, move |row| {
            let app = mails.clone();
            async move { use_cases::send_mail::try_again(&app, &row).await }
        })
        .with(RESOLVE_TAX, move |row| {
            let app = taxes.clone();
            async move { use_cases::resolve_tax::run(&app, &row).await }
        })
        .with(COLLECT, move |row| {
            let app = invoices.clone();
            async move { use_cases::collect_invoice::run(&app, &row).await }
        })
        .with(GO_ON_WITH_PAYMENT, move |row| {
            let app = payments.clone();
            async move { use_cases::create_payment::go_on(&app, &row).await }
        })
}
