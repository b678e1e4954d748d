//! What is asked of applications and of the links of an applicant's accounts.

use super::{bank_files::Reading, customers::CustomerRef};
use payterms_credit_domain::{Application, ApplicationState, BankLink, Customer, Programme};
use payterms_kernel::{Id, Marks, Money, TenantId};
use prost::bytes::Bytes;

/// Names an application.
#[derive(Debug, Clone)]
pub struct ApplicationRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The application.
    pub application: Id<Application>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// An application is started.
#[derive(Debug, Clone)]
pub struct StartApplication {
    /// By whom.
    pub customer: CustomerRef,
    /// Under which programme.
    pub programme: Id<Programme>,
    /// The tenant's own id of the application, and labels.
    pub marks: Marks,
}

/// A link is confirmed.
#[derive(Debug, Clone)]
pub struct ConfirmBankLink {
    /// The application that it is of.
    pub application: ApplicationRef,
    /// The link.
    pub link: Id<BankLink>,
}

/// A file is uploaded.
#[derive(Debug, Clone)]
pub struct UploadStatement {
    /// For which application.
    pub application: ApplicationRef,
    /// What it is called.
    pub title: String,
    /// The original.
    pub content: Bytes,
    /// How it is read.
    pub reading: Reading,
}

/// What would be read of a file.
#[derive(Debug, Clone)]
pub struct DescribeFile {
    /// For which application.
    pub application: ApplicationRef,
    /// The original.
    pub content: Bytes,
    /// How it is read.
    pub reading: Reading,
}

/// Names a file to download.
#[derive(Debug, Clone)]
pub struct BankFileRef {
    /// The application that it is of.
    pub application: ApplicationRef,
    /// SHA-256 of the original, in hexadecimal.
    pub sha256: String,
}

/// The applicant is asked for more.
#[derive(Debug, Clone)]
pub struct RequestInformation {
    /// For which application.
    pub application: ApplicationRef,
    /// What is lacking.
    pub explanation: String,
}

/// A person decides.
#[derive(Debug, Clone)]
pub struct DecideApplication {
    /// Which application.
    pub application: ApplicationRef,
    /// The limit of an approval; none: declined.
    pub limit: Option<Money>,
    /// Principal reasons of a refusal.
    pub reasons: Vec<String>,
    /// Why.
    pub explanation: String,
}

/// Which applications are listed.
#[derive(Debug, Clone)]
pub struct ListApplications {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<ApplicationState>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
