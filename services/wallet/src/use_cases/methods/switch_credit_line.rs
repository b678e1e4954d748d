//! Makes a credit line a method, puts it aside, or removes it. The check and the change of the
//! pointers are one transaction, so that the card that replaces the line cannot be removed between
//! them.

use super::save::publish_methods;
use crate::{
    app::App,
    commands::methods::{LineState, SwitchCreditLine},
    messages::methods as messages,
    store::{
        customers,
        line_switches::{self, Switch},
        methods,
    },
};
use payterms_chassis::{Answer, AppError, Call, error::not_yet, kill};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::wallet::peers::v1::SwitchCreditLineResponse;
use payterms_wallet_domain::{MethodKind, PaymentMethod};

/// Switches a credit line as a method.
///
/// # Errors
/// `OTHER_METHOD_REQUIRED`; `COPY_BEHIND` where credit has heard of the customer first.
pub async fn switch_credit_line(
    app: &App,
    call: &Call,
    SwitchCreditLine { customer: named, line, to, number }: &SwitchCreditLine,
) -> Result<Answer<SwitchCreditLineResponse>, AppError> {
    let id = *line;
    let number = *number;
    let mut tx = app.db.begin_forward(call).await?;
    let mut saved = methods::lock(&tx, named.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // A fence: a driver that was believed dead and comes back must not undo a later switch.
    if line_switches::last(&tx, id)
        .await?
        .is_some_and(|last| last.number > number || (last.number == number && last.refused))
    {
        let message = "This switch of the line was refused, or a later one came. Begin anew.";
        return Err(Refusal::precondition(Reason::OTHER_METHOD_REQUIRED, message).into());
    }
    if customers::find(tx.conn(), &named.tenant, named.customer).await?.is_none() {
        let message =
            "The customer of the line is not known here yet. Retry with the same request id.";
        return Err(not_yet(Reason::COPY_BEHIND, message));
    }
    let now = tx.now();
    let today = tx.today();
    let found = methods::find(tx.conn(), &named.tenant, named.customer, id)
        .await?
        .filter(|method| method.kind == MethodKind::CreditLine);
    let mut method = found.unwrap_or_else(|| PaymentMethod::of_line(id, now));
    match to {
        LineState::Off => {
            if let Err(refusal) = saved.put_aside(id, today) {
                line_switches::save(&tx, id, Switch { number, refused: true }).await?;
                tx.commit_rows().await?;
                return Err(refusal.into());
            }
        }
        LineState::Removed => saved.remove(id, today),
        LineState::On => {
            method.active = true;
            saved.switch_on(&method);
        }
    }
    method.active = saved.get(id).is_some();
    line_switches::save(&tx, id, Switch { number, refused: false }).await?;
    methods::save(&tx, named.customer, &method).await?;
    methods::save_pointers(&tx, named.customer, &saved).await?;
    let name = named.name();
    publish_methods(&mut tx, named, &saved, false).await?;
    kill::point("switch_credit_line.before_commit");
    let payment_methods =
        saved.active.iter().map(|method| messages::payment_method(&name, method, &saved)).collect();
    tx.commit(SwitchCreditLineResponse { payment_methods }).await
}
