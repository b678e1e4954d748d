//! Resource names, both ways.

use crate::commands::{customers::CustomerRef, lines::LineRef};
use payterms_chassis::names::Name;
use payterms_credit_domain::{Customer, Draw, Line, Policy, Programme};
use payterms_kernel::{Id, TenantId};

/// The collections of a line's name.
pub const LINE: &[&str] = &["customers", "creditLines"];
/// The collections of an advised limit's name.
pub const ADVISED_LIMIT: &[&str] = &["customers", "creditLines", "advisedLimits"];
/// The collections of a draw's name.
pub const DRAW: &[&str] = &["customers", "creditLines", "draws"];
/// The collections of a programme's name.
pub const PROGRAMME: &[&str] = &["programmes"];
/// The collections of a policy's name.
pub const POLICY: &[&str] = &["policies"];
/// The collections of an application's name.
pub const APPLICATION: &[&str] = &["customers", "creditApplications"];
/// The collections of a link's name.
pub const BANK_LINK: &[&str] = &["customers", "creditApplications", "bankLinks"];

/// The customer that a name begins with.
#[must_use]
pub fn customer_ref(name: &Name) -> CustomerRef {
    CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }
}

/// The line that a name begins with.
#[must_use]
pub fn line_ref(name: &Name) -> LineRef {
    LineRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        line: Id::from_uuid(name.id(1)),
    }
}

/// The name of a customer.
#[must_use]
pub fn customer_name(tenant: &TenantId, customer: Id<Customer>) -> String {
    format!("tenants/{tenant}/customers/{customer}")
}

/// The name of a programme.
#[must_use]
pub fn programme_name(tenant: &TenantId, programme: Id<Programme>) -> String {
    format!("tenants/{tenant}/programmes/{programme}")
}

/// The name of a policy.
#[must_use]
pub fn policy_name(tenant: &TenantId, policy: Id<Policy>) -> String {
    format!("tenants/{tenant}/policies/{policy}")
}

/// The name of a line.
#[must_use]
pub fn line_name(tenant: &TenantId, line: &Line) -> String {
    format!("{}/creditLines/{}", customer_name(tenant, line.customer), line.id)
}

/// The name of a draw.
#[must_use]
pub fn draw_name(tenant: &TenantId, line: &Line, draw: &Draw) -> String {
    format!("{}/draws/{}", line_name(tenant, line), draw.id)
}

/// The name of an application.
#[must_use]
pub fn application_name(
    tenant: &TenantId,
    customer: Id<Customer>,
    application: impl std::fmt::Display,
) -> String {
    format!("{}/creditApplications/{application}", customer_name(tenant, customer))
}
