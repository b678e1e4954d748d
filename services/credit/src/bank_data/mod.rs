//! The port to providers of bank data, and their adapters.

mod categories;
pub mod plaid;
pub mod simulator;

use chrono::NaiveDate;
use payterms_credit_domain::bank::Statement;
use payterms_kernel::TenantId;
use uuid::Uuid;

/// The provider did not answer, or not in a way that tells what happened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the provider of bank data gives no answer: {0}")]
pub struct Unknown(pub String);

/// The page where a person signs in at their bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedPage {
    /// The provider's id of it.
    pub id: String,
    /// Where the person goes.
    pub url: String,
}

/// What a person has opened to us.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What opens the accounts; nobody may see it.
    pub token: String,
    /// What the bank is called.
    pub institution: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("institution", &self.institution).finish_non_exhaustive()
    }
}

/// How a page stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageState {
    /// The person has not finished.
    Pending,
    /// They have.
    Opened(Opened),
    /// They cannot any more.
    Gone,
}

/// What came of reading accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// What each account tells.
    Statements(Vec<Statement>),
    /// The bank is still collecting.
    NotReady,
    /// The bank lets us in no more.
    Broken,
}

/// A provider of bank data. All calls but [`BankData::open_page`] may be repeated and change
/// nothing; a page that nobody visits ends by itself.
#[tonic::async_trait]
pub trait BankData: Send + Sync + 'static {
    /// Creates a linking page. The provider gets only an opaque customer number.
    async fn open_page(&self, tenant: &TenantId, customer: Uuid) -> Result<HostedPage, Unknown>;

    /// How a page stands.
    async fn page(&self, tenant: &TenantId, id: &str) -> Result<PageState, Unknown>;

    /// Reads the accounts over some days.
    async fn read(
        &self,
        tenant: &TenantId,
        token: &str,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Read, Unknown>;

    /// Lets the provider forget what was opened; again changes nothing.
    async fn forget(&self, tenant: &TenantId, token: &str) -> Result<(), Unknown>;
}
