//! What use cases get: the database, the flows, the other services, the committer of purchases, the
//! bank data.

use crate::{bank_data::BankData, commands::purchases::PurchaseItem};
use payterms_chassis::{
    Answer, AppError, Db, committer::Committer, flow::Flows, page::PageSigner, peers::Peers,
    seal::Seal,
};
use payterms_kernel::{Reason, Refusal};
use std::sync::Arc;
use uuid::Uuid;

/// Does purchases that wait together.
pub type PurchaseCommitter = Committer<PurchaseItem, Answer<Vec<u8>>>;

/// What the use cases work with.
#[derive(Clone)]
pub struct App {
    /// The database of credit.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The flows of credit.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
    /// Purchases, which are batched.
    pub purchases: PurchaseCommitter,
    pub(crate) provider: Option<Arc<dyn BankData>>,
    /// Seals the provider's tokens, and attachments; it is there where a provider is.
    pub(crate) seal: Option<Seal>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("db", &self.db).finish_non_exhaustive()
    }
}

impl App {
    /// The provider of bank data.
    ///
    /// # Errors
    /// `FEATURE_DISABLED` where this installation has none.
    pub fn bank_data(&self) -> Result<&Arc<dyn BankData>, AppError> {
        let message = "No provider of bank data is connected. Upload statements.";
        Ok(self
            .provider
            .as_ref()
            .ok_or_else(|| Refusal::precondition(Reason::FEATURE_DISABLED, message))?)
    }

    /// What seals attachments.
    ///
    /// # Errors
    /// `FEATURE_DISABLED` where this installation has no key.
    pub fn sealing(&self) -> Result<&Seal, AppError> {
        let message = "Attachments are not taken here: there is no key to seal them with. Upload a statement in a bank's format.";
        Ok(self
            .seal
            .as_ref()
            .ok_or_else(|| Refusal::precondition(Reason::FEATURE_DISABLED, message))?)
    }

    /// Seals what opens the accounts of a link.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`; a fault.
    pub fn seal(&self, link: Uuid, token: &str) -> Result<Vec<u8>, AppError> {
        self.sealing()?.seal(link, token).map_err(AppError::Fault)
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// `FEATURE_DISABLED`; a fault where the key is another.
    pub fn unseal(&self, link: Uuid, sealed: &[u8]) -> Result<String, AppError> {
        self.sealing()?.open(link, sealed).map_err(AppError::Fault)
    }
}
