//! Follows payment plans: what of a plan explains its invoices, and since when it is active
//! (docs/domain/invoicing.md#statement-lists).

use crate::store::{plan_copies, plan_periods};
use payterms_chassis::{AppError, WriteTx, names, render::instant_of};
use payterms_invoicing_domain::{Customer, Invoice};
use payterms_kernel::Id;
use payterms_proto::plans::v1::{Plan, plan::State};

/// Takes in how a plan stands.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn follow_plan(tx: &WriteTx, plan: &Plan) -> Result<(), AppError> {
    let fault = || AppError::Fault(format!("plan {:?}", plan.name));
    let name = names::parse(&plan.name, &["customers", "plans"]).ok_or_else(fault)?;
    let (customer, id): (Id<Customer>, _) = (Id::from_uuid(name.id(0)), name.id(1));
    plan_copies::save(tx, id, plan).await?;
    let at = plan.update_time.as_ref().and_then(instant_of).ok_or_else(fault)?;
    if plan.state() != State::Active {
        return plan_periods::end(tx, id, at).await;
    }
    let invoice =
        |name: &str| Some(Id::<Invoice>::from_uuid(name.rsplit('/').next().and_then(names::uuid)?));
    let invoices = plan
        .invoices
        .iter()
        .map(|covered_invoice| invoice(&covered_invoice.invoice).ok_or_else(fault))
        .collect::<Result<Vec<_>, _>>()?;
    plan_periods::begin(tx, id, customer, &invoices, at).await
}
