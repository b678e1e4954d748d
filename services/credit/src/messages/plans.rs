//! What plans sends, as far as it says how a customer pays.

use crate::store::payment_history::PlanStanding;
use payterms_chassis::{AppError, names, render::money_of};
use payterms_kernel::{Id, Money};
use payterms_proto::plans::v1::{Instalment, Plan, plan::State};

/// How a plan stands; a fault where the message is not whole.
pub fn standing(plan: &Plan) -> Result<PlanStanding, AppError> {
    let fault = || AppError::Fault(format!("plan {:?} that plans sent", plan.name));
    let name = names::parse(&plan.name, &["customers", "plans"]).ok_or_else(fault)?;
    let invoice = |name: &str| {
        names::parse(name, &["customers", "invoices"]).map(|name| name.id(1)).ok_or_else(fault)
    };
    let paid = |instalment: &Instalment| {
        instalment.paid.as_ref().and_then(money_of).is_some_and(Money::is_positive)
    };
    let state = plan.state();
    Ok(PlanStanding {
        id: name.id(1),
        customer: Id::from_uuid(name.id(0)),
        // One that ended because all of it was credited was not paid.
        kept: state == State::Completed && plan.instalments.iter().any(paid),
        breached: plan.breach_count > 0,
        // One whose breach is disproved was kept, though a person has to make it active again.
        holds: matches!(state, State::Active | State::InGrace | State::Completed)
            || (state == State::Breached && !plan.breach_stands),
        missed: plan.instalment_missed,
        invoices: plan
            .invoices
            .iter()
            .map(|covered_invoice| invoice(&covered_invoice.invoice))
            .collect::<Result<_, _>>()?,
    })
}
