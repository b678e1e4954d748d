//! Explains invoices, by all that decides what happens to them.

use super::load::{bring_up_to_date, find_visible_invoice};
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    documents::wording::Language,
    messages,
    store::{approvals, bank_lines, collection_methods, method_copies, payments, tenants},
    use_cases::plans::outlook::{outlook_of, plan_of},
};
use chrono::{NaiveDate, TimeDelta};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    Invoice, InvoiceState, announced,
    explain::{Calendar, Context, Explanation, Source, explain},
};
use payterms_kernel::{Refusal, calendar::day_in};
use payterms_proto::invoicing::v1 as pb;
use sea_orm::ConnectionTrait;

/// Why an invoice stands as it does, and the aggregate on whose copy that rests: the payment plan
/// that blocks it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn explain_invoice(
    app: &App,
    named: &InvoiceRef,
) -> Result<(pb::ExplainInvoiceResponse, Option<String>), AppError> {
    // Before a connection is held: two at once by many callers would wait for each other.
    let now = app.db.tenant_now(&named.tenant).await?;
    let conn = app.db.read(&named.tenant).await?;
    let mut invoice = find_visible_invoice(&conn, named).await?;
    bring_up_to_date(&conn, &named.tenant, std::slice::from_mut(&mut invoice)).await?;
    let tenant = tenants::find(&conn, &named.tenant).await?.ok_or_else(Refusal::not_found)?;
    let zone = tenant.time_zone.parse().unwrap_or_default();
    let calendar = Calendar {
        reminder_days: &tenant.dunning.reminder_days,
        zone,
        today: day_in(zone, now),
        now,
    };
    let context = context(&conn, named, &invoice, calendar).await?;
    drop(conn);
    let Explanation { facts, next } = explain(&invoice, calendar, &context)?;
    let facts = facts.into_iter().map(messages::invoices::fact).collect();
    Ok((
        pb::ExplainInvoiceResponse { facts, next: Some(messages::invoices::fact(next)) },
        plan_of(&invoice).map(|plan| format!("plan/{plan}")),
    ))
}

async fn context<C: ConnectionTrait>(
    conn: &C,
    named: &InvoiceRef,
    invoice: &Invoice,
    Calendar { zone, today, .. }: Calendar<'_>,
) -> Result<Context, AppError> {
    let tenant = &named.tenant;
    let failure = Language::English.failure(&invoice.collection.reason);
    let mut context = Context { failure, as_customer: named.as_customer, ..Context::default() };
    if !named.as_customer {
        context.proposed = approvals::waiting_for(conn, tenant, invoice.id)
            .await?
            .iter()
            .map(|approval| approval.proposal)
            .collect();
    }
    if invoice.state != InvoiceState::Open {
        return Ok(context);
    }
    context.plan = outlook_of(conn, tenant, invoice).await?;
    let instalment = context.plan.as_ref().and_then(|plan| plan.next).map(|next| next.due);
    let collected_on: NaiveDate = instalment
        .or(invoice.collection.next_at.map(|at| day_in(zone, at)))
        .unwrap_or(today)
        .max(today);
    let payment_methods_changed =
        method_copies::of_customer(conn, tenant, invoice.customer).await?;
    context.source = if payment_methods_changed
        .is_some_and(|changed| !changed.collection_waits_for.is_empty())
    {
        Source::WaitsForDispute
    } else if collection_methods::is_usable(conn, tenant, invoice.customer, collected_on).await? {
        Source::Method
    } else {
        Source::None
    };
    if invoice.pending.is_positive() {
        let announced = payments::announced(conn, tenant, invoice.id).await?;
        let reserving = announced.iter().flat_map(|payment| {
            payment.allocations.iter().map(move |part| (payment.created_at, part))
        });
        let reserved = reserving
            .filter(|(_, part)| part.invoice == invoice.id)
            .find(|(_, part)| part.amount.is_positive());
        context.transfer =
            reserved.map(|(at, part)| (part.amount, at + TimeDelta::days(announced::DAYS)));
    }
    let lines = bank_lines::suggested_for(conn, tenant, invoice.id).await?;
    context.is_suggested = !lines.is_empty();
    if !named.as_customer {
        context.suggested = lines.iter().map(|line| line.shown.amount).collect();
    }
    Ok(context)
}
