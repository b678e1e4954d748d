//! Table `customers`.

use super::{decimal, millionths, unknown};
use payterms_chassis::{
    AppError,
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks,
};
use payterms_invoicing_domain::{
    Address, Contact, Customer, TaxNumber, TaxNumberState, TaxTreatment, tax_number::Evidence,
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, IntoSimpleExpr, Iterable, QueryOrder, QuerySelect, entity::prelude::*,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    legal_name: String,
    address: String,
    billing_email: String,
    country: String,
    tax_id: String,
    tier: String,
    locale: String,
    tax_rate_millionths: Option<i64>,
    tax_sentence: String,
    tax_version: i64,
    tax_valid_from: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    contacts: String,
    tax_number: String,
    external_id: Option<String>,
    labels: String,
}

/// Customers by their own ids.
pub const NAMED: marks::Named = marks::Named { table: "customers", path: &[("id", "customers")] };

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// An address as its column holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AddressText {
    lines: Vec<String>,
    city: String,
    region: String,
    postal_code: String,
    country: String,
}

impl From<AddressText> for Address {
    fn from(text: AddressText) -> Self {
        let AddressText { lines, city, region, postal_code, country } = text;
        Self { lines, city, region, postal_code, country }
    }
}

impl From<Address> for AddressText {
    fn from(address: Address) -> Self {
        let Address { lines, city, region, postal_code, country } = address;
        Self { lines, city, region, postal_code, country }
    }
}

fn address(text: &str) -> Result<Option<Address>, AppError> {
    if text.is_empty() {
        return Ok(None);
    }
    let read: AddressText = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("an address: {error}")))?;
    Ok(Some(read.into()))
}

fn address_text(address: Option<&Address>) -> Result<String, AppError> {
    let Some(address) = address.cloned() else { return Ok(String::new()) };
    serde_json::to_string(&AddressText::from(address))
        .map_err(|error| AppError::Fault(error.to_string()))
}

/// A contact as its column holds it.
#[derive(Debug, Serialize, Deserialize)]
struct ContactText {
    name: String,
    email: String,
    receives_documents: bool,
}

fn contacts(text: &str) -> Result<Vec<Contact>, AppError> {
    let read: Vec<ContactText> = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("contacts: {error}")))?;
    let contact = |ContactText { name, email, receives_documents }| Contact {
        name,
        email,
        receives_documents,
    };
    Ok(read.into_iter().map(contact).collect())
}

fn contacts_text(contacts: &[Contact]) -> Result<String, AppError> {
    let text = |Contact { name, email, receives_documents }| ContactText {
        name,
        email,
        receives_documents,
    };
    let texts: Vec<_> = contacts.iter().cloned().map(text).collect();
    serde_json::to_string(&texts).map_err(|error| AppError::Fault(error.to_string()))
}

/// What is known of a tax number, as its column holds it; empty where there is none, and in rows
/// from before it was kept.
#[derive(Debug, Serialize, Deserialize)]
struct TaxNumberText {
    state: String,
    evidence: Option<EvidenceText>,
    checked_at: Option<ChronoDateTimeUtc>,
    unanswered: u32,
    failure: String,
}

/// What shows it.
#[derive(Debug, Serialize, Deserialize)]
enum EvidenceText {
    Register(String),
    Person(String, String),
}

fn tax_number(text: &str) -> Result<Option<TaxNumber>, AppError> {
    if text.is_empty() {
        return Ok(None);
    }
    let read: TaxNumberText = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("a tax number: {error}")))?;
    let state = TaxNumberState::named(&read.state);
    let evidence = read.evidence.map(|evidence_text| match evidence_text {
        EvidenceText::Register(consultation) => Evidence::Register(consultation),
        EvidenceText::Person(person, note) => Evidence::Person(person, note),
    });
    let TaxNumberText { checked_at, unanswered, failure, .. } = read;
    let state = state.ok_or_else(|| unknown("state of a tax number", &read.state))?;
    Ok(Some(TaxNumber { state, evidence, checked_at, unanswered, failure }))
}

