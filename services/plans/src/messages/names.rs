//! Resource names, both ways.

use crate::commands::{customers::CustomerRef, plans::PlanRef};
use payterms_chassis::names::Name;
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Customer, Plan};

/// The collections of a plan's name.
pub const PLAN: &[&str] = &["customers", "plans"];
/// The collections of an invoice's name.
pub const INVOICE: &[&str] = &["customers", "invoices"];

/// The customer in a resource name.
#[must_use]
pub fn customer_ref(name: &Name) -> CustomerRef {
    CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }
}

/// The plan of a resource name.
#[must_use]
pub fn plan_ref(name: &Name) -> PlanRef {
    PlanRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        plan: Id::from_uuid(name.id(1)),
    }
}

/// The name of a customer.
#[must_use]
pub fn customer_name(tenant: &TenantId, customer: Id<Customer>) -> String {
    format!("tenants/{tenant}/customers/{customer}")
}

/// The name of a plan.
#[must_use]
pub fn plan_name(tenant: &TenantId, customer: Id<Customer>, plan: Id<Plan>) -> String {
    format!("{}/plans/{plan}", customer_name(tenant, customer))
}
