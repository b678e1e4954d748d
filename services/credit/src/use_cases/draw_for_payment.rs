//! Draws of a payment of invoices: reserve for all or for none, make owed, give back. Each is one transaction and
//! answers the same for the same request id; what comes after the payment's end is refused.

use super::{News, locked, publish};
use crate::{
    App,
    parse::LineRef,
    parse_draws::{PaymentRef, ToDefer},
    render,
    store::{customers, draws, lines, payments, programmes},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, kill, render::money};
use payterms_credit_domain::{Draw, DrawState, Line, Programme};
use payterms_kernel::{Id, Kind, Money, Refusal, calendar::day_in};
use payterms_proto::credit::v1::{AuthorizeForPaymentResponse, CaptureForPaymentResponse, GetLineMeansResponse, VoidForPaymentResponse};
use sea_orm::ConnectionTrait;

async fn programme_of<C: ConnectionTrait>(conn: &C, line: &Line, named: &LineRef) -> Result<Programme, AppError> {
    let found = programmes::find(conn, &named.tenant, line.programme).await?;
    found.ok_or_else(|| AppError::Fault(format!("line {} without a programme", line.id)))
}

/// The programme's cap, and whether an invoice of the customer in a plan bars new draws.
async fn bounds<C: ConnectionTrait>(conn: &C, line: &Line, named: &LineRef) -> Result<(Money, bool), AppError> {
    let programme = programme_of(conn, line, named).await?;
    let barred = !programme.draws_during_plans && customers::has_planned(conn, &named.tenant, line.customer).await?;
    Ok((programme.cap, barred))
}

/// What can be drawn now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn means(app: &App, named: &LineRef) -> Result<GetLineMeansResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = lines::find(&conn, &named.tenant, named.line).await?.filter(|line| line.customer == named.customer);
    let line = found.ok_or_else(Refusal::not_found)?;
    let (cap, in_plan) = bounds(&conn, &line, named).await?;
    let barred = line.barred(in_plan);
    let available = line.drawable(cap).map_err(Refusal::from)?;
    Ok(GetLineMeansResponse {
        state: render::state(line.state).into(),
        available: Some(money(available)),
        barred_reason: barred.as_ref().map(|own| own.reason.to_owned()).unwrap_or_default(),
        barred_message: barred.map(|own| own.message).unwrap_or_default(),
    })
}

/// Reserves a part of the line for each invoice, for all or for none.
///
/// # Errors
/// Those of [`Line::authorize`], `RESOURCE_NOT_FOUND`, `DRAW_STATE` after the payment was voided.
pub async fn authorize(
    app: &App,
    call: &Call,
    named: &PaymentRef,
    to_defer: &ToDefer,
) -> Result<Answer<AuthorizeForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut line = locked(&tx, &named.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(refusal) = payments::ended(tx.conn(), &call.tenant, named.payment).await? {
        return Err(refusal.into());
    }
    if !draws::of_payment(tx.conn(), &call.tenant, (line.id, named.payment)).await?.is_empty() {
        // Its stored answer is forgotten after a month.
        return tx.commit(AuthorizeForPaymentResponse {}).await;
    }
    let bounds = bounds(tx.conn(), &line, &named.line).await?;
    let now = tx.now();
    match line.authorize(tx.ids(), (named.payment, to_defer), bounds, now) {
        Ok((draws, entries)) => {
            publish(&mut tx, &mut line, News { draws, entries }).await?;
            kill::point("draw.before_authorize");
            tx.commit(AuthorizeForPaymentResponse {}).await
        }
        Err(refusal) if refusal.kind == Kind::Precondition => {
            // Kept: a driver that comes after this one must get the same answer, though there is room by then.
            payments::end(&tx, named.payment, &refusal).await?;
            tx.commit_rows().await?;
            Err(refusal.into())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// The draws of a payment; refuses where what it names is a purchase.
async fn of_payment(tx: &WriteTx, line: &Line, named: &PaymentRef) -> Result<Vec<Draw>, AppError> {
    let tenant = &tx.call().tenant;
    let own = draws::of_payment(tx.conn(), tenant, (line.id, named.payment)).await?;
    if own.is_empty()
        && let Some(draw) = draws::find(tx.conn(), tenant, (line.id, Id::from_uuid(named.payment))).await?
    {
        draw.must_be_of_payment()?;
    }
    Ok(own)
}

/// Makes all that the payment has reserved owed, due by the term from the day that it is for the tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `DRAW_STATE` for a payment that has reserved nothing, `HOLD_OWNER` for a purchase.
pub async fn capture(app: &App, call: &Call, named: &PaymentRef) -> Result<Answer<CaptureForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut line = locked(&tx, &named.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut own = of_payment(&tx, &line, named).await?;
    if own.is_empty() || own.iter().any(|draw| draw.state == DrawState::Voided) {
        return Err(Refusal::state("DRAW_STATE", "The payment's draw", DrawState::Voided.name(), &[]).into());
    }
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let mut entries = Vec::with_capacity(own.len());
    for draw in &mut own {
        entries.extend(line.capture(draw, today, now)?);
    }
    let plans_allowed = programme_of(tx.conn(), &line, &named.line).await?.plans_allowed;
    let rendered = own.iter().map(|draw| render::draw(&call.tenant, &line, draw)).collect();
    if !entries.is_empty() {
        publish(&mut tx, &mut line, News { draws: own, entries }).await?;
    }
    kill::point("draw.before_capture");
    tx.commit(CaptureForPaymentResponse { draws: rendered, plans_allowed }).await
}

/// Gives back what the payment has reserved; what is captured stays so.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_OWNER` for a purchase.
pub async fn void(app: &App, call: &Call, named: &PaymentRef) -> Result<Answer<VoidForPaymentResponse>, AppError> {
    let mut tx: WriteTx = app.db.begin_forward(call).await?;
    let mut line = locked(&tx, &named.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut own = of_payment(&tx, &line, named).await?;
    let (now, mut entries) = (tx.now(), Vec::with_capacity(own.len()));
    for draw in &mut own {
        entries.extend(line.void(draw, now)?);
    }
    if !entries.is_empty() {
        publish(&mut tx, &mut line, News { draws: own, entries }).await?;
    }
    let message = "The payment was given up before it drew.";
    payments::end(&tx, named.payment, &Refusal::precondition("DRAW_STATE", message)).await?;
    kill::point("draw.before_void");
    tx.commit(VoidForPaymentResponse {}).await
}
