//! Sums that two services have both recorded, each in its own rows. The operator compares them
//! (I28).

use crate::{
    db::{Db, sql},
    wire::{
        error::AppError,
        page::{Page, PageSigner},
        render,
    },
};
use payterms_kernel::{Currency, Money, TenantId};
use payterms_proto::common::v1::{ListSharedAmountsResponse, SharedAmount, SharedAmountKind};
use sea_orm::QueryResult;
use uuid::Uuid;

/// What two services have both recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a payment has settled of invoices.
    Settled,
    /// What is owed of an invoice on a credit line.
    Deferred,
}

impl Kind {
    /// As the contract calls it.
    pub(crate) fn message(self) -> SharedAmountKind {
        match self {
            Self::Settled => SharedAmountKind::Settled,
            Self::Deferred => SharedAmountKind::Deferred,
        }
    }
}

/// Sums of a kind, as a service has them.
#[derive(Debug, Clone, Copy)]
pub struct Shared {
    /// What they are.
    pub kind: Kind,
    /// The query: columns `subject`, `amount`, `currency` and `under_way` (0 or 1), of the tenant
    /// `$1` and of subjects above `$2`.
    pub select: &'static str,
}

/// A page of a tenant's sums.
pub(crate) async fn list(
    db: &Db,
    pages: &PageSigner,
    page: &Page,
    tenant: &TenantId,
    shared: Option<&Shared>,
) -> Result<ListSharedAmountsResponse, AppError> {
    let after = pages.cursor(page)?.unwrap_or(Uuid::nil());
    let Some(shared) = shared else { return Ok(ListSharedAmountsResponse::default()) };
    let select = format!(
        "SELECT subject, amount, currency, under_way FROM ({}) shared WHERE amount <> 0 OR under_way = 1 ORDER BY subject LIMIT $3",
        shared.select
    );
    let limit = i64::try_from(page.reads()).unwrap_or(i64::MAX);
    let rows = sql::all(
        &db.read(tenant).await?,
        &select,
        vec![tenant.as_str().into(), after.into(), limit.into()],
    )
    .await?;
    let mut shared_amounts = rows.iter().map(amount).collect::<Result<Vec<_>, _>>()?;
    let next_page_token =
        pages.cut(page, &mut shared_amounts, |shared_amount| shared_amount.subject_id.clone());
    Ok(ListSharedAmountsResponse { shared_amounts, next_page_token })
}

fn amount(row: &QueryResult) -> Result<SharedAmount, AppError> {
    let code: String = row.try_get("", "currency")?;
    let currency =
        Currency::parse(&code).ok_or_else(|| AppError::Fault(format!("a sum in {code:?}")))?;
    let amount = Money::from_micros(currency, row.try_get("", "amount")?);
    Ok(SharedAmount {
        subject_id: row.try_get::<Uuid>("", "subject")?.to_string(),
        amount: Some(render::money(amount)),
        under_way: row.try_get::<i64>("", "under_way")? == 1,
    })
}
