//! Table `usage_invoices`: which invoice of invoicing bills a closed month of use.

use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_kernel::TenantId;
use payterms_wallet_domain::month::Funding;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// What an invoice bills.
#[derive(Debug, Clone, Copy)]
pub enum Billed {
    /// What a closing of a wallet's month told of one funding.
    Closing(Uuid, Funding),
    /// A month of a metered service.
    Service(Uuid, NaiveDate),
}

/// An invoice that bills use.
#[derive(Debug, Clone)]
pub struct UsageInvoice {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: String,
}

/// The invoice that bills a closed month; `None` while invoicing has not told of it.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    billed: Billed,
) -> Result<Option<UsageInvoice>, AppError> {
    let (condition, values) = match billed {
        Billed::Closing(closing, funding) => {
            ("closing_id = $2 AND funding = $3", [closing.into(), funding.name().into()])
        }
        Billed::Service(service, month) => {
            ("service_id = $2 AND month = $3", [service.into(), month.to_string().into()])
        }
    };
    let select =
        format!("SELECT name, number FROM usage_invoices WHERE tenant = $1 AND {condition}");
    let [first, second] = values;
    let Some(row) = sql::one(conn, &select, vec![tenant.as_str().into(), first, second]).await?
    else {
        return Ok(None);
    };
    Ok(Some(UsageInvoice { name: row.try_get("", "name")?, number: row.try_get("", "number")? }))
}

/// Saves which invoice bills a closed month. What is told again changes nothing.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
    invoice: &UsageInvoice,
    billed: Billed,
    month: NaiveDate,
) -> Result<(), AppError> {
    let (closing, funding, service) = match billed {
        Billed::Closing(closing, funding) => (Some(closing), funding.name(), None),
        Billed::Service(service, _) => (None, "METERED", Some(service)),
    };
    let insert = "INSERT INTO usage_invoices (tenant, invoice_id, name, number, closing_id, funding, service_id, month) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, invoice_id) DO NOTHING";
    let values = vec![
        tenant.as_str().into(),
        id.into(),
        invoice.name.as_str().into(),
        invoice.number.as_str().into(),
        closing.into(),
        funding.into(),
        service.into(),
        month.to_string().into(),
    ];
    sql::exec(conn, insert, values).await?;
    Ok(())
}
