//! Tables `refunds` and `refund_parts`.

use super::{currency, date, unknown};
use chrono::NaiveDate;
use chrono_tz::Tz;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::{
    Customer, Destination, Invoice, Payment, Refund, RefundPart, statement::GivenBack,
};
use payterms_kernel::{
    Id, Money, TenantId,
    calendar::{day_in, start_of_day},
};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    invoice_id: Uuid,
    customer_id: Uuid,
    credit_note_id: Option<Uuid>,
    state: String,
    amount: i64,
    currency: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    day: Option<String>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `refund_parts`.
mod parts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "refund_parts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub refund_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub payment_id: Uuid,
        pub tender_place: i64,
        pub from_credit: bool,
        pub to_credit: bool,
        pub destination: String,
        pub amount: i64,
        pub currency: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn part(row: &parts::Model) -> Result<(Uuid, RefundPart), AppError> {
    let destination = Destination::named(&row.destination);
    let part = RefundPart {
        payment: Id::from_uuid(row.payment_id),
        place: usize::try_from(row.tender_place).unwrap_or_default(),
        from_credit: row.from_credit,
        to_credit: row.to_credit,
        amount: Money::from_micros(currency(&row.currency)?, row.amount),
        destination: destination.ok_or_else(|| unknown("destination", &row.destination))?,
    };
    Ok((row.refund_id, part))
}

