//! A link takes in how its page stands.

use super::check;
use crate::{app::App, bank_data::PageState, store::bank_links};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_credit_domain::{BankLink, LinkState, link::ASK_MINUTES};

/// Saves how the page of a link stands, and has it checked again while the applicant is there; the
/// application is locked.
pub(super) async fn save_page_state(
    app: &App,
    tx: &WriteTx,
    link: &mut BankLink,
    page: PageState,
) -> Result<(), AppError> {
    match page {
        PageState::Opened(opened) => {
            let token = app.seal(link.id.uuid(), &opened.token)?;
            link.confirm(opened.institution.chars().take(200).collect(), token);
        }
        PageState::Gone => {
            link.break_up();
        }
        PageState::Pending => {
            link.expire(tx.now());
        }
    }
    let tenant = tx.call().tenant.clone();
    bank_links::save(tx.conn(), &tenant, link).await?;
    if link.state == LinkState::Pending {
        let again = tx.now() + TimeDelta::minutes(ASK_MINUTES);
        return Ok(schedule(tx, check::JOB, &link.id.to_string(), again).await?);
    }
    Ok(cancel(tx, check::JOB, &link.id.to_string()).await?)
}
