//! Verbs of applications: of the applicant, of people of the tenant, who never act on their own,
//! and of the policy.

mod attachments;
pub mod claim;
pub mod decide;
mod decide_by_policy;
pub mod describe;
pub mod download;
pub mod expire;
pub mod load;
pub mod read;
mod read_accounts;
pub mod release;
pub mod replay_decision;
pub mod request_information;
pub mod reseal;
pub mod save;
pub mod start;
pub mod submit;
pub mod upload;
pub mod withdraw;
