//! Snapshots: the present state of everything that plans publish as events.

use crate::{messages::plans::plan as plan_message, store::plans};
use payterms_chassis::{
    AppError, WriteTx, names,
    snapshots::{Snapshots, States},
};
use payterms_kernel::Id;
use payterms_plans_domain::PlanState;
use payterms_proto::plans::v1::PlanChanged;
use prost::Message;

/// All snapshots.
#[must_use]
pub fn all() -> Snapshots {
    Snapshots::default().with::<PlanChanged>("plan", plans_of)
}

fn plans_of<'a>(tx: &'a WriteTx, ids: &'a [String]) -> States<'a> {
    Box::pin(async move {
        let tenant = &tx.call().tenant;
        let ids: Vec<_> = ids.iter().filter_map(|id| names::uuid(id)).map(Id::from_uuid).collect();
        let plans = plans::find_many(tx.conn(), tenant, &ids).await?;
        // A pending plan was never published, and disappears if its invoices cannot be blocked.
        let visible = plans.iter().filter(|plan| plan.state != PlanState::Pending);
        let state = |plan| {
            Ok::<_, AppError>(
                PlanChanged { plan: Some(plan_message(tenant, plan)?), ..PlanChanged::default() }
                    .encode_to_vec(),
            )
        };
        visible.map(|plan| Ok((plan.id.to_string(), state(plan)?))).collect()
    })
}
