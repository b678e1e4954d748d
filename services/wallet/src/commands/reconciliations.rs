//! Commands about reconciliations with payment providers.

use chrono::{DateTime, Utc};
use payterms_chassis::page::Page;
use payterms_kernel::TenantId;
use payterms_wallet_domain::provider_difference::DifferenceState;
use uuid::Uuid;

/// Reconciles a period.
#[derive(Debug, Clone)]
pub struct ReconcileProvider {
    /// Its beginning, in real time.
    pub from: DateTime<Utc>,
    /// Its end, which is no part of it; none: now.
    pub to: Option<DateTime<Utc>>,
}

/// Settles a difference.
#[derive(Debug, Clone)]
pub struct SettleDifference {
    /// The difference.
    pub difference: Uuid,
    /// What was found and done.
    pub explanation: String,
}

/// Which reconciliations are listed.
#[derive(Debug, Clone)]
pub struct ListReconciliations {
    /// The tenant.
    pub tenant: TenantId,
    /// The page.
    pub page: Page,
}

/// Which differences are listed.
#[derive(Debug, Clone)]
pub struct ListDifferences {
    /// The tenant.
    pub tenant: TenantId,
    /// In which state; none: in any.
    pub state: Option<DifferenceState>,
    /// The page.
    pub page: Page,
}

/// Which payouts are listed.
#[derive(Debug, Clone)]
pub struct ListPayouts {
    /// The tenant.
    pub tenant: TenantId,
    /// The page.
    pub page: Page,
}

/// Which transactions are listed.
#[derive(Debug, Clone)]
pub struct ListTransactions {
    /// The tenant.
    pub tenant: TenantId,
    /// Of which payout; none: all.
    pub payout: Option<Uuid>,
    /// The page.
    pub page: Page,
}

/// Until when the balance at the provider is added up.
#[derive(Debug, Clone)]
pub struct ReadBalance {
    /// The tenant.
    pub tenant: TenantId,
    /// What moved before this instant; none: all.
    pub at: Option<DateTime<Utc>>,
}
