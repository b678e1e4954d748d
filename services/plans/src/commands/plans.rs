//! Commands on plans.

use super::customers::CustomerRef;

use payterms_chassis::listing::Listing;
use payterms_kernel::{Id, Marks, Money, TenantId};
use payterms_plans_domain::{
    Customer, DateRange, Invoice, Plan, PlanState, Schedule, Verb, proposal::Proposal,
};

/// Names a plan.
#[derive(Debug, Clone)]
pub struct PlanRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer that pays it.
    pub customer: Id<Customer>,
    /// The plan.
    pub plan: Id<Plan>,
}

/// Proposes or previews a plan.
#[derive(Debug, Clone)]
pub struct ProposePlan {
    /// The customer of the invoices.
    pub customer: CustomerRef,
    /// The invoices.
    pub invoices: Vec<Id<Invoice>>,
    /// The schedule, and what else is proposed.
    pub proposal: Proposal,
    /// The tenant's own id of the plan, and labels; a preview has none.
    pub marks: Marks,
}

/// Approves a proposal, or accepts a counter-offer.
#[derive(Debug, Clone)]
pub struct AcceptPlan {
    /// Which plan.
    pub plan: PlanRef,
    /// `Approve` or `AcceptCounter`.
    pub verb: Verb,
    /// The open amount that the caller saw. If more is open now, the command is refused.
    pub total_seen: Money,
    /// The version that the caller read; empty: any.
    pub etag: String,
}

/// Ends a plan because a person decided so.
#[derive(Debug, Clone)]
pub struct EndPlan {
    /// Which plan.
    pub plan: PlanRef,
    /// `Refuse`, `Withdraw` or `Cancel`.
    pub verb: Verb,
    /// Why; empty if the customer withdraws.
    pub explanation: String,
}

/// Reinstates a plan, or declines a counter-offer.
#[derive(Debug, Clone)]
pub struct ExplainedChange {
    /// Which plan.
    pub plan: PlanRef,
    /// Why.
    pub explanation: String,
}

/// Offers another schedule.
#[derive(Debug, Clone)]
pub struct CounterPlan {
    /// For which plan.
    pub plan: PlanRef,
    /// The dates of the instalments.
    pub schedule: Schedule,
    /// For the customer to read.
    pub explanation: String,
}

/// Which plans are listed.
#[derive(Debug, Clone)]
pub struct ListPlans {
    /// The tenant.
    pub tenant: TenantId,
    /// Only plans of this customer; `None`: of all.
    pub customer: Option<Id<Customer>>,
    /// Only plans in one of these states; empty: in any.
    pub states: Vec<PlanState>,
    /// Only plans that cover this invoice.
    pub invoice: Option<Id<Invoice>>,
    /// Only plans whose next instalment falls due between these dates.
    pub next_due: DateRange,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

/// Who reads a plan's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryReader {
    /// A member of the customer, who does not see the names of the tenant's staff.
    Customer,
    /// The tenant, or another service.
    Tenant,
}

/// Names a plan whose history is read.
#[derive(Debug, Clone)]
pub struct PlanHistory {
    /// Which plan.
    pub plan: PlanRef,
    /// The reader.
    pub reader: HistoryReader,
}
