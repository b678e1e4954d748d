//! What stands on a statement and in its mail: as it was when the month ended, whenever it is read
//! (docs/domain/invoicing.md#statement-lists).

use crate::{
    documents::statements::StatementPage,
    store::{
        customers, disputes, invoices, receivables,
        refunds::{self, Month},
        taken_back, tenants, transfer_refunds,
    },
};
use chrono::{DateTime, Months, Utc};
use payterms_chassis::{AppError, render::instant_of};
use payterms_invoicing_domain::{Customer, Invoice, Statement};
use payterms_kernel::{Id, Refusal, TenantId, calendar::start_of_day};
use payterms_proto::wallet::v1::DisputeChanged;
use prost::Message;
use sea_orm::ConnectionTrait;
use std::collections::HashSet;

/// Rows of each list of a statement at most.
pub const MOST_LISTED: u64 = 500;

/// The lists of a statement.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn statement_page<C: ConnectionTrait>(conn: &C, tenant: &TenantId, statement: Statement) -> Result<StatementPage, AppError> {
    let (customer, month, currency) = (statement.customer, statement.month, statement.currency());
    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let own = tenants::find(conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    let zone = own.time_zone.parse().unwrap_or_default();
    let buyer = match statement.buyer.clone() {
        Some(buyer) => buyer,
        None => customers::find(conn, tenant, customer).await?.ok_or_else(Refusal::not_found)?.party(),
    };
    let seller = statement.seller.clone().unwrap_or_else(|| own.party());
    let billed = receivables::billed(conn, tenant, customer, (month, next), MOST_LISTED).await?;
    let mut invoices = invoices::find_many(conn, tenant, &billed).await?;
    invoices.retain(|own| own.currency == currency);
    let mut open = receivables::open_on(conn, tenant, customer, next, MOST_LISTED).await?;
    open.retain(|own| own.open.currency() == currency);
    let disputed = disputed_on(conn, tenant, customer, start_of_day(zone, next)).await?;
    let (disputed, mut past_due): (Vec<_>, Vec<_>) = open.into_iter().partition(|own| disputed.contains(&own.id));
    past_due.retain(|own| own.days > 0);
    let mut given_back = refunds::given_back(conn, tenant, customer, Month { days: (month, next), zone }, MOST_LISTED).await?;
    given_back.extend(transfer_refunds::given_back(conn, tenant, customer, (month, next), MOST_LISTED).await?);
    given_back.sort_by_key(|own| own.on);
    given_back.truncate(usize::try_from(MOST_LISTED).unwrap_or(usize::MAX));
    given_back.retain(|own| own.amount.currency() == currency);
    let mut taken_back = taken_back::of_month(conn, tenant, customer, (month, next), MOST_LISTED).await?;
    taken_back.retain(|own| own.amount.currency() == currency);
    Ok(StatementPage { statement, invoices, past_due, disputed, given_back, taken_back, seller, buyer })
}

/// The invoices that were open at an instant because of a dispute that was not decided then.
async fn disputed_on<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    at: DateTime<Utc>,
) -> Result<HashSet<Id<Invoice>>, AppError> {
    let mut disputed = HashSet::new();
    for own in disputes::of_customer(conn, tenant, customer, MOST_LISTED).await? {
        let told = DisputeChanged::decode(own.told.as_slice())?.dispute.unwrap_or_default();
        let begun = told.create_time.as_ref().and_then(instant_of).is_some_and(|begun| begun < at);
        let ended = told.end_time.as_ref().and_then(instant_of).is_some_and(|ended| ended < at);
        if begun && !ended {
            disputed.extend(own.reversed.parts.iter().map(|(invoice, _)| *invoice));
        }
    }
    Ok(disputed)
}