fn tax_number_text(number: Option<&TaxNumber>) -> Result<String, AppError> {
    let Some(TaxNumber { state, evidence, checked_at, unanswered, failure }) = number.cloned()
    else {
        return Ok(String::new());
    };
    let evidence = evidence.map(|evidence| match evidence {
        Evidence::Register(consultation) => EvidenceText::Register(consultation),
        Evidence::Person(person, note) => EvidenceText::Person(person, note),
    });
    let text =
        TaxNumberText { state: state.name().to_owned(), evidence, checked_at, unanswered, failure };
    serde_json::to_string(&text).map_err(|error| AppError::Fault(error.to_string()))
}

fn customer(row: Model) -> Result<Customer, AppError> {
    let tax = row.tax_rate_millionths.zip(row.tax_valid_from).map(|(millionths, valid_from)| {
        TaxTreatment {
            rate_percent: decimal(millionths),
            sentence: row.tax_sentence,
            version: row.tax_version,
            valid_from,
        }
    });
    Ok(Customer {
        id: Id::from_uuid(row.id),
        legal_name: row.legal_name,
        address: address(&row.address)?,
        billing_email: row.billing_email,
        country: row.country,
        tax_id: row.tax_id,
        tax_number: tax_number(&row.tax_number)?,
        tier: row.tier,
        locale: row.locale,
        contacts: contacts(&row.contacts)?,
        tax,
        tax_version: row.tax_version,
        marks: marks::stored(row.external_id, &row.labels)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One customer, its row locked where the connection is a write transaction.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Customer>,
) -> Result<Option<Customer>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(customer)
        .transpose()
}

/// One customer.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Customer>,
) -> Result<Option<Customer>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(customer).transpose()
}

/// The customers of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Customer>],
) -> Result<Vec<Customer>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(customer).collect()
}

/// A page of customers after a position.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Customer>, AppError> {
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison))
    };
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .into_iter()
        .map(customer)
        .collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "legal_name" => Column::LegalName,
        "country" => Column::Country,
        "tax_id" => Column::TaxId,
        "tier" => Column::Tier,
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a customer is in a list of this order.
#[must_use]
pub fn position(customer: &Customer, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(customer.updated_at) } else { Key::Id };
    Position { key, id: customer.id.uuid() }
}

/// Customers of a country after the id `after`, oldest first, their rows locked.
pub async fn lock_of_country<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    country: &str,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Customer>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Country.eq(country))
        .filter(Column::Id.gt(after));
    query
        .order_by_asc(Column::Id)
        .limit(limit)
        .lock_exclusive()
        .all(conn)
        .await?
        .into_iter()
        .map(customer)
        .collect()
}

/// Inserts or updates customers.
pub async fn save_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[Customer],
) -> Result<(), AppError> {
    if customers.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(customers.len());
    for customer in customers {
        rows.push(ActiveModel {
            tenant: Set(tenant.to_string()),
            id: Set(customer.id.uuid()),
            legal_name: Set(customer.legal_name.clone()),
            address: Set(address_text(customer.address.as_ref())?),
            billing_email: Set(customer.billing_email.clone()),
            country: Set(customer.country.clone()),
            tax_id: Set(customer.tax_id.clone()),
            tier: Set(customer.tier.clone()),
            locale: Set(customer.locale.clone()),
            tax_rate_millionths: Set(customer.tax.as_ref().map(|tax| millionths(tax.rate_percent))),
            tax_sentence: Set(customer
                .tax
                .as_ref()
                .map(|tax| tax.sentence.clone())
                .unwrap_or_default()),
            tax_version: Set(customer.tax_version),
            tax_valid_from: Set(customer.tax.as_ref().map(|tax| tax.valid_from)),
            version: Set(customer.version),
            created_at: Set(customer.created_at),
            updated_at: Set(customer.updated_at),
            contacts: Set(contacts_text(&customer.contacts)?),
            tax_number: Set(tax_number_text(customer.tax_number.as_ref())?),
            external_id: Set(customer.marks.external_id.clone()),
            labels: Set(marks::labels_text(&customer.marks.labels)),
        });
    }
    let changing = Column::iter()
        .filter(|column| !matches!(column, Column::Tenant | Column::Id | Column::CreatedAt));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
