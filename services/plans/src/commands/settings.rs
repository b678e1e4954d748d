//! What is asked of a tenant's plan settings.

use payterms_plans_domain::PlanSettings;

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct UpdateSettings {
    /// The values; what the mask does not name is fresh.
    pub new: PlanSettings,
    /// Whether a single deferral is among the kinds, and instalments.
    pub kinds: (bool, bool),
    /// Whether weekly is among the intervals, and monthly.
    pub intervals: (bool, bool),
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}
