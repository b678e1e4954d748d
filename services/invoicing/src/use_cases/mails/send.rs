//! Sends mails: a flow of one step that nobody waits for. A mail that dies between the mail server
//! and the record is sent again, with the same message id.

use super::{retry, save::publish_mail};
use crate::{
    app::App,
    documents::wording::Language,
    mailer::{MailError, Outgoing},
    store::{
        credit_notes, customers, invoices, mails, receipt_credit_notes, receipts, statements,
        tenants,
    },
    use_cases::documents::{
        load::{newest_versions, printable_statement},
        print::Printable,
    },
};
use payterms_chassis::{
    AppError, Call,
    flow::{self, Lease},
    jobs::schedule,
    kill, telemetry,
};
use payterms_invoicing_domain::{
    Mail, MailState, ReceiptVersion,
    mail::{Attachment, Tried},
};
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;
use tracing::Instrument;

/// The kind of flow.
pub const FLOW: &str = "send_mail";

/// Drives the flow to its close.
pub async fn drive_mail(app: &App, lease: &Lease) -> Result<(), AppError> {
    let id = Id::from_uuid(lease.intent);
    let conn = app.db.read(&lease.tenant).await?;
    let Some(mail) = mails::find(&conn, &lease.tenant, id).await? else { return Ok(()) };
    let tried = if mail.state == MailState::Pending {
        let (mut outgoing, printables, language) = outgoing(&conn, &lease.tenant, &mail).await?;
        // Part of the trace of the call that caused it, whenever it is sent.
        let span = tracing::info_span!("mail", kind = mail.kind.name(), otel.kind = "client");
        telemetry::adopt_trace_parent(&span, &mails::trace_parent(&conn, &lease.tenant, id).await?);
        drop(conn);
        let tenant = lease.tenant.clone();
        let print = move || {
            printables
                .iter()
                .map(|printable| printable.print(&tenant, language))
                .collect::<Result<Vec<_>, _>>()
        };
        let printed = tokio::task::spawn_blocking(print)
            .await
            .map_err(|error| AppError::Fault(format!("printing: {error}")))??;
        outgoing.documents = printed
            .into_iter()
            .map(|document| (document.file_name, document.content.to_vec()))
            .collect();
        must_hold(app, lease).await?;
        Some(match app.mailer.send(&outgoing).instrument(span).await {
            Ok(()) => Tried::Sent,
            Err(MailError::Refused) => Tried::Refused,
            Err(MailError::Unreachable) => Tried::Unreachable,
        })
    } else {
        drop(conn);
        None
    };
    kill::point("mail.after_send");
    let call = Call::internal("invoicing", &lease.tenant, "mail_sent", lease.intent, None);
    let mut tx = app.db.begin_apart(&call).await?;
    let Some(mut mail) = mails::lock(tx.conn(), &lease.tenant, id).await? else { return Ok(()) };
    flow::hold(&tx, lease).await?;
    if let Some(tried) = tried.filter(|_| mail.state == MailState::Pending) {
        let next = mail.tried(&tried, tx.now());
        publish_mail(&mut tx, &mail).await?;
        if let Some(at) = next {
            schedule(&tx, retry::JOB, &mail.id.to_string(), at).await?;
        }
    }
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}

/// Of two drivers of one mail only the later one sends it.
async fn must_hold(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tx = app
        .db
        .begin_apart(&Call::internal("invoicing", &lease.tenant, FLOW, lease.intent, None))
        .await?;
    flow::hold(&tx, lease).await
}

/// A mail, what goes with it, and the language of both.
async fn outgoing<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    mail: &Mail,
) -> Result<(Outgoing, Vec<Printable>, Language), AppError> {
    let seller = tenants::find(conn, tenant)
        .await?
        .ok_or_else(|| AppError::Fault(format!("no tenant {tenant}")))?;
    let language = match mail.customer {
        Some(customer) => customers::find(conn, tenant, customer)
            .await?
            .map(|customer| Language::of(&customer.locale)),
        None => None,
    };
    let mut printables = Vec::with_capacity(mail.attachments.len());
    for attachment in &mail.attachments {
        let found = match attachment {
            Attachment::Invoice(id) => {
                let found = invoices::find_many(conn, tenant, &[Id::from_uuid(*id)]).await?;
                newest_versions(conn, tenant, found).await?.pop()
            }
            Attachment::Statement(id) => {
                match statements::find(conn, tenant, Id::from_uuid(*id)).await? {
                    Some(statement) => Some(printable_statement(conn, tenant, statement).await?),
                    None => None,
                }
            }
            Attachment::ReceiptCreditNote(receipt, id) => {
                let receipt = receipts::find(conn, tenant, Id::from_uuid(*receipt)).await?;
                let note = receipt_credit_notes::find(conn, tenant, Id::from_uuid(*id)).await?;
                receipt.zip(note).map(|both| Printable::ReceiptCreditNote(Box::new(both)))
            }
            Attachment::CreditNote { invoice, note } => {
                let invoice =
                    invoices::find_many(conn, tenant, &[Id::from_uuid(*invoice)]).await?.pop();
                let note = credit_notes::find(conn, tenant, Id::from_uuid(*note)).await?;
                invoice
                    .zip(note)
                    .map(|(invoice, note)| Printable::CreditNote(Box::new(invoice), note))
            }
            Attachment::Receipt(id) => {
                receipts::find(conn, tenant, Id::from_uuid(*id)).await?.map(|receipt| {
                    let version = ReceiptVersion::first(&receipt);
                    Printable::Receipt(Box::new((receipt, version)))
                })
            }
        };
        printables.extend(found);
    }
    let outgoing = Outgoing {
        id: mail.id.to_string(),
        from_name: seller.display_name,
        reply_to: seller.business.contact_email,
        to: mail.to.clone(),
        subject: mail.subject.clone(),
        language: language.unwrap_or(Language::English).code(),
        text: mail.text.clone(),
        documents: Vec::new(),
        written_at: mail.created_at.into(),
    };
    Ok((outgoing, printables, language.unwrap_or(Language::English)))
}
