//! Links to an applicant's accounts at a bank: made at the provider's page, read once an
//! application is submitted, forgotten once it is over (docs/domain/credit.md#bank-data).

use crate::application::Application;
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, Reason, Refusal};

/// Hours for which the page is open.
pub const PAGE_HOURS: i64 = 4;
/// Minutes between two questions whether the applicant is through.
pub const ASK_MINUTES: i64 = 10;
/// Links of one application.
pub const MOST_LINKS: usize = 10;

/// Where a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// The applicant has not finished at the page.
    Pending,
    /// Its accounts can be read.
    Linked,
    /// The bank lets us in no more.
    Broken,
    /// Nobody finished at the page in time.
    Expired,
    /// The provider was told to forget it.
    Removed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    LinkState { Pending = "PENDING", Linked = "LINKED", Broken = "BROKEN", Expired = "EXPIRED", Removed = "REMOVED" }
}

/// The way to the accounts that a person has at one bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankLink {
    /// Its id.
    pub id: Id<BankLink>,
    /// The application that it is for.
    pub application: Id<Application>,
    /// Where it is.
    pub state: LinkState,
    /// The provider's id of the page.
    pub page: String,
    /// The page.
    pub url: String,
    /// What the bank is called.
    pub institution: String,
    /// What opens the accounts, sealed; empty: nothing.
    pub token: Vec<u8>,
    /// Until when the page is open.
    pub expires_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl BankLink {
    /// A link whose page was made.
    #[must_use]
    pub fn open(
        id: Id<Self>,
        application: Id<Application>,
        page: String,
        url: String,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            application,
            state: LinkState::Pending,
            page,
            url,
            institution: String::new(),
            token: Vec::new(),
            expires_at: now + TimeDelta::hours(PAGE_HOURS),
            created_at: now,
        }
    }

    /// The applicant is through; a link that is gone stays gone.
    pub fn confirm(&mut self, institution: String, token: Vec<u8>) {
        if matches!(self.state, LinkState::Pending | LinkState::Expired | LinkState::Broken) {
            self.state = LinkState::Linked;
            self.institution = institution;
            self.token = token;
        }
    }

    /// Refuses what cannot be confirmed any more.
    ///
    /// # Errors
    /// `BANK_LINK_BROKEN`.
    pub fn must_be_confirmable(&self) -> Result<(), Refusal> {
        match self.state {
            LinkState::Pending | LinkState::Linked => Ok(()),
            LinkState::Broken | LinkState::Expired | LinkState::Removed => {
                Err(broken(&self.institution))
            }
        }
    }

    /// The bank lets us in no more, or the page ended without an account; true: it did before.
    pub fn break_up(&mut self) -> bool {
        let pending_or_linked = matches!(self.state, LinkState::Pending | LinkState::Linked);
        if pending_or_linked {
            self.state = LinkState::Broken;
        }
        pending_or_linked
    }

    /// Nobody finished in time; false: nothing to do.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let over = self.state == LinkState::Pending && self.expires_at <= now;
        if over {
            self.state = LinkState::Expired;
        }
        over
    }

    /// The provider has forgotten it.
    pub fn remove(&mut self) {
        self.state = LinkState::Removed;
        self.token.clear();
    }
}

/// Why a bank is not read.
#[must_use]
pub fn broken(institution: &str) -> Refusal {
    let bank = if institution.is_empty() { "The bank" } else { institution };
    Refusal::precondition(
        Reason::BANK_LINK_BROKEN,
        format!("{bank} does not let us in. Link the account again."),
    )
}
