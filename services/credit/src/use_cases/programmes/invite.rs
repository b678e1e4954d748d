//! A customer is invited to a programme, or no longer.

use super::load::lock_programme;
use crate::{
    app::App,
    commands::programmes::InviteCustomer,
    messages::names::{customer_name, programme_name},
    store::{customers, programmes},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{CustomerInvited, InviteCustomerResponse};

/// Invites a customer, or takes that back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PROGRAMME_STATE`.
pub async fn invite_customer(
    app: &App,
    call: &Call,
    command: &InviteCustomer,
) -> Result<Answer<InviteCustomerResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let programme = lock_programme(&tx, &command.programme).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    programme.must_be_open()?;
    customers::find(tx.conn(), &call.tenant, command.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    programmes::invite(tx.conn(), &call.tenant, programme.id, command.customer, command.invited)
        .await?;
    let event = CustomerInvited {
        programme: programme_name(&call.tenant, programme.id),
        customer: customer_name(&call.tenant, command.customer),
        invited: command.invited,
    };
    tx.emit("invitation", &format!("{}/{}", programme.id, command.customer), &event).await?;
    tx.commit(InviteCustomerResponse { invited: command.invited }).await
}
