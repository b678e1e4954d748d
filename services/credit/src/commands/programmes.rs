//! What is asked of programmes.

use payterms_credit_domain::{Customer, Programme};
use payterms_kernel::{Id, TenantId};

/// Names a programme.
#[derive(Debug, Clone)]
pub struct ProgrammeRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The programme.
    pub programme: Id<Programme>,
}

/// A programme is changed.
#[derive(Debug, Clone)]
pub struct UpdateProgramme {
    /// Which programme.
    pub programme: ProgrammeRef,
    /// The new values; of these, the fields that `paths` names count.
    pub new: Programme,
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// An invitation, or its end.
#[derive(Debug, Clone)]
pub struct InviteCustomer {
    /// To which programme.
    pub programme: ProgrammeRef,
    /// Who.
    pub customer: Id<Customer>,
    /// Whether it is given.
    pub invited: bool,
}
