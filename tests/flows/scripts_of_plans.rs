//! What the random scripts do with payment plans: propose, approve, refuse, cancel, reinstate,
//! collect again.

use crate::{
    plans::{approve, deferral, monthly, proposal, propose},
    scripts::{Player, answered},
};
use payterms_proto::plans::v1::{
    CancelPlanRequest, ListPlansRequest, ProposePlanRequest, RefusePlanRequest,
    ReinstatePlanRequest, RetryPlanCollectionRequest, plan::State,
};
use payterms_suite::{Session, client::request_id};
use rand::{Rng, seq::IndexedRandom};

impl Player<'_> {
    /// A plan is proposed, or one is answered or ended.
    pub(crate) async fn plans(&mut self, customer: &str, admin: &Session) -> bool {
        let list =
            ListPlansRequest { parent: customer.into(), page_size: 100, ..Default::default() };
        let found = self
            .owner
            .plans()
            .list_plans(list)
            .await
            .map(|found| found.into_inner().plans)
            .unwrap_or_default();
        let live = [State::Proposed, State::Active, State::InGrace, State::Breached];
        let found: Vec<_> = found.into_iter().filter(|plan| live.contains(&plan.state())).collect();
        let some = found.choose(&mut self.dice).cloned();
        let (seed, Some(plan)) = (self.seed, some.filter(|_| self.dice.random())) else {
            let Some(invoice) = self.an_invoice(customer).await else { return false };
            let schedule = [monthly(2, 31), monthly(4, 15), deferral(2026, 1, 20)]
                .choose(&mut self.dice)
                .copied()
                .unwrap();
            let sent = ProposePlanRequest {
                collect_automatically: self.dice.random(),
                ..proposal(customer, &[&invoice], schedule)
            };
            return answered("propose", self.seed, &propose(admin, sent).await);
        };
        match (plan.state(), self.dice.random_range(0..4)) {
            (State::Proposed, 0) => {
                let no = RefusePlanRequest {
                    request_id: request_id(),
                    name: plan.name,
                    explanation: "No.".into(),
                };
                answered("refuse", seed, &self.owner.plans().refuse_plan(no).await)
            }
            (State::Proposed, _) => {
                answered("approve", seed, &approve(&self.owner, &plan, plan.open.clone()).await)
            }
            (State::Breached, _) => {
                let again = ReinstatePlanRequest {
                    request_id: request_id(),
                    name: plan.name,
                    explanation: String::new(),
                };
                answered("reinstate", seed, &self.owner.plans().reinstate_plan(again).await)
            }
            (_, 0) => {
                let cancel = CancelPlanRequest {
                    request_id: request_id(),
                    name: plan.name,
                    explanation: "Enough.".into(),
                };
                answered("cancel", seed, &self.owner.plans().cancel_plan(cancel).await)
            }
            _ => {
                let retry =
                    RetryPlanCollectionRequest { request_id: request_id(), name: plan.name };
                answered("collect", seed, &self.owner.plans().retry_plan_collection(retry).await)
            }
        }
    }
}
