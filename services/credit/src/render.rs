//! Programmes, lines and draws → messages of the contract.

use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, etag,
    render::{date, decimal, money, term, timestamp},
};
use payterms_credit_domain::{
    Customer, Draw, DrawState, Line, LineState, Programme, ProgrammeState, Suspension, Taken,
    purchase::{Item, Sold},
};
use payterms_kernel::{Condition, Id, Side, TenantId};
use payterms_proto::{credit::v1 as pb, invoicing::v1::InvoiceLine};
use rust_decimal::Decimal;

/// The name of a customer.
#[must_use]
pub fn customer_name(tenant: &TenantId, customer: Id<Customer>) -> String {
    format!("tenants/{tenant}/customers/{customer}")
}

/// The name of a programme.
#[must_use]
pub fn programme_name(tenant: &TenantId, programme: Id<Programme>) -> String {
    format!("tenants/{tenant}/programmes/{programme}")
}

/// The name of a line.
#[must_use]
pub fn line_name(tenant: &TenantId, line: &Line) -> String {
    format!("{}/creditLines/{}", customer_name(tenant, line.customer), line.id)
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A programme.
#[must_use]
pub fn programme(tenant: &TenantId, own: &Programme) -> pb::Programme {
    use pb::programme::State;
    let state = match own.state {
        ProgrammeState::Open => State::Open,
        ProgrammeState::Closed => State::Closed,
    };
    pb::Programme {
        name: programme_name(tenant, own.id),
        title: own.title.clone(),
        state: state.into(),
        currency_code: own.currency.code().to_owned(),
        limit_cap: Some(money(own.cap)),
        payment_term: Some(term(own.term)),
        countries: own.countries.clone(),
        tiers: own.tiers.clone(),
        invitation_only: own.invitation_only,
        cool_down_days: number(own.cool_down_days),
        plans_allowed: own.plans_allowed,
        draws_during_plans: own.draws_during_plans,
        policy: format!("tenants/{tenant}/policies/{}", own.policy),
        offer_days: number(own.offer_days),
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
        etag: etag::etag(own.version),
    }
}

/// A programme, as a customer sees it.
#[must_use]
pub fn option(tenant: &TenantId, own: &Programme, against: &[Condition], until: Option<DateTime<Utc>>) -> pb::CreditOption {
    let obstacle = |own: &Condition| pb::Obstacle {
        reason: own.name.to_owned(),
        subject: own.subject.clone(),
        description: own.description.clone(),
        until_time: until.filter(|_| own.name == "COOL_DOWN_ACTIVE").map(timestamp),
    };
    pb::CreditOption {
        programme: programme_name(tenant, own.id),
        title: own.title.clone(),
        currency_code: own.currency.code().to_owned(),
        limit_cap: Some(money(own.cap)),
        payment_term: Some(term(own.term)),
        eligible: against.is_empty(),
        obstacles: against.iter().map(obstacle).collect(),
    }
}

/// A state.
#[must_use]
pub fn state(state: LineState) -> pb::credit_line::State {
    use pb::credit_line::State;
    match state {
        LineState::Offered => State::Offered,
        LineState::Active => State::Active,
        LineState::Inactive => State::Inactive,
        LineState::Suspended => State::Suspended,
        LineState::Expired => State::Expired,
        LineState::Declined => State::DeclinedByCustomer,
        LineState::Closed => State::Closed,
    }
}

/// A line.
///
/// # Errors
/// None that stored amounts can cause.
pub fn line(tenant: &TenantId, own: &Line) -> Result<pb::CreditLine, AppError> {
    use pb::credit_line::Suspension as Told;
    let suspension = |own: &Suspension| match own {
        Suspension::PastDue => Told::PastDue.into(),
        Suspension::ByTenant => Told::ByTenant.into(),
    };
    let exposure = own.exposure().map_err(payterms_kernel::Refusal::from)?;
    let available = own.available().map_err(payterms_kernel::Refusal::from)?;
    Ok(pb::CreditLine {
        name: line_name(tenant, own),
        programme: programme_name(tenant, own.programme),
        state: state(own.state).into(),
        limit: Some(money(own.limit)),
        exposure: Some(money(exposure)),
        authorized: Some(money(own.authorized)),
        available: Some(money(available)),
        payment_term: Some(term(own.term)),
        suspensions: own.suspensions.iter().map(suspension).collect(),
        explanation: own.explanation.clone(),
        limit_reasons: own.limit_reasons.clone(),
        expire_time: (own.state == LineState::Offered).then(|| timestamp(own.expires_at)),
        next_due_date: own.next_due.map(date),
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
        etag: etag::etag(own.version),
        application: own
            .application
            .map(|id| format!("{}/creditApplications/{id}", customer_name(tenant, own.customer)))
            .unwrap_or_default(),
    })
}

/// An edge; customers do not see who of the tenant took it, nor why a line was offered.
#[must_use]
pub fn edge(taken: &Taken, as_customer: bool) -> pb::LineHistoryEntry {
    use pb::line_history_entry::Side as Told;
    let side = match taken.by.side {
        Side::Customer => Told::Customer,
        Side::Tenant => Told::Tenant,
        Side::Suite => Told::Suite,
    };
    let unseen = as_customer && taken.by.side == Side::Tenant;
    let unread = as_customer && taken.from.is_none();
    pb::LineHistoryEntry {
        verb: taken.verb.clone(),
        from: taken.from.map_or(pb::credit_line::State::Unspecified, state).into(),
        to: state(taken.to).into(),
        side: side.into(),
        actor: if unseen { String::new() } else { taken.by.subject.clone() },
        limit: Some(money(taken.limit)),
        explanation: if unread { String::new() } else { taken.explanation.clone() },
        time: Some(timestamp(taken.at)),
    }
}

fn item(own: &Item, quantity: Decimal) -> InvoiceLine {
    InvoiceLine {
        description: own.description.clone(),
        quantity: Some(decimal(quantity)),
        unit_price: Some(money(own.unit_price)),
        tax_category: own.tax_category.clone(),
        amount: own.amount_of(quantity).ok().map(money),
    }
}

/// A draw of a line, with what it sells.
#[must_use]
pub fn whole_draw(tenant: &TenantId, line: &Line, own: &Draw) -> pb::Draw {
    let sold = |own: &Sold| pb::DrawLine {
        line: Some(item(&own.item, own.item.quantity)),
        rate_percent: Some(decimal(own.rate_percent)),
        tax_sentence: own.sentence.clone(),
        captured_quantity: Some(decimal(own.captured)),
    };
    let lines = own.purchase.iter().flat_map(|own| &own.lines).map(sold).collect();
    pb::Draw { lines, ..draw(tenant, line, own) }
}

/// What a captured purchase has sold.
#[must_use]
pub fn purchase(tenant: &TenantId, line: &Line, own: &Draw) -> pb::PurchaseCaptured {
    pb::PurchaseCaptured {
        draw: Some(whole_draw(tenant, line, own)),
        payment_term: Some(term(line.term)),
        plans_allowed: own.purchase.as_ref().is_some_and(|own| own.plans_allowed),
    }
}

/// A draw of a line, as lists show it.
#[must_use]
pub fn draw(tenant: &TenantId, line: &Line, own: &Draw) -> pb::Draw {
    use pb::draw::State;
    let customer = customer_name(tenant, line.customer);
    let state = match own.state {
        DrawState::Authorized => State::Authorized,
        DrawState::Captured => State::Captured,
        DrawState::Voided => State::Voided,
        DrawState::Expired => State::Expired,
    };
    pb::Draw {
        name: format!("{}/draws/{}", line_name(tenant, line), own.id),
        state: state.into(),
        amount: Some(money(own.amount)),
        captured: Some(money(own.captured)),
        repaid: Some(money(own.repaid)),
        invoice: own.invoice.map(|id| format!("{customer}/invoices/{id}")).unwrap_or_default(),
        payment: own.payment.map(|id| format!("{customer}/payments/{id}")).unwrap_or_default(),
        expire_time: own.expires_at().map(timestamp),
        description: own.purchase.as_ref().map(|own| own.description.clone()).unwrap_or_default(),
        lines: Vec::new(),
        collect_automatically: own.purchase.as_ref().is_some_and(|own| own.collect_automatically),
        purchase_date: own.purchased_on.map(date),
        due_date: own.due_on.map(date),
        create_time: Some(timestamp(own.created_at)),
        update_time: Some(timestamp(own.updated_at)),
    }
}
