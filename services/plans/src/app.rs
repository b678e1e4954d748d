//! The resources that use cases need: the database, the flows, the other services.

use payterms_chassis::{Db, flow::Flows, page::PageSigner, peers::Peers};

/// The resources of a use case.
#[derive(Debug, Clone)]
pub struct App {
    /// The database of plans.
    pub db: Db,
    /// Signs page tokens.
    pub pages: PageSigner,
    /// The flows of plans.
    pub flows: Flows,
    /// The other services.
    pub peers: Peers,
}
