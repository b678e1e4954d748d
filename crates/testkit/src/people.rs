//! People with tokens.

use payterms_chassis::call::Caller;

/// Someone with one role of a tenant; a member acts for the customer of that name.
#[must_use]
pub fn person(tenant: &str, role: &str, customer: Option<&str>) -> Caller {
    let customer = customer.and_then(|name| name.rsplit('/').next()).and_then(|id| id.parse().ok());
    let tenant = (role != "OPERATOR").then(|| tenant.parse().expect("a slug"));
    Caller {
        subject: format!("test:{}", role.to_lowercase()),
        roles: vec![role.to_owned()],
        tenant,
        customer,
        run_id: None,
    }
}
