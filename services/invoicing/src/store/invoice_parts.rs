//! Tables `invoice_lines` and `invoice_taxes`: the parts of invoices, read and written with them.

use super::{currency, decimal, millionths};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Discount, Invoice, Line, Off, Rate, TaxAmount};
use payterms_kernel::{Currency, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};
use std::collections::HashMap;

/// Table `invoice_lines`.
mod lines {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoice_lines")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub invoice_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub description: String,
        pub quantity_millionths: i64,
        pub unit_price: i64,
        pub currency: String,
        pub tax_category: String,
        pub discount_millionths: Option<i64>,
        pub discount_amount: Option<i64>,
        pub discount_description: String,
        pub is_invoice_discount: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Table `invoice_taxes`.
mod taxes {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoice_taxes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub invoice_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub rate_millionths: i64,
        pub sentence: String,
        pub net: i64,
        pub tax: i64,
        pub credited_net: i64,
        pub credited_tax: i64,
        pub currency: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Lines and taxes of one invoice.
pub type Parts = (Vec<Line>, Vec<TaxAmount>);

/// The parts of invoices, by id.
pub async fn of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Parts>, AppError> {
    let mut parts: HashMap<Uuid, Parts> = HashMap::new();
    let found = lines::Entity::find()
        .filter(lines::Column::Tenant.eq(tenant.as_str()))
        .filter(lines::Column::InvoiceId.is_in(ids.to_vec()))
        .order_by_asc(lines::Column::Place);
    for row in found.all(conn).await? {
        let currency = currency(&row.currency)?;
        let unit_price = Money::from_micros(currency, row.unit_price);
        parts.entry(row.invoice_id).or_default().0.push(Line {
            description: row.description,
            quantity: decimal(row.quantity_millionths),
            unit_price,
            tax_category: row.tax_category,
            discount: discount(
                currency,
                row.discount_millionths,
                row.discount_amount,
                row.discount_description,
            ),
            of_whole_discount: row.is_invoice_discount,
        });
    }
    let found = taxes::Entity::find()
        .filter(taxes::Column::Tenant.eq(tenant.as_str()))
        .filter(taxes::Column::InvoiceId.is_in(ids.to_vec()))
        .order_by_asc(taxes::Column::Place);
    for row in found.all(conn).await? {
        let currency = currency(&row.currency)?;
        parts.entry(row.invoice_id).or_default().1.push(TaxAmount {
            rate: Rate { percent: decimal(row.rate_millionths), sentence: row.sentence },
            net: Money::from_micros(currency, row.net),
            tax: Money::from_micros(currency, row.tax),
            credited_net: Money::from_micros(currency, row.credited_net),
            credited_tax: Money::from_micros(currency, row.credited_tax),
        });
    }
    Ok(parts)
}

/// A discount of its columns: one of the figures says how much.
pub(super) fn discount(
    currency: Currency,
    percent: Option<i64>,
    amount: Option<i64>,
    description: String,
) -> Option<Discount> {
    let percent = percent.map(|millionths| Off::Percent(decimal(millionths)));
    let off = percent
        .or_else(|| amount.map(|micros| Off::Amount(Money::from_micros(currency, micros))))?;
    Some(Discount { off, description })
}

/// The columns of a discount: percent, amount, description.
pub(super) fn discount_columns(discount: Option<&Discount>) -> (Option<i64>, Option<i64>, String) {
    let Some(Discount { off, description }) = discount else { return (None, None, String::new()) };
    match off {
        Off::Percent(percent) => (Some(millionths(*percent)), None, description.clone()),
        Off::Amount(amount) => (None, Some(amount.micros()), description.clone()),
    }
}

/// Deletes the parts of a draft.
pub async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Uuid,
) -> Result<(), AppError> {
    let of_tenant = lines::Entity::delete_many().filter(lines::Column::Tenant.eq(tenant.as_str()));
    of_tenant.filter(lines::Column::InvoiceId.eq(invoice)).exec(conn).await?;
    delete_taxes(conn, tenant, invoice).await
}

async fn delete_taxes<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Uuid,
) -> Result<(), AppError> {
    let of_tenant = taxes::Entity::delete_many().filter(taxes::Column::Tenant.eq(tenant.as_str()));
    of_tenant.filter(taxes::Column::InvoiceId.eq(invoice)).exec(conn).await?;
    Ok(())
}

/// Writes the lines of an invoice that come after so many.
pub async fn insert_lines<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
    after: usize,
) -> Result<(), AppError> {
    let row = |(place, line): (i64, &Line)| {
        let (discount_millionths, discount_amount, discount_description) =
            discount_columns(line.discount.as_ref());
        lines::ActiveModel {
            tenant: Set(tenant.to_string()),
            invoice_id: Set(invoice.id.uuid()),
            place: Set(place),
            description: Set(line.description.clone()),
            quantity_millionths: Set(millionths(line.quantity)),
            unit_price: Set(line.unit_price.micros()),
            currency: Set(invoice.currency.code().to_owned()),
            tax_category: Set(line.tax_category.clone()),
            discount_millionths: Set(discount_millionths),
            discount_amount: Set(discount_amount),
            discount_description: Set(discount_description),
            is_invoice_discount: Set(line.of_whole_discount),
        }
    };
    let rows: Vec<_> = (1_i64..).zip(&invoice.content.lines).skip(after).map(row).collect();
    if !rows.is_empty() {
        lines::Entity::insert_many(rows).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Writes the taxes of an invoice as they are now.
pub async fn save_taxes<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
) -> Result<(), AppError> {
    delete_taxes(conn, tenant, invoice.id.uuid()).await?;
    let rows =
        (1_i64..).zip(&invoice.amounts.taxes).map(|(place, tax_amount)| taxes::ActiveModel {
            tenant: Set(tenant.to_string()),
            invoice_id: Set(invoice.id.uuid()),
            place: Set(place),
            rate_millionths: Set(millionths(tax_amount.rate.percent)),
            sentence: Set(tax_amount.rate.sentence.clone()),
            net: Set(tax_amount.net.micros()),
            tax: Set(tax_amount.tax.micros()),
            credited_net: Set(tax_amount.credited_net.micros()),
            credited_tax: Set(tax_amount.credited_tax.micros()),
            currency: Set(invoice.currency.code().to_owned()),
        });
    taxes::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}
