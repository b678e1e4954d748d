//! Tables `payment_methods` and `method_pointers`.

use super::unknown;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, MethodKind, Methods, PaymentMethod};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_methods")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    kind: String,
    state: String,
    provider: String,
    provider_token: String,
    brand: String,
    last_four: String,
    expire_month: i64,
    expire_year: i64,
    charged_back: bool,
    mandate: String,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `method_pointers`.
mod pointers {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "method_pointers")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub customer_id: Uuid,
        pub purchase_default_id: Option<Uuid>,
        pub collection_method_id: Option<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The kind of a column.
///
/// # Errors
/// `Fault` for a name that is no kind.
pub fn kind(name: &str) -> Result<MethodKind, AppError> {
    match name {
        "CARD" => Ok(MethodKind::Card),
        "BANK_TRANSFER" => Ok(MethodKind::BankTransfer),
        "BANK_DEBIT" => Ok(MethodKind::BankDebit),
        "CREDIT_LINE" => Ok(MethodKind::CreditLine),
        other => Err(unknown("method kind", other)),
    }
}

fn method(row: Model) -> Result<PaymentMethod, AppError> {
    Ok(PaymentMethod {
        id: Id::from_uuid(row.id),
        kind: kind(&row.kind)?,
        active: row.state == "ACTIVE",
        provider: row.provider,
        provider_token: row.provider_token,
        brand: row.brand,
        last_four: row.last_four,
        expire_month: u32::try_from(row.expire_month).unwrap_or_default(),
        expire_year: i32::try_from(row.expire_year).unwrap_or_default(),
        charged_back: row.charged_back,
        mandate: row.mandate,
        created_at: row.created_at,
    })
}

/// A customer's active methods and pointers.
pub async fn of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Methods, AppError> {
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::State.eq("ACTIVE"))
        .order_by_desc(Column::Id)
        .all(conn)
        .await?;
    let pointers =
        pointers::Entity::find_by_id((tenant.to_string(), customer.uuid())).one(conn).await?;
    let (purchase_default, collection) =
        pointers.map(|row| (row.purchase_default_id, row.collection_method_id)).unwrap_or_default();
    Ok(Methods {
        active: rows.into_iter().map(method).collect::<Result<_, _>>()?,
        purchase_default: purchase_default.map(Id::from_uuid),
        collection: collection.map(Id::from_uuid),
    })
}

/// The active methods and pointers of customers; those who never had a method are left out.
pub async fn of_customers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[Id<Customer>],
) -> Result<HashMap<Id<Customer>, Methods>, AppError> {
    let ids: Vec<_> = customers.iter().map(|id| id.uuid()).collect();
    let rows = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.is_in(ids.clone()))
        .filter(Column::State.eq("ACTIVE"))
        .order_by_desc(Column::Id)
        .all(conn)
        .await?;
    let found = pointers::Entity::find()
        .filter(pointers::Column::Tenant.eq(tenant.as_str()))
        .filter(pointers::Column::CustomerId.is_in(ids))
        .all(conn)
        .await?;
    let of = |row: pointers::Model| {
        let (purchase_default, collection) = (
            row.purchase_default_id.map(Id::from_uuid),
            row.collection_method_id.map(Id::from_uuid),
        );
        (
            Id::from_uuid(row.customer_id),
            Methods { active: Vec::new(), purchase_default, collection },
        )
    };
    let mut saved: HashMap<_, _> = found.into_iter().map(of).collect();
    for row in rows {
        if let Some(methods) = saved.get_mut(&Id::from_uuid(row.customer_id)) {
            methods.active.push(method(row)?);
        }
    }
    Ok(saved)
}

/// Locks a customer's pointers and loads the methods. The row is inserted if it is missing, because
/// a missing row cannot be locked.
pub async fn lock(tx: &WriteTx, customer: Id<Customer>) -> Result<Methods, AppError> {
    let tenant = &tx.call().tenant;
    let row = pointers::ActiveModel {
        tenant: Set(tenant.to_string()),
        customer_id: Set(customer.uuid()),
        purchase_default_id: Set(None),
        collection_method_id: Set(None),
    };
    let keep = OnConflict::columns([pointers::Column::Tenant, pointers::Column::CustomerId])
        .update_column(pointers::Column::CustomerId)
        .to_owned();
    pointers::Entity::insert(row).on_conflict(keep).exec_without_returning(tx.conn()).await?;
    pointers::Entity::find_by_id((tenant.to_string(), customer.uuid()))
        .lock_exclusive()
        .one(tx.conn())
        .await?;
    of_customer(tx.conn(), tenant, customer).await
}

/// One method of a customer, removed ones too.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    id: Id<PaymentMethod>,
) -> Result<Option<PaymentMethod>, AppError> {
    let found = Entity::find_by_id((tenant.to_string(), id.uuid()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .one(conn)
        .await?;
    found.map(method).transpose()
}

/// One method of any customer, for a flow that has checked the customer before.
pub async fn get<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<PaymentMethod>,
) -> Result<Option<PaymentMethod>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(method).transpose()
}

/// Inserts a method or updates its state.
pub async fn save(
    tx: &WriteTx,
    customer: Id<Customer>,
    method: &PaymentMethod,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(method.id.uuid()),
        customer_id: Set(customer.uuid()),
        kind: Set(method.kind.name().to_owned()),
        state: Set(if method.active { "ACTIVE" } else { "REMOVED" }.to_owned()),
        provider: Set(method.provider.clone()),
        provider_token: Set(method.provider_token.clone()),
        brand: Set(method.brand.clone()),
        last_four: Set(method.last_four.clone()),
        expire_month: Set(i64::from(method.expire_month)),
        expire_year: Set(i64::from(method.expire_year)),
        charged_back: Set(method.charged_back),
        mandate: Set(method.mandate.clone()),
        created_at: Set(method.created_at),
    };
    let upsert = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::State, Column::ChargedBack])
        .to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Saves the pointers.
pub async fn save_pointers(
    tx: &WriteTx,
    customer: Id<Customer>,
    methods: &Methods,
) -> Result<(), AppError> {
    let row = pointers::ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        customer_id: Set(customer.uuid()),
        purchase_default_id: Set(methods.purchase_default.map(Id::uuid)),
        collection_method_id: Set(methods.collection.map(Id::uuid)),
    };
    pointers::Entity::update(row).exec(tx.conn()).await?;
    Ok(())
}
