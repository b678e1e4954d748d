//! The part of a payment that a credit line covers: reserve, make owed, give back.

use crate::{app::App, peers::credit::Line};
use payterms_chassis::{
    AppError, kill, names,
    render::{date_of, money_of},
};
use payterms_invoicing_domain::{
    Payment, Tender, TenderState,
    deferral::{Deferral, Deferred, line_of},
    payment::Source,
};
use payterms_kernel::{Id, TenantId, calendar::start_of_day};

fn line_tender(payment: &mut Payment) -> Option<&mut Tender> {
    payment.tenders.iter_mut().find(|tender| matches!(tender.source, Source::Line(_)))
}

/// Reserves what the line is to cover; false where it is refused.
///
/// # Errors
/// No answer after many tries.
pub async fn reserve_on_line(
    app: &App,
    tenant: &TenantId,
    payment: &mut Payment,
) -> Result<bool, AppError> {
    let Some(line) = Line::of(app, tenant, payment) else { return Ok(true) };
    let refused = line.authorize(payment.to_defer()).await?.refused_for();
    kill::point("payment.after_draw");
    let is_reserved = refused.is_none();
    if let (Some(reason), Some(tender)) = (refused, line_tender(payment)) {
        tender.state = TenderState::Failed(reason);
    }
    Ok(is_reserved)
}

/// Gives back what is reserved, where another tender has failed.
///
/// # Errors
/// No answer after many tries.
pub async fn release_line(
    app: &App,
    tenant: &TenantId,
    payment: &mut Payment,
) -> Result<(), AppError> {
    let Some(line) = Line::of(app, tenant, payment) else { return Ok(()) };
    line.void().await?;
    kill::point("payment.after_void");
    if let Some(tender) =
        line_tender(payment).filter(|tender| tender.state == TenderState::Processing)
    {
        tender.state = TenderState::Released;
    }
    Ok(())
}

/// Makes what is reserved owed, and notes how the invoices are deferred.
///
/// # Errors
/// No answer after many tries.
pub async fn draw_on_line(
    app: &App,
    tenant: &TenantId,
    payment: &mut Payment,
) -> Result<(), AppError> {
    let Some((Some(line), (id, _))) =
        Some(Line::of(app, tenant, payment)).zip(line_of(&payment.tenders))
    else {
        return Ok(());
    };
    let captured = line.capture().await?;
    kill::point("payment.after_capture");
    let zone = app.db.tenant_zone(tenant).await?;
    let fault = || AppError::Fault(format!("draws of payment {} as credit told them", payment.id));
    let uuid = |name: &str| name.rsplit('/').next().and_then(names::uuid).ok_or_else(fault);
    let mut deferred = Vec::with_capacity(captured.draws.len());
    for draw in &captured.draws {
        let due_on = draw.due_date.as_ref().and_then(date_of).ok_or_else(fault)?;
        let deferral = Deferral {
            line: id,
            draw: uuid(&draw.name)?,
            amount: draw.captured.as_ref().and_then(money_of).ok_or_else(fault)?,
            purchased_on: draw.purchase_date.as_ref().and_then(date_of).ok_or_else(fault)?,
            plans_allowed: captured.plans_allowed,
        };
        deferred.push(Deferred {
            invoice: Id::from_uuid(uuid(&draw.invoice)?),
            deferral,
            due_on,
            collect_at: start_of_day(zone, due_on),
        });
    }
    payment.deferred = deferred;
    if let Some(tender) = line_tender(payment) {
        tender.state = TenderState::Succeeded;
    }
    Ok(())
}
