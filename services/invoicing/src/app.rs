//! What the use cases work with.

use crate::{mailer::Mailer, tax_register::TaxRegister};
use payterms_chassis::{Db, flow::Flows, page::PageSigner, peers::Peers, webhooks::Webhooks};
use std::sync::Arc;

/// What the use cases work with.
#[derive(Debug, Clone)]
pub struct App {
    /// Invoicing's database.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// Invoicing's flows.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
    /// Where mails go.
    pub mailer: Mailer,
    /// Where tax numbers are looked up, where that is configured.
    pub tax_register: Option<Arc<dyn TaxRegister>>,
    /// Where webhooks may go, and what seals their secrets.
    pub webhooks: Webhooks,
}
