//! Sends a mail again: when the time of another try has come, or by hand.

use super::{save::publish_mail, send};
use crate::{app::App, messages, store::mails};
use payterms_chassis::{
    Answer, AppError, Call, flow,
    jobs::{DueRow, take},
    names,
};
use payterms_invoicing_domain::{Mail, MailState};
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::v1::RetryMailResponse;

/// Tries a mail again; the subject is the mail's id.
pub const JOB: &str = "retry_mail";

/// The time of another try has come.
pub async fn resend_mail(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("mail {:?}", row.subject)));
    };
    let tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let Some(mail) = mails::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    if mail.state == MailState::Pending {
        flow::enqueue(&tx, send::FLOW, id).await?;
    }
    tx.commit_rows().await
}

/// Sends a mail that has failed again.
///
/// # Errors
/// `MAIL_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn retry_mail(
    app: &App,
    call: &Call,
    id: Id<Mail>,
) -> Result<Answer<RetryMailResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut mail =
        mails::lock(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    mail.retry(tx.now())?;
    publish_mail(&mut tx, &mail).await?;
    flow::enqueue(&tx, send::FLOW, mail.id.uuid()).await?;
    let mail = messages::mails::listed_mail(&call.tenant, &mail);
    tx.commit(RetryMailResponse { mail: Some(mail) }).await
}