async fn whole<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<Refund>, AppError> {
    let mut by_refund: HashMap<Uuid, Vec<RefundPart>> = HashMap::new();
    let found = parts::Entity::find()
        .filter(parts::Column::Tenant.eq(tenant.as_str()))
        .filter(parts::Column::RefundId.is_in(rows.iter().map(|row| row.id)))
        .order_by_asc(parts::Column::Place);
    for row in found.all(conn).await? {
        let (refund, refund_part) = part(&row)?;
        by_refund.entry(refund).or_default().push(refund_part);
    }
    let refund = |row: Model| {
        Ok(Refund {
            id: Id::from_uuid(row.id),
            invoice: Id::from_uuid(row.invoice_id),
            customer: Id::from_uuid(row.customer_id),
            credit_note: row.credit_note_id.map(Id::from_uuid),
            ended: row.state == ENDED,
            amount: Money::from_micros(currency(&row.currency)?, row.amount),
            parts: by_refund.remove(&row.id).unwrap_or_default(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    };
    rows.into_iter().map(refund).collect()
}

const ENDED: &str = "SUCCEEDED";

/// One refund.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Refund>,
) -> Result<Option<Refund>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(whole(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// Refunds of an invoice after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Refund>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.eq(invoice.uuid()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// What is given back of a payment so far without a credit note, on whatever invoice.
pub async fn unapplied_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: &Payment,
) -> Result<Money, AppError> {
    let mut sum = Money::zero(payment.currency);
    for allocation in &payment.allocations {
        let refunds = Entity::find()
            .filter(Column::Tenant.eq(tenant.as_str()))
            .filter(Column::InvoiceId.eq(allocation.invoice.uuid()))
            .filter(Column::CreditNoteId.is_null());
        let refunds = whole(conn, tenant, refunds.all(conn).await?).await?;
        for part in refunds
            .iter()
            .flat_map(|refund| &refund.parts)
            .filter(|part| part.payment == payment.id)
        {
            sum = sum.plus(part.amount)?;
        }
    }
    Ok(sum)
}

/// Inserts a refund, or saves what became of it.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    refund: &Refund,
    today: NaiveDate,
) -> Result<(), AppError> {
    let code = refund.currency().code();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(refund.id.uuid()),
        invoice_id: Set(refund.invoice.uuid()),
        customer_id: Set(refund.customer.uuid()),
        credit_note_id: Set(refund.credit_note.map(Id::uuid)),
        state: Set(if refund.ended { ENDED } else { "PROCESSING" }.to_owned()),
        amount: Set(refund.amount.micros()),
        currency: Set(code.to_owned()),
        version: Set(refund.version),
        created_at: Set(refund.created_at),
        updated_at: Set(refund.updated_at),
        day: Set(Some(today.to_string())),
    };
    let upsert = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::State, Column::Version, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    let rows = (1_i64..).zip(&refund.parts).map(|(place, refund_part)| parts::ActiveModel {
        tenant: Set(tenant.to_string()),
        refund_id: Set(refund.id.uuid()),
        place: Set(place),
        payment_id: Set(refund_part.payment.uuid()),
        tender_place: Set(i64::try_from(refund_part.place).unwrap_or_default()),
        from_credit: Set(refund_part.from_credit),
        to_credit: Set(refund_part.to_credit),
        destination: Set(refund_part.destination.name().to_owned()),
        amount: Set(refund_part.amount.micros()),
        currency: Set(code.to_owned()),
    });
    let key = [parts::Column::Tenant, parts::Column::RefundId, parts::Column::Place];
    let upsert = OnConflict::columns(key)
        .update_columns([parts::Column::Amount, parts::Column::Destination])
        .to_owned();
    parts::Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// The days of a month, and the instants between which they are of rows that do not say their day.
#[derive(Debug, Clone, Copy)]
pub struct Month {
    /// The first day, and the first of the next month.
    pub days: (NaiveDate, NaiveDate),
    /// The tenant's present zone.
    pub zone: Tz,
}

impl Month {
    fn values(&self, tenant: &TenantId, customer: Id<Customer>) -> Vec<sea_orm::Value> {
        let (first, next) = self.days;
        let (from, to) = (start_of_day(self.zone, first), start_of_day(self.zone, next));
        vec![
            tenant.as_str().into(),
            customer.uuid().into(),
            first.to_string().into(),
            next.to_string().into(),
            from.into(),
            to.into(),
        ]
    }
}

/// The day that a refund was asked for on is kept with it: what is given back stands in that month,
/// whatever zone the tenant moves to.
const IN_MONTH: &str = "r.tenant = $1 AND r.customer_id = $2 AND ((r.day >= $3 AND r.day < $4) \
                        OR (r.day IS NULL AND r.created_at >= $5 AND r.created_at < $6))";

/// What was given back to a customer in a month, oldest first.
pub async fn given_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    month: Month,
    limit: u64,
) -> Result<Vec<GivenBack>, AppError> {
    let select = format!(
        "SELECT coalesce(n.number, '') AS note, coalesce(i.number, '') AS invoice, r.day AS day, r.created_at AS created_at, \
         r.amount AS amount, r.currency AS currency FROM refunds r JOIN invoices i ON i.tenant = r.tenant AND i.id = r.invoice_id \
         LEFT JOIN credit_notes n ON n.tenant = r.tenant AND n.id = r.credit_note_id WHERE {IN_MONTH} ORDER BY r.id LIMIT $7"
    );
    let mut values = month.values(tenant, customer);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let one = |row: &sea_orm::QueryResult| {
        let code: String = row.try_get("", "currency")?;
        let amount = Money::from_micros(currency(&code)?, row.try_get("", "amount")?);
        let day: Option<String> = row.try_get("", "day")?;
        let on = match day {
            Some(day) => date(&day)?,
            None => day_in(month.zone, row.try_get("", "created_at")?),
        };
        Ok(GivenBack {
            note: row.try_get("", "note")?,
            invoice: row.try_get("", "invoice")?,
            on,
            amount,
            to_account: String::new(),
        })
    };
    sql::all(conn, &select, values).await?.iter().map(one).collect()
}

/// Their sum by currency.
pub async fn sum_given_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    month: Month,
) -> Result<Vec<Money>, AppError> {
    let select = format!(
        "SELECT r.currency AS currency, CAST(SUM(r.amount) AS bigint) AS amount FROM refunds r WHERE {IN_MONTH} GROUP BY r.currency"
    );
    let rows = sql::all(conn, &select, month.values(tenant, customer)).await?;
    let one = |row: &sea_orm::QueryResult| {
        let code: String = row.try_get("", "currency")?;
        Ok(Money::from_micros(currency(&code)?, row.try_get("", "amount")?))
    };
    rows.iter().map(one).collect()
}
