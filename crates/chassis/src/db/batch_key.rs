//! Which calls may share a batch.

use crate::wire::call::Call;
use payterms_kernel::TenantId;
use uuid::Uuid;

/// Calls with equal keys may share a batch. They have the same tenant, the same subject (the audit
/// trail names one for the whole batch), the same run of the test clock if there is one, and the
/// same shard. Batches of two shards lock no common row, so they can run at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub(super) tenant: TenantId,
    pub(super) subject: String,
    pub(super) run_id: Option<String>,
    pub(super) shard: u128,
}

/// Shards of a tenant. With two, the service decides one batch while the database writes the other.
const SHARDS: u128 = 2;

impl Key {
    /// The key of a call that changes one aggregate.
    #[must_use]
    pub fn of(call: &Call, aggregate: Uuid) -> Self {
        let shard = aggregate.as_u128() % SHARDS;
        Self {
            tenant: call.tenant.clone(),
            subject: call.caller.subject.clone(),
            run_id: call.caller.run_id.clone(),
            shard,
        }
    }

    /// The aggregate to which batch events of this process under this key belong. Each shard has
    /// its own, so that the two do not wait for each other's row in `aggregate_heads`.
    #[must_use]
    pub fn event_stream(&self, writer: Uuid) -> Uuid {
        Uuid::from_u128(writer.as_u128() ^ self.shard)
    }
}
