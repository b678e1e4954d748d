//! Saves mails.

use crate::{messages, store::mails};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::Mail;
use payterms_proto::invoicing::v1::MailChanged;

/// Saves a mail and tells where it is; the event names nobody.
pub async fn publish_mail(tx: &mut WriteTx, mail: &Mail) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    mails::save(tx.conn(), &tenant, mail).await?;
    tx.emit(
        "mail",
        &mail.id.to_string(),
        &MailChanged { mail: Some(messages::mails::anonymous_mail(&tenant, mail)) },
    )
    .await
}
