//! The applicant says that they are through with the page of a link.

use super::{
    load::{find_link, page_state},
    save::save_page_state,
};
use crate::{
    app::App,
    bank_data::PageState,
    commands::applications::ConfirmBankLink,
    use_cases::applications::{load::lock_application, save::publish_application},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::{LinkState, link::broken};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::credit::v1::ConfirmBankLinkResponse;

/// Takes the accounts in that the applicant opened.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `BANK_LINK_PENDING`, `BANK_LINK_BROKEN`, `PROVIDER_UNAVAILABLE`.
pub async fn confirm_bank_link(
    app: &App,
    call: &Call,
    command: &ConfirmBankLink,
) -> Result<Answer<ConfirmBankLinkResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (application, _) = lock_application(&tx, &command.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let link = find_link(&tx, &application, command.link).await?;
    drop(tx);
    link.must_be_confirmable()?;
    let page = if link.state == LinkState::Pending {
        Some(page_state(app, &call.tenant, &link).await?)
    } else {
        None
    };
    if page == Some(PageState::Pending) {
        let message =
            "The applicant is not through with the bank's page. Finish there, then confirm again.";
        return Err(Refusal::precondition(Reason::BANK_LINK_PENDING, message).into());
    }
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, &command.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut link = find_link(&tx, &application, command.link).await?;
    let gone = page == Some(PageState::Gone);
    if let Some(page) = page
        && link.state == LinkState::Pending
    {
        save_page_state(app, &tx, &mut link, page).await?;
        application.touch(tx.now());
    }
    let credit_application = Some(
        publish_application(&mut tx, &application, &programme, command.application.as_customer)
            .await?,
    );
    if gone {
        tx.commit_rows().await?;
        return Err(broken(&link.institution).into());
    }
    tx.commit(ConfirmBankLinkResponse { credit_application }).await
}
