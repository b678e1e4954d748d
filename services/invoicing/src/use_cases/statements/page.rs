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
pub async fn statement_page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    statement: Statement,
) -> Result<StatementPage, AppError> {
    let (customer, month, currency) = (statement.customer, statement.month, statement.currency());
    let next = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let this_tenant = tenants::find(conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    let zone = this_tenant.time_zone.parse().unwrap_or_default();
    let buyer = match statement.buyer.clone() {
        Some(buyer) => buyer,
        None => {
            customers::find(conn, tenant, customer).await?.ok_or_else(Refusal::not_found)?.party()
        }
    };
    let seller = statement.seller.clone().unwrap_or_else(|| this_tenant.party());
    let billed = receivables::billed(conn, tenant, customer, month, next, MOST_LISTED).await?;
    let ids: Vec<_> = billed.iter().map(|(invoice, _)| *invoice).collect();
    let mut invoices = invoices::find_many(conn, tenant, &ids).await?;
    invoices.retain(|invoice| invoice.currency == currency);
    let billed = billed
        .into_iter()
        .map(|(invoice, amount)| (invoice, Money::from_micros(currency, amount)))
        .collect();
    let mut open = receivables::open_on(conn, tenant, customer, next, MOST_LISTED).await?;
    open.retain(|open_invoice| open_invoice.open.currency() == currency);
    let month_end = start_of_day(zone, next);
    let disputes = disputes::of_customer(conn, tenant, customer, MOST_LISTED).await?;
    let mut disputed = disputed_on(&disputes, month_end)?;
    disputed.extend(collection_waits::waiting_at(conn, tenant, customer, month_end).await?);
    let planned = plan_periods::active_at(conn, tenant, customer, month_end).await?;
    let (disputed, open): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|open_invoice| disputed.contains(&open_invoice.id));
    let (in_plans, mut past_due): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|open_invoice| planned.contains(&open_invoice.id));
    let mut collected = past_due.clone();
    past_due.retain(|open_invoice| open_invoice.days > 0);
    // What is late was not collected: it is to be paid.
    collected.retain(|open_invoice| open_invoice.days <= 0);
    let automatic = collected_automatically(conn, tenant, &collected).await?;
    collected.retain(|open_invoice| automatic.contains(&open_invoice.id));
    let mut given_back = refunds::given_back(
        conn,
        tenant,
        customer,
        Month { days: (month, next), zone },
        MOST_LISTED,
    )
    .await?;
    given_back.extend(
        transfer_refunds::given_back(conn, tenant, customer, month, next, MOST_LISTED).await?,
    );
    given_back.sort_by_key(|given_back| given_back.on);
    given_back.truncate(usize::try_from(MOST_LISTED).unwrap_or(usize::MAX));
    given_back.retain(|given_back| given_back.amount.currency() == currency);
    let mut taken_back =
        taken_back::of_month(conn, tenant, customer, month, next, MOST_LISTED).await?;
    taken_back.retain(|(_, taken_back)| taken_back.amount.currency() == currency);
    let lost = lost_before(&disputes, month_end)?;
    for (id, this_taken_back) in &mut taken_back {
        if this_taken_back.why == TakenFor::Dispute && lost.contains(id) {
            this_taken_back.why = TakenFor::DisputeLost;
        }
    }
    let taken_back = with_invoices(conn, tenant, taken_back, &disputes).await?;
    Ok(StatementPage {
        statement,
        invoices,
        billed,
        past_due,
        disputed,
        in_plans,
        collected,
        given_back,
        taken_back,
        seller,
        buyer,
    })
}

/// Those of open invoices that are collected by themselves when they fall due.
async fn collected_automatically<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    open: &[OpenInvoice],
) -> Result<HashSet<Id<Invoice>>, AppError> {
    let ids: Vec<_> = open.iter().map(|open_invoice| open_invoice.id).collect();
    let found = invoices::find_many(conn, tenant, &ids).await?;
    Ok(found
        .into_iter()
        .filter(|invoice| invoice.content.collect_automatically && !invoice.is_postpaid())
        .map(|invoice| invoice.id)
        .collect())
}

/// What was taken back, with the numbers of the invoices that a disputed or returned charge had
/// paid.
async fn with_invoices<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    taken_back: Vec<(Uuid, TakenBack)>,
    disputes: &[Dispute],
) -> Result<Vec<TakenBack>, AppError> {
    let parts = |id: Uuid| {
        disputes
            .iter()
            .find(|dispute| dispute.id.uuid() == id)
            .map(|dispute| dispute.reversed.parts.as_slice())
            .unwrap_or_default()
    };
    let ids: Vec<_> =
        taken_back.iter().flat_map(|(id, _)| parts(*id)).map(|(invoice, _)| *invoice).collect();
    let paid = invoices::find_many(conn, tenant, &ids).await?;
    let number = |id: Id<Invoice>| {
        paid.iter()
            .find(|invoice| invoice.id == id)
            .and_then(|invoice| Some(invoice.issue.as_ref()?.number.as_str()))
    };
    let named = |(id, taken_back): (Uuid, TakenBack)| {
        let numbers: Vec<_> =
            parts(id).iter().filter_map(|(invoice, _)| number(*invoice)).collect();
        TakenBack { invoices: numbers.join(", "), ..taken_back }
    };
    Ok(taken_back.into_iter().map(named).collect())
}

/// The invoices that were open at an instant because of a dispute that was not decided then.
fn disputed_on(disputes: &[Dispute], at: DateTime<Utc>) -> Result<HashSet<Id<Invoice>>, AppError> {
    let mut disputed = HashSet::new();
    for dispute in disputes {
        let this_dispute =
            DisputeChanged::decode(dispute.event.as_slice())?.dispute.unwrap_or_default();
        let begun =
            this_dispute.create_time.as_ref().and_then(instant_of).is_some_and(|begun| begun < at);
        let ended =
            this_dispute.end_time.as_ref().and_then(instant_of).is_some_and(|ended| ended < at);
        if begun && !ended {
            disputed.extend(dispute.reversed.parts.iter().map(|(invoice, _)| *invoice));
        }
    }
    Ok(disputed)
}

/// The disputes that were lost before an instant.
fn lost_before(disputes: &[Dispute], at: DateTime<Utc>) -> Result<HashSet<Uuid>, AppError> {
    let mut lost = HashSet::new();
    for dispute in disputes {
        let this_dispute =
            DisputeChanged::decode(dispute.event.as_slice())?.dispute.unwrap_or_default();
        if this_dispute.state() == State::Lost
            && this_dispute.end_time.as_ref().and_then(instant_of).is_some_and(|ended| ended < at)
        {
            lost.insert(dispute.id.uuid());
        }
    }
    Ok(lost)
}
