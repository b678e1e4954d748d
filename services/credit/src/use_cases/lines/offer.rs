//! Offers a line: without an application (pre-approval), or as what an approved one leads to.

use super::save::{DrawChanges, publish_line};
use crate::{
    app::App,
    commands::lines::OfferLine,
    messages::names::line_name,
    store::{customers, lines, programmes},
    use_cases::actor,
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_credit_domain::{Customer, Line, Programme, line::Offer};
use payterms_kernel::{Kind, Reason, Refusal, Side};
use payterms_proto::credit::v1::OfferLineResponse;

/// Offers a line to a customer who has not applied.
///
/// # Errors
/// Those of [`Line::offer`], `RESOURCE_NOT_FOUND`, `LINE_EXISTS`.
pub async fn offer_line(
    app: &App,
    call: &Call,
    command: &OfferLine,
) -> Result<Answer<OfferLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let programme = programmes::lock(tx.conn(), &call.tenant, command.programme)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let customer = customers::find(tx.conn(), &call.tenant, command.customer.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let offer = Offer {
        limit: command.limit,
        application: None,
        by: actor(call, Side::Tenant),
        explanation: command.explanation.clone(),
    };
    let mut line = new_line(&mut tx, &programme, &customer, offer).await?;
    let credit_line = Some(publish_line(&mut tx, &mut line, DrawChanges::default()).await?);
    tx.commit(OfferLineResponse { credit_line }).await
}

/// A line that is not saved yet, where the customer has none in the currency; the programme is
/// locked.
///
/// # Errors
/// Those of [`Line::offer`], `LINE_EXISTS`, `LINE_IN_USE`.
pub(crate) async fn new_line(
    tx: &mut WriteTx,
    programme: &Programme,
    customer: &Customer,
    offer: Offer,
) -> Result<Line, AppError> {
    let tenant = tx.call().tenant.clone();
    if let Some(line) =
        lines::live(tx.conn(), &tenant, customer.id, Some(programme.currency)).await?.first()
    {
        let name = line_name(&tenant, line);
        let message = format!(
            "The customer has a line in {} already. Change its limit, or close it first.",
            programme.currency
        );
        return Err(Refusal::new(Kind::Precondition, Reason::LINE_EXISTS, message)
            .with("credit_line", name)
            .into());
    }
    if let Some(old) =
        lines::owed_again(tx.conn(), &tenant, customer.id, programme.currency).await?
    {
        let message =
            "Something is owed again on a line of the customer that is over. Let it be paid first.";
        return Err(Refusal::precondition(Reason::LINE_IN_USE, message)
            .with("credit_line", line_name(&tenant, &old))
            .into());
    }
    let (id, now) = (tx.id(), tx.now());
    Ok(Line::offer(id, programme, customer, offer, now)?)
}
