//! Who does something, and on which side.

/// Whose doing something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Somebody of the customer.
    Customer,
    /// Somebody of the tenant.
    Tenant,
    /// The suite itself.
    Suite,
}

impl Side {
    /// All sides.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Tenant, Self::Suite];

    /// The name of the side, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMER",
            Self::Tenant => "TENANT",
            Self::Suite => "SUITE",
        }
    }
}

/// Who does something: of a person only the token's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Whose side.
    pub side: Side,
    /// The token's subject; empty for the suite.
    pub subject: String,
}

impl Actor {
    /// The suite.
    #[must_use]
    pub fn suite() -> Self {
        Self { side: Side::Suite, subject: String::new() }
    }
}
