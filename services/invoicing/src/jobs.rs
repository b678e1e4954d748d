//! What falls due in invoicing: each job's name with its handler.

use crate::{
    app::App,
    use_cases::{
        collections::{collect, follow_method, resume},
        customers::{check_tax_number, resolve_tax},
        disputes::follow,
        mails::{invoice_notices, retry},
        metered_services::suspend,
        payments,
        receipts::credit,
        reminders,
        statements::{mail_month, turn_month},
        tenants, top_ups,
    },
};
use payterms_chassis::jobs::Jobs;

/// All jobs.
#[must_use]
pub fn all(app: &App) -> Jobs {
    macro_rules! jobs {
        ($($name:path => $handler:path,)*) => {
            Jobs::default()$(.with($name, {
                let app = app.clone();
                move |row| {
                    let app = app.clone();
                    async move { $handler(&app, &row).await }
                }
            }))*
        };
    }
    let all = jobs! {
        payterms_chassis::zones::JOB => tenants::follow_zone::follow_zone,
        payments::charge_back::JOB => payments::charge_back::retry_charge_back,
        payments::lapse::JOB => payments::lapse::lapse_transfer,
        payments::resume::JOB => payments::resume::resume_payment,
        top_ups::lapse::JOB => top_ups::lapse::lapse_top_up,
        reminders::send::JOB => reminders::send::send_reminder,
        reminders::plan::JOB => reminders::plan::plan_all_reminders,
        turn_month::JOB => turn_month::turn_month,
        suspend::JOB => suspend::suspend_metered_service,
        retry::JOB => retry::resend_mail,
        check_tax_number::JOB => check_tax_number::check_tax_number,
        invoice_notices::JOB => invoice_notices::mail_waiting_invoice,
        mail_month::JOB => mail_month::mail_month,
        resolve_tax::JOB => resolve_tax::resolve_tax,
        collect::JOB => collect::collect_invoice,
        follow::JOB => follow::retry_dispute,
        credit::JOB => credit::retry_credit,
        follow_method::JOB => follow_method::collect_from_new_method,
        resume::JOB => resume::resume_collecting,
    };
    // A method that was chosen before a collection is no reason to try again when that collection
    // fails, so it is looked at first. The mail of an invoice comes before its collection. Tax
    // numbers are looked up in a lane of their own: VIES may hang and must not delay other jobs.
    all.first(follow_method::JOB).first(invoice_notices::JOB).apart(check_tax_number::JOB)
}
