//! Commands on a tenant's plan settings.

use payterms_plans_domain::PlanSettings;

/// Which kinds of schedule are offered.
#[derive(Debug, Clone, Copy)]
pub struct OfferedKinds {
    /// A single deferral.
    pub deferral: bool,
    /// Instalments.
    pub instalments: bool,
}

/// Which intervals of instalments are offered.
#[derive(Debug, Clone, Copy)]
pub struct OfferedIntervals {
    /// Every seven days.
    pub weekly: bool,
    /// Every month.
    pub monthly: bool,
}

/// New values of settings, and which of them count.
#[derive(Debug, Clone)]
pub struct UpdateSettings {
    /// The new values. Fields that the mask does not name have their defaults and are not used.
    pub new: PlanSettings,
    /// The kinds; used if the mask names them.
    pub kinds: OfferedKinds,
    /// The intervals; used if the mask names them.
    pub intervals: OfferedIntervals,
    /// The fields to change.
    pub paths: Vec<String>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}
