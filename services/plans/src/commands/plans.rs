//! What is asked of plans.

use super::customers::CustomerRef;
use chrono::NaiveDate;
use payterms_kernel::{Id, Money, TenantId};
use payterms_plans_domain::{Customer, Invoice, Plan, PlanState, Schedule, Verb, proposal::Proposal};

/// Names a plan.
#[derive(Debug, Clone)]
pub struct PlanRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The plan.
    pub plan: Id<Plan>,
}

/// A plan is proposed or previewed.
#[derive(Debug, Clone)]
pub struct ProposePlan {
    /// Whose invoices they are.
    pub customer: CustomerRef,
    /// The invoices.
    pub invoices: Vec<Id<Invoice>>,
    /// The rest.
    pub proposal: Proposal,
}

/// A proposal or a counter-offer is accepted.
#[derive(Debug, Clone)]
pub struct AcceptPlan {
    /// Which plan.
    pub plan: PlanRef,
    /// Approve, or accept the counter-offer.
    pub verb: Verb,
    /// What was open in all when it was read.
    pub total_seen: Money,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// A plan ends by somebody's word.
#[derive(Debug, Clone)]
pub struct EndPlan {
    /// Which plan.
    pub plan: PlanRef,
    /// Refuse, withdraw or cancel.
    pub verb: Verb,
    /// Why; empty where the customer does it.
    pub explanation: String,
}

/// A plan is reinstated, or a counter-offer declined.
#[derive(Debug, Clone)]
pub struct ExplainedChange {
    /// Which plan.
    pub plan: PlanRef,
    /// Why.
    pub explanation: String,
}

/// Another schedule is offered.
#[derive(Debug, Clone)]
pub struct CounterPlan {
    /// For which plan.
    pub plan: PlanRef,
    /// When is paid.
    pub schedule: Schedule,
    /// For the customer to read.
    pub explanation: String,
}

/// Which plans are listed.
#[derive(Debug, Clone)]
pub struct ListPlans {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<PlanState>,
    /// That cover this invoice.
    pub invoice: Option<Id<Invoice>>,
    /// Whose next instalment falls due between these dates.
    pub next_due: (Option<NaiveDate>, Option<NaiveDate>),
}

/// Whose history is read, and by whom.
#[derive(Debug, Clone)]
pub struct PlanHistory {
    /// Which plan.
    pub plan: PlanRef,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
