//! The means of the use cases.

use crate::{commands::batch::BatchCommitter, provider::PaymentProvider};
use payterms_chassis::{AppError, Db, flow::Flows, page::PageSigner};
use payterms_kernel::Refusal;
use std::sync::Arc;

/// The database, the flows, the committer and the provider that the use cases need.
#[derive(Clone)]
pub struct App {
    /// The wallet's database.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The wallet's flows.
    pub flows: Flows,
    /// Commits the calls of the batched verbs together.
    pub batches: BatchCommitter,
    /// The payment simulator, if one is connected.
    pub(crate) simulator: Option<Arc<dyn PaymentProvider>>,
}

impl App {
    /// The payment provider of that name.
    ///
    /// # Errors
    /// `METHOD_NOT_OFFERED` if this installation has none of that name.
    pub fn provider(&self, name: &str) -> Result<&Arc<dyn PaymentProvider>, AppError> {
        self.simulator.as_ref().filter(|_| name == "simulator").ok_or_else(|| {
            Refusal::precondition("METHOD_NOT_OFFERED", "No payment provider of that name is connected.").with("provider", name).into()
        })
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}
