//! What the use cases work with.

use crate::mailer::Mailer;
use payterms_chassis::{Db, flow::Flows, page::PageSigner, peers::Peers};

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
}
