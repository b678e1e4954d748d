//! Links to an applicant's accounts: the page is made, the applicant finishes there, the token is
//! taken in, sealed, and forgotten when the application is over. The provider is asked outside of
//! transactions: it may be asked again.

pub mod check;
pub mod confirm;
pub mod forget;
pub mod link;
mod load;
mod save;
