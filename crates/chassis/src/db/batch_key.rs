//! Which calls may share a batch.

use crate::wire::call::Call;
use payterms_kernel::TenantId;
use uuid::Uuid;

/// Whose calls are done together: those of one tenant and one subject, who stands for all of a batch in the audit trail,
/// of one run of the tenant's test clock or of none, and of one shard: what is in two shards has no row in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) tenant: TenantId,
    pub(super) subject: String,
    pub(super) run_id: Option<String>,
    pub(super) shard: u128,
}

/// Shards of a tenant: while the database writes one batch the service makes the other.
const SHARDS: u128 = 2;

impl Key {
    /// The key of a call that changes the rows of one aggregate.
    #[must_use]
    pub fn of(call: &Call, aggregate: Uuid) -> Self {
        let shard = aggregate.as_u128() % SHARDS;
        Self { tenant: call.tenant.clone(), subject: call.caller.subject.clone(), run_id: call.caller.run_id.clone(), shard }
    }

    /// The aggregate that events of this process under this key belong to. Each shard has its own, so that versions of one
    /// do not wait for the other.
    #[must_use]
    pub fn event_stream(&self, writer: Uuid) -> Uuid {
        Uuid::from_u128(writer.as_u128() ^ self.shard)
    }
}
