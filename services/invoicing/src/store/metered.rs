//! Table `metered_services`, and how their invoices stand.

use super::{currency, date, unknown};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    columns::{term, term_columns},
    sql,
};
use payterms_invoicing_domain::{
    Customer, MeteredService, ServiceState,
    metered::{Standing, Terms},
};
use payterms_kernel::{Currency, Id, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "metered_services")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    product: String,
    display_name: String,
    currency: String,
    prices_include_tax: bool,
    tax_category: String,
    term_kind: String,
    term_days: i64,
    state: String,
    overdue_since: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn service(row: Model) -> Result<MeteredService, AppError> {
    let state = ServiceState::named(&row.state);
    Ok(MeteredService {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        terms: Terms {
            product: row.product,
            display_name: row.display_name,
            currency: currency(&row.currency)?,
            prices_include_tax: row.prices_include_tax,
            tax_category: row.tax_category,
            term: term(&row.term_kind, row.term_days)?,
        },
        state: state.ok_or_else(|| unknown("service state", &row.state))?,
        overdue_since: row.overdue_since,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One service.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<MeteredService>,
) -> Result<Option<MeteredService>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(service).transpose()
}

/// The services of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<MeteredService>],
) -> Result<Vec<MeteredService>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids))
        .all(conn)
        .await?;
    rows.into_iter().map(service).collect()
}

/// One service, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<MeteredService>,
) -> Result<Option<MeteredService>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(service)
        .transpose()
}

/// The service of a customer that meters a product, locked.
pub async fn lock_of_product<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Currency,
    product: &str,
) -> Result<Option<MeteredService>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Currency.eq(currency.code()))
        .filter(Column::Product.eq(product));
    query.lock_exclusive().one(conn).await?.map(service).transpose()
}

/// Services of a customer after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<MeteredService>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(service).collect()
}

/// How the invoices of a service stand on a day.
pub async fn standing<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<MeteredService>,
    today: NaiveDate,
) -> Result<Standing, AppError> {
    let spared = "coalesce(no_consequence_before, '') > $3";
    let select = format!(
        "SELECT SUM(CASE WHEN collection_state = 'FAILED' THEN 1 ELSE 0 END) AS failed, \
         SUM(CASE WHEN collection_state = 'FAILED' AND block_reason = '' AND NOT {spared} THEN 1 ELSE 0 END) AS failed_unblocked, \
         MAX(CASE WHEN collection_state = 'FAILED' AND block_reason = '' AND {spared} THEN no_consequence_before END) AS spared_until, \
         COUNT(*) AS troubled FROM invoices \
         WHERE tenant = $1 AND service_id = $2 AND state = 'OPEN' AND collection_reason <> ''"
    );
    let values = vec![tenant.as_str().into(), id.uuid().into(), today.to_string().into()];
    let Some(row) = sql::one(conn, &select, values).await? else { return Ok(Standing::default()) };
    let count = |name: &str| row.try_get::<Option<i64>>("", name).map(Option::unwrap_or_default);
    let spared_until: Option<String> = row.try_get("", "spared_until")?;
    Ok(Standing {
        failed: count("failed")?,
        failed_unblocked: count("failed_unblocked")?,
        troubled: count("troubled")?,
        spared_until: spared_until.as_deref().map(date).transpose()?,
    })
}

/// Inserts or saves a service.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    service: &MeteredService,
) -> Result<(), AppError> {
    let (term_kind, term_days) = term_columns(service.terms.term);
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(service.id.uuid()),
        customer_id: Set(service.customer.uuid()),
        product: Set(service.terms.product.clone()),
        display_name: Set(service.terms.display_name.clone()),
        currency: Set(service.terms.currency.code().to_owned()),
        prices_include_tax: Set(service.terms.prices_include_tax),
        tax_category: Set(service.terms.tax_category.clone()),
        term_kind: Set(term_kind.to_owned()),
        term_days: Set(term_days),
        state: Set(service.state.name().to_owned()),
        overdue_since: Set(service.overdue_since),
        version: Set(service.version),
        created_at: Set(service.created_at),
        updated_at: Set(service.updated_at),
    };
    let changing = [
        Column::DisplayName,
        Column::PricesIncludeTax,
        Column::TaxCategory,
        Column::TermKind,
        Column::TermDays,
        Column::State,
        Column::OverdueSince,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
