//! What stands on a statement and in its mail: as it was when the month ended, whenever it is read
//! (docs/domain/invoicing.md#statement-lists).

use crate::{
    documents::statements::StatementPage,
    store::{
        collection_waits, customers, disputes, invoices, plan_periods, receivables,
        refunds::{self, Month},
        taken_back, tenants, transfer_refunds,
    },
};
use chrono::{DateTime, Months, Utc};
use payterms_chassis::{AppError, render::instant_of};
use payterms_invoicing_domain::{
    Invoice, Statement,
    dispute::Dispute,
    statement::{OpenInvoice, TakenBack, TakenFor},
};
use payterms_kernel::{Id, Money, Refusal, TenantId, calendar::start_of_day};
use payterms_proto::wallet::v1::{DisputeChanged, dispute::State};
use prost::Message;
use sea_orm::ConnectionTrait;
use std::collections::HashSet;
use uuid::Uuid;

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
    let ids: Vec<_> = billed.iter().map(|(invoice, _)| *invoice).collect();
    let mut invoices = invoices::find_many(conn, tenant, &ids).await?;
    invoices.retain(|own| own.currency == currency);
    let billed = billed.into_iter().map(|(invoice, amount)| (invoice, Money::from_micros(currency, amount))).collect();
    let mut open = receivables::open_on(conn, tenant, customer, next, MOST_LISTED).await?;
    open.retain(|own| own.open.currency() == currency);
    let month_end = start_of_day(zone, next);
    let disputes = disputes::of_customer(conn, tenant, customer, MOST_LISTED).await?;
    let mut disputed = disputed_on(&disputes, month_end)?;
    disputed.extend(collection_waits::waiting_at(conn, tenant, customer, month_end).await?);
    let planned = plan_periods::active_at(conn, tenant, customer, month_end).await?;
    let (disputed, open): (Vec<_>, Vec<_>) = open.into_iter().partition(|own| disputed.contains(&own.id));
    let (in_plans, mut past_due): (Vec<_>, Vec<_>) = open.into_iter().partition(|own| planned.contains(&own.id));
    let mut collected = past_due.clone();
    past_due.retain(|own| own.days > 0);
    // What is late was not collected: it is to be paid.
    collected.retain(|own| own.days <= 0);
    let automatic = collected_automatically(conn, tenant, &collected).await?;
    collected.retain(|own| automatic.contains(&own.id));
    let mut given_back = refunds::given_back(conn, tenant, customer, Month { days: (month, next), zone }, MOST_LISTED).await?;
    given_back.extend(transfer_refunds::given_back(conn, tenant, customer, (month, next), MOST_LISTED).await?);
    given_back.sort_by_key(|own| own.on);
    given_back.truncate(usize::try_from(MOST_LISTED).unwrap_or(usize::MAX));
    given_back.retain(|own| own.amount.currency() == currency);
    let mut taken_back = taken_back::of_month(conn, tenant, customer, (month, next), MOST_LISTED).await?;
    taken_back.retain(|(_, own)| own.amount.currency() == currency);
    let lost = lost_before(&disputes, month_end)?;
    for (id, own) in &mut taken_back {
        if own.why == TakenFor::Dispute && lost.contains(id) {
            own.why = TakenFor::DisputeLost;
        }
    }
    let taken_back = with_invoices(conn, tenant, taken_back, &disputes).await?;
    Ok(StatementPage { statement, invoices, billed, past_due, disputed, in_plans, collected, given_back, taken_back, seller, buyer })
}

/// Those of open invoices that are collected by themselves when they fall due.
async fn collected_automatically<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    open: &[OpenInvoice],
) -> Result<HashSet<Id<Invoice>>, AppError> {
    let ids: Vec<_> = open.iter().map(|own| own.id).collect();
    let found = invoices::find_many(conn, tenant, &ids).await?;
    Ok(found.into_iter().filter(|own| own.content.collect_automatically && !own.is_postpaid()).map(|own| own.id).collect())
}

/// What was taken back, with the numbers of the invoices that a disputed or returned charge had paid.
async fn with_invoices<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    taken_back: Vec<(Uuid, TakenBack)>,
    disputes: &[Dispute],
) -> Result<Vec<TakenBack>, AppError> {
    let parts = |id: Uuid| disputes.iter().find(|own| own.id.uuid() == id).map(|own| own.reversed.parts.as_slice()).unwrap_or_default();
    let ids: Vec<_> = taken_back.iter().flat_map(|(id, _)| parts(*id)).map(|(invoice, _)| *invoice).collect();
    let paid = invoices::find_many(conn, tenant, &ids).await?;
    let number = |id: Id<Invoice>| paid.iter().find(|own| own.id == id).and_then(|own| Some(own.issue.as_ref()?.number.as_str()));
    let named = |(id, own): (Uuid, TakenBack)| {
        let numbers: Vec<_> = parts(id).iter().filter_map(|(invoice, _)| number(*invoice)).collect();
        TakenBack { invoices: numbers.join(", "), ..own }
    };
    Ok(taken_back.into_iter().map(named).collect())
}

/// The invoices that were open at an instant because of a dispute that was not decided then.
fn disputed_on(disputes: &[Dispute], at: DateTime<Utc>) -> Result<HashSet<Id<Invoice>>, AppError> {
    let mut disputed = HashSet::new();
    for own in disputes {
        let told = DisputeChanged::decode(own.told.as_slice())?.dispute.unwrap_or_default();
        let begun = told.create_time.as_ref().and_then(instant_of).is_some_and(|begun| begun < at);
        let ended = told.end_time.as_ref().and_then(instant_of).is_some_and(|ended| ended < at);
        if begun && !ended {
            disputed.extend(own.reversed.parts.iter().map(|(invoice, _)| *invoice));
        }
    }
    Ok(disputed)
}

/// The disputes that were lost before an instant.
fn lost_before(disputes: &[Dispute], at: DateTime<Utc>) -> Result<HashSet<Uuid>, AppError> {
    let mut lost = HashSet::new();
    for own in disputes {
        let told = DisputeChanged::decode(own.told.as_slice())?.dispute.unwrap_or_default();
        if told.state() == State::Lost && told.end_time.as_ref().and_then(instant_of).is_some_and(|ended| ended < at) {
            lost.insert(own.id.uuid());
        }
    }
    Ok(lost)
}
