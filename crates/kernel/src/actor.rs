//! The person or program that causes a change, and the side on which it stands.

/// The party for which an actor works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Somebody of the customer.
    Customer,
    /// Somebody of the tenant.
    Tenant,
    /// The suite itself.
    Suite,
}

crate::names! {
    /// The name that the contract gives the side.
    Side { Customer = "CUSTOMER", Tenant = "TENANT", Suite = "SUITE" }
}

/// The author of a change. A person is recorded by the token's subject alone, so that no name
/// enters the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The party for which the actor works.
    pub side: Side,
    /// The token's subject; empty for the suite.
    pub subject: String,
}

impl Actor {
    /// The suite itself, for changes that nobody requested, such as a job's.
    #[must_use]
    pub fn suite() -> Self {
        Self { side: Side::Suite, subject: String::new() }
    }
}
