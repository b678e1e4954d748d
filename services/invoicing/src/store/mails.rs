//! Tables `mails` and `mail_templates`.

use super::unknown;
use payterms_chassis::{AppError, telemetry};
use payterms_invoicing_domain::{Customer, Mail, MailKind, MailState, mail::Attachment};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mails")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Option<Uuid>,
    kind: String,
    recipients: String,
    subject: String,
    text_body: String,
    attachments: String,
    state: String,
    attempts: i64,
    failure: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    /// The span in which it was written, as W3C writes it; empty where there was none.
    trace_parent: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `mail_templates`.
mod templates {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mail_templates")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub locale: String,
        pub subject: String,
        pub text_body: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn attachment(text: &str) -> Result<Attachment, AppError> {
    let fault = || unknown("attachment", text);
    let uuid = |id: &str| id.parse().map_err(|_| fault());
    match text.split('/').collect::<Vec<_>>()[..] {
        ["invoices", id] => Ok(Attachment::Invoice(uuid(id)?)),
        ["receipts", id] => Ok(Attachment::Receipt(uuid(id)?)),
        ["receipts", receipt, "creditNotes", id] => {
            Ok(Attachment::ReceiptCreditNote(uuid(receipt)?, uuid(id)?))
        }
        ["creditNotes", invoice, note] => {
            Ok(Attachment::CreditNote { invoice: uuid(invoice)?, note: uuid(note)? })
        }
        ["statements", id] => Ok(Attachment::Statement(uuid(id)?)),
        _ => Err(fault()),
    }
}

fn attachment_text(this_attachment: Attachment) -> String {
    match this_attachment {
        Attachment::Invoice(id) => format!("invoices/{id}"),
        Attachment::Receipt(id) => format!("receipts/{id}"),
        Attachment::ReceiptCreditNote(receipt, id) => {
            format!("receipts/{receipt}/creditNotes/{id}")
        }
        Attachment::Statement(id) => format!("statements/{id}"),
        Attachment::CreditNote { invoice, note } => format!("creditNotes/{invoice}/{note}"),
    }
}

fn mail(row: Model) -> Result<Mail, AppError> {
    let kind = MailKind::named(&row.kind);
    let state = MailState::named(&row.state);
    let fault = |error: serde_json::Error| AppError::Fault(format!("a mail: {error}"));
    Ok(Mail {
        id: Id::from_uuid(row.id),
        kind: kind.ok_or_else(|| unknown("mail kind", &row.kind))?,
        customer: row.customer_id.map(Id::from_uuid),
        to: serde_json::from_str(&row.recipients).map_err(fault)?,
        subject: row.subject,
        text: row.text_body,
        attachments: row
            .attachments
            .split_whitespace()
            .map(attachment)
            .collect::<Result<_, _>>()?,
        state: state.ok_or_else(|| unknown("mail state", &row.state))?,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        failure: row.failure,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One mail.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Mail>,
) -> Result<Option<Mail>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(mail).transpose()
}

/// One mail, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Mail>,
) -> Result<Option<Mail>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(mail)
        .transpose()
}

/// Mails below an id, newest first; only those to a customer where one is named.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Mail>, AppError> {
    let mut query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.into_iter().map(mail).collect()
}

/// The trace context in which a mail was written; empty where there was none.
pub async fn trace_parent<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Mail>,
) -> Result<String, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .select_only()
        .column(Column::TraceParent);
    Ok(found.into_tuple().one(conn).await?.unwrap_or_default())
}

/// Inserts a mail with the trace context of the present span, or saves what became of it.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    mail: &Mail,
) -> Result<(), AppError> {
    let fault = |error: serde_json::Error| AppError::Fault(error.to_string());
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(mail.id.uuid()),
        customer_id: Set(mail.customer.map(Id::uuid)),
        kind: Set(mail.kind.name().to_owned()),
        recipients: Set(serde_json::to_string(&mail.to).map_err(fault)?),
        subject: Set(mail.subject.clone()),
        text_body: Set(mail.text.clone()),
        attachments: Set(mail
            .attachments
            .iter()
            .map(|attachment| attachment_text(*attachment))
            .collect::<Vec<_>>()
            .join(" ")),
        state: Set(mail.state.name().to_owned()),
        attempts: Set(mail.attempts.into()),
        failure: Set(mail.failure.clone()),
        version: Set(mail.version),
        created_at: Set(mail.created_at),
        updated_at: Set(mail.updated_at),
        trace_parent: Set(telemetry::trace_parent()),
    };
    let changing =
        [Column::State, Column::Attempts, Column::Failure, Column::Version, Column::UpdatedAt];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Subject and text of a tenant's own template.
pub async fn template<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    kind: MailKind,
    locale: &str,
) -> Result<Option<(String, String)>, AppError> {
    let key = (tenant.to_string(), kind.name().to_owned(), locale.to_owned());
    Ok(templates::Entity::find_by_id(key).one(conn).await?.map(|row| (row.subject, row.text_body)))
}

/// Sets a tenant's own template, or takes it away.
pub async fn set_template<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    kind: MailKind,
    locale: &str,
    pair: Option<(&str, &str)>,
) -> Result<(), AppError> {
    let key = (tenant.to_string(), kind.name().to_owned(), locale.to_owned());
    let Some((subject, text)) = pair else {
        templates::Entity::delete_by_id(key).exec(conn).await?;
        return Ok(());
    };
    let row = templates::ActiveModel {
        tenant: Set(key.0),
        kind: Set(key.1),
        locale: Set(key.2),
        subject: Set(subject.to_owned()),
        text_body: Set(text.to_owned()),
    };
    let columns = [templates::Column::Tenant, templates::Column::Kind, templates::Column::Locale];
    let upsert = OnConflict::columns(columns)
        .update_columns([templates::Column::Subject, templates::Column::TextBody])
        .to_owned();
    templates::Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
