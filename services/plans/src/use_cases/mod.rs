//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod answer_plan;
pub mod collect_plan;
pub mod follow_invoice;
pub mod judge_plan;
pub mod move_plan;
pub mod plan_settings;
pub mod propose_plan;
pub mod read_plans;

use crate::{jobs, parse::PlanRef, render, store::plans};
use payterms_chassis::{
    AppError, Call, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_kernel::Refusal;
use payterms_plans_domain::{Actor, Plan, PlanState, Side};
use payterms_proto::plans::v1::{Plan as PlanMessage, PlanChanged};

/// What is told of a change beside the plan itself.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The place of the instalment that the customer is told of.
    pub(crate) announced: Option<usize>,
    /// Whether a try to collect has failed.
    pub(crate) collection_failed: bool,
}

/// The plan that a request names, its row locked. One that is being sent is not there yet.
async fn locked(tx: &WriteTx, named: &PlanRef) -> Result<Plan, AppError> {
    let found = plans::lock(tx.conn(), &named.tenant, named.plan).await?;
    let shown = |plan: &Plan| plan.customer == named.customer && plan.state != PlanState::Pending;
    Ok(found.filter(shown).ok_or_else(Refusal::not_found)?)
}

/// Saves a plan, tells how it stands, and lets it be judged when that is due.
pub(crate) async fn publish(tx: &mut WriteTx, plan: &mut Plan, news: News) -> Result<PlanMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    plans::save(tx.conn(), &tenant, plan).await?;
    let rendered = render::plan(&tenant, plan)?;
    let announced = news.announced.and_then(|place| rendered.instalments.get(place).cloned());
    let event = PlanChanged {
        plan: Some(rendered.clone()),
        edges: plan.taken.drain(..).map(|taken| render::edge(&taken, false)).collect(),
        announced,
        collection_failed: news.collection_failed,
    };
    let id = plan.id.to_string();
    tx.emit("plan", &id, &event).await?;
    match plan.next_judgement(tx.time().zone) {
        Some(at) => schedule(tx, jobs::JUDGE, &id, at).await?,
        None => cancel(tx, jobs::JUDGE, &id).await?,
    }
    Ok(rendered)
}

/// Who calls, on which side: the access table lets no other side call the method.
fn actor(call: &Call, side: Side) -> Actor {
    Actor { side, subject: call.caller.subject.clone() }
}
