//! What decides on draws of a payment.

use crate::{
    commands::draws::PaymentRef,
    messages::draws::in_plan,
    store::{customers, draws, programmes},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::{Draw, Line, Programme, draw::InPlan};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::ConnectionTrait;

/// The programme of a line.
pub(super) async fn programme_of<C: ConnectionTrait>(
    conn: &C,
    line: &Line,
    tenant: &TenantId,
) -> Result<Programme, AppError> {
    let found = programmes::find(conn, tenant, line.programme).await?;
    found.ok_or_else(|| AppError::Fault(format!("line {} without a programme", line.id)))
}

/// The programme's cap, and the invoice of the customer in a plan that bars new draws.
pub(super) async fn draw_bounds<C: ConnectionTrait>(
    conn: &C,
    line: &Line,
    tenant: &TenantId,
) -> Result<(Money, Option<InPlan>), AppError> {
    let programme = programme_of(conn, line, tenant).await?;
    if programme.draws_during_plans {
        return Ok((programme.cap, None));
    }
    let planned = customers::planned(conn, tenant, &[line.customer]).await?.remove(&line.customer);
    Ok((
        programme.cap,
        planned.map(|(invoice, plan)| in_plan(tenant, line.customer, invoice, plan)),
    ))
}

/// The draws of a payment; refuses where what it names is a purchase.
pub(super) async fn draws_of_payment(
    tx: &WriteTx,
    line: &Line,
    payment: &PaymentRef,
) -> Result<Vec<Draw>, AppError> {
    let tenant = &tx.call().tenant;
    let found = draws::of_payment(tx.conn(), tenant, line.id, payment.payment).await?;
    if found.is_empty()
        && let Some(draw) =
            draws::find(tx.conn(), tenant, line.id, Id::from_uuid(payment.payment)).await?
    {
        draw.must_be_of_payment()?;
    }
    Ok(found)
}
