//! Rows of table `invoices` → invoices, and invoices → rows.

use super::{ActiveModel, Model};
use crate::store::{
    currency, date, invoice_parts as parts, numbers, numbers_text,
    parties::{party, party_text},
    top_ups, unknown,
};
use payterms_chassis::{
    AppError,
    columns::{dated_amounts, dated_amounts_text, term, term_columns},
    marks,
};
use payterms_invoicing_domain::{
    Amounts, Block, BlockReason, Collection, CollectionState, Content, Invoice, InvoiceState,
    Issue, Reminders, announced::Announcements, collection::DebitNotice, deferral::Deferral,
    metered::Billed, usage_month::UsageMonth,
};
use payterms_kernel::{Id, Money, TenantId, ladder::Ladder};
use sea_orm::ActiveValue::Set;

fn issue(row: &Model) -> Result<Option<Issue>, AppError> {
    let (Some(number), Some(issue_date), Some(due_date)) =
        (&row.number, &row.issue_date, &row.due_date)
    else {
        return Ok(None);
    };
    let mut seller = party(&row.seller)?;
    if seller.bank_details.is_empty() {
        seller.bank_details = top_ups::bank_details(&row.top_up)?;
    }
    Ok(Some(Issue {
        number: number.clone(),
        issue_date: date(issue_date)?,
        due_date: date(due_date)?,
        seller,
        buyer: party(&row.buyer)?,
        mentions: row.mentions.clone(),
    }))
}

fn block(row: &Model) -> Result<Option<Block>, AppError> {
    if row.block_reason.is_empty() {
        return Ok(None);
    }
    let reason = BlockReason::named(&row.block_reason);
    let reason = reason.ok_or_else(|| unknown("block reason", &row.block_reason))?;
    let since = date(row.blocked_since.as_deref().unwrap_or_default())?;
    Ok(Some(Block { reason, owner: row.block_owner.clone(), since }))
}

fn billed(row: &Model) -> Result<Option<Billed>, AppError> {
    let Some((service, month)) = row.service_id.zip(row.service_month.as_deref()) else {
        return Ok(None);
    };
    Ok(Some(Billed { service: Id::from_uuid(service), month: date(month)? }))
}

fn usage(row: &Model) -> Result<Option<UsageMonth>, AppError> {
    let Some(((closing, wallet), month)) =
        row.usage_closing.zip(row.usage_wallet).zip(row.usage_month.as_deref())
    else {
        return Ok(None);
    };
    Ok(Some(UsageMonth { closing, wallet, month: date(month)?, agreement: row.usage_agreement }))
}

fn deferral(row: &Model) -> Result<Option<Deferral>, AppError> {
    let Some(((line, draw), day)) =
        row.deferral_line.zip(row.deferral_draw).zip(row.purchased_on.as_deref())
    else {
        return Ok(None);
    };
    let amount = Money::from_micros(currency(&row.currency)?, row.deferral_amount);
    Ok(Some(Deferral {
        line,
        draw,
        amount,
        purchased_on: date(day)?,
        plans_allowed: row.deferral_plans,
    }))
}

fn announcements(row: &Model) -> Result<Announcements, AppError> {
    Announcements::named(&row.announcement)
        .ok_or_else(|| unknown("announcement", &row.announcement))
}

fn collection(row: &Model) -> Result<Collection, AppError> {
    let state = CollectionState::named(&row.collection_state);
    Ok(Collection {
        state: state.ok_or_else(|| unknown("collection state", &row.collection_state))?,
        ladder: Ladder {
            attempts: u32::try_from(row.failed_attempts).unwrap_or_default(),
            first_failed_at: row.first_failed_at,
            next_is_last: row.next_try_is_last,
        },
        next_at: row.next_attempt_at,
        reason: row.collection_reason.clone(),
        put_off: row.collection_put_off,
    })
}

/// The invoice of a row, with its lines and taxes.
pub(super) fn invoice(row: Model, (lines, taxes): parts::Parts) -> Result<Invoice, AppError> {
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    let state = InvoiceState::named(&row.state);
    Ok(Invoice {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        state: state.ok_or_else(|| unknown("invoice state", &row.state))?,
        currency,
        amounts: Amounts { taxes, net: money(row.net), total: money(row.total) },
        problem: None,
        issue: issue(&row)?,
        block: block(&row)?,
        collection: collection(&row)?,
        billed: billed(&row)?,
        notice: row.notice_account.zip(row.notice_at).map(|(account, at)| DebitNotice {
            account,
            amount: row.notice_amount,
            at,
        }),
        top_up: top_ups::top_up(&row.top_up)?,
        usage: usage(&row)?,
        deferral: deferral(&row)?,
        announcements: announcements(&row)?,
        reminders: Reminders {
            blocked_days: u32::try_from(row.blocked_days).unwrap_or_default(),
            done: numbers(&row.reminded)?,
            last_on: row.reminded_on.as_deref().map(date).transpose()?,
            from: row.reminded_from.as_deref().map(date).transpose()?,
            closed_on: row.closed_on.as_deref().map(date).transpose()?,
        },
        no_consequence_before: row.no_consequence_before.as_deref().map(date).transpose()?,
        disputed_by: row.disputed_by,
        paid: money(row.paid),
        paid_by_day: dated_amounts(currency, &row.paid_by_day)?,
        credited: money(row.credited),
        written_off: money(row.written_off),
        pending: money(row.pending),
        marks: marks::stored(row.external_id, &row.labels)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        content: Content {
            prices_include_tax: row.prices_include_tax,
            term: term(&row.term_kind, row.term_days)?,
            lines,
            discount: parts::discount(
                currency,
                row.discount_millionths,
                row.discount_amount,
                row.discount_description,
            ),
            supply_date: row.supply_date.as_deref().map(date).transpose()?,
            memo: row.memo,
            collect_automatically: row.collect_automatically,
        },
    })
}

