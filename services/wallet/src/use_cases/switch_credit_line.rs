//! Makes a credit line a method, puts it aside, or removes it: check and pointers in one transaction, so that the card
//! which takes its place cannot be removed between them.

use crate::{
    App,
    parse::CustomerRef,
    render_payments as render,
    store::{line_switches, methods},
};
use payterms_chassis::{Answer, AppError, Call, Fields, kill};
use payterms_kernel::{Id, Refusal, calendar::day_in};
use payterms_proto::wallet::v1::{SwitchCreditLineRequest, SwitchCreditLineResponse, switch_credit_line_request::To};
use payterms_wallet_domain::{MethodKind, PaymentMethod};
use tonic::Request;

/// What becomes of a line's method.
#[derive(Debug, Clone, Copy)]
pub struct Switch {
    line: Id<PaymentMethod>,
    to: To,
    number: i64,
}

/// What is asked: whose line becomes what.
///
/// # Errors
/// All violations at once.
pub fn parse(request: Request<SwitchCreditLineRequest>) -> Result<(Call, CustomerRef, Switch), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("credit_line", &message.credit_line, &["customers", "creditLines"]);
    let to = fields.choice::<To>("to", message.to).unwrap_or(To::On);
    let named = CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) };
    Ok((
        fields.write(&message.request_id, name.tenant.clone())?,
        named,
        Switch { line: Id::from_uuid(name.id(1)), to, number: message.number },
    ))
}

/// Runs the verb.
///
/// # Errors
/// `OTHER_METHOD_REQUIRED`.
pub async fn run(
    app: &App,
    call: &Call,
    named: &CustomerRef,
    Switch { line: id, to, number }: Switch,
) -> Result<Answer<SwitchCreditLineResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut own = methods::lock(&tx, named.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // A driver that was thought dead must not undo what came after it.
    if line_switches::last(&tx, id).await?.is_some_and(|(last, refused)| last > number || (last == number && refused)) {
        let message = "This switch of the line was refused, or a later one came. Begin anew.";
        return Err(Refusal::precondition("OTHER_METHOD_REQUIRED", message).into());
    }
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let known = methods::find(tx.conn(), &named.tenant, named.customer, id).await?.filter(|own| own.kind == MethodKind::CreditLine);
    let mut method = known.unwrap_or_else(|| PaymentMethod::of_line(id, now));
    match to {
        To::Off => {
            if let Err(refusal) = own.put_aside(id, today) {
                line_switches::note(&tx, id, (number, true)).await?;
                tx.commit_rows().await?;
                return Err(refusal.into());
            }
        }
        To::Removed => own.remove(id, today),
        To::On | To::Unspecified => {
            method.active = true;
            own.switch_on(&method);
        }
    }
    method.active = own.get(id).is_some();
    line_switches::note(&tx, id, (number, false)).await?;
    methods::save(&tx, named.customer, &method).await?;
    methods::save_pointers(&tx, named.customer, &own).await?;
    let name = named.name();
    tx.emit("payment_methods", &named.customer.to_string(), &render::methods_changed(&name, &own)).await?;
    kill::point("switch_credit_line.before_commit");
    let payment_methods = own.active.iter().map(|method| render::method(&name, method, &own)).collect();
    tx.commit(SwitchCreditLineResponse { payment_methods }).await
}