/// The row of an invoice.
pub(super) fn row(tenant: &TenantId, invoice: &Invoice) -> Result<ActiveModel, AppError> {
    let (term_kind, term_days) = term_columns(invoice.content.term);
    let (discount_millionths, discount_amount, discount_description) =
        parts::discount_columns(invoice.content.discount.as_ref());
    let issue = invoice.issue.as_ref();
    Ok(ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(invoice.id.uuid()),
        customer_id: Set(invoice.customer.uuid()),
        state: Set(invoice.state.name().to_owned()),
        currency: Set(invoice.currency.code().to_owned()),
        prices_include_tax: Set(invoice.content.prices_include_tax),
        term_kind: Set(term_kind.to_owned()),
        term_days: Set(term_days),
        discount_millionths: Set(discount_millionths),
        discount_amount: Set(discount_amount),
        discount_description: Set(discount_description),
        supply_date: Set(invoice.content.supply_date.map(|date| date.to_string())),
        memo: Set(invoice.content.memo.clone()),
        external_id: Set(invoice.marks.external_id.clone()),
        labels: Set(marks::labels_text(&invoice.marks.labels)),
        number: Set(issue.map(|issue| issue.number.clone())),
        issue_date: Set(issue.map(|issue| issue.issue_date.to_string())),
        due_date: Set(issue.map(|issue| issue.due_date.to_string())),
        seller: Set(party_text(issue.map(|issue| &issue.seller))?),
        buyer: Set(party_text(issue.map(|issue| &issue.buyer))?),
        net: Set(invoice.amounts.net.micros()),
        total: Set(invoice.amounts.total.micros()),
        paid: Set(invoice.paid.micros()),
        paid_by_day: Set(dated_amounts_text(&invoice.paid_by_day)),
        no_consequence_before: Set(invoice.no_consequence_before.map(|day| day.to_string())),
        disputed_by: Set(invoice.disputed_by.clone()),
        credited: Set(invoice.credited.micros()),
        written_off: Set(invoice.written_off.micros()),
        pending: Set(invoice.pending.micros()),
        version: Set(invoice.version),
        created_at: Set(invoice.created_at),
        updated_at: Set(invoice.updated_at),
        collect_automatically: Set(invoice.content.collect_automatically),
        collection_state: Set(invoice.collection.state.name().to_owned()),
        failed_attempts: Set(invoice.collection.ladder.attempts.into()),
        first_failed_at: Set(invoice.collection.ladder.first_failed_at),
        next_try_is_last: Set(invoice.collection.ladder.next_is_last),
        next_attempt_at: Set(invoice.collection.next_at),
        collection_put_off: Set(invoice.collection.put_off),
        announcement: Set(invoice.announcements.name().to_owned()),
        collection_reason: Set(invoice.collection.reason.clone()),
        block_reason: Set(invoice
            .block
            .as_ref()
            .map(|block| block.reason.name().to_owned())
            .unwrap_or_default()),
        blocked_since: Set(invoice.block.as_ref().map(|block| block.since.to_string())),
        blocked_days: Set(invoice.reminders.blocked_days.into()),
        reminded: Set(numbers_text(&invoice.reminders.done)),
        reminded_from: Set(invoice.reminders.from.map(|day| day.to_string())),
        reminded_on: Set(invoice.reminders.last_on.map(|day| day.to_string())),
        closed_on: Set(invoice.reminders.closed_on.map(|day| day.to_string())),
        service_id: Set(invoice.billed.map(|billed| billed.service.uuid())),
        service_month: Set(invoice.billed.map(|billed| billed.month.to_string())),
        notice_account: Set(invoice.notice.map(|debit_notice| debit_notice.account)),
        notice_amount: Set(invoice
            .notice
            .map(|debit_notice| debit_notice.amount)
            .unwrap_or_default()),
        notice_at: Set(invoice.notice.map(|debit_notice| debit_notice.at)),
        usage_closing: Set(invoice.usage.map(|usage_month| usage_month.closing)),
        usage_wallet: Set(invoice.usage.map(|usage_month| usage_month.wallet)),
        usage_month: Set(invoice.usage.map(|usage_month| usage_month.month.to_string())),
        usage_agreement: Set(invoice.usage.and_then(|usage_month| usage_month.agreement)),
        deferral_line: Set(invoice.deferral.map(|deferral| deferral.line)),
        deferral_draw: Set(invoice.deferral.map(|deferral| deferral.draw)),
        deferral_amount: Set(invoice.deferral.map_or(0, |deferral| deferral.amount.micros())),
        purchased_on: Set(invoice.deferral.map(|deferral| deferral.purchased_on.to_string())),
        deferral_plans: Set(invoice.deferral.is_some_and(|deferral| deferral.plans_allowed)),
        top_up: Set(top_ups::top_up_text(invoice.top_up.as_ref())?),
        mentions: Set(issue.map(|issue| issue.mentions.clone()).unwrap_or_default()),
        block_owner: Set(invoice
            .block
            .as_ref()
            .map(|block| block.owner.clone())
            .unwrap_or_default()),
    })
}
