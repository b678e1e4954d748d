//! Applications: from the start to a decision, of which nobody decides their own
//! (docs/domain/credit.md#applications).

use crate::{
    application_state::ApplicationState,
    attachment::{FileKind, MOST_ATTACHMENTS},
    decision::{MOST_REASONS, Outcome, PrincipalReason},
    link::MOST_LINKS,
    programme::{Customer, Programme},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Condition, Id, Kind, Marks, Money, Reason, Refusal};
use uuid::Uuid;

/// Days without a word of the applicant after which an application expires.
pub const EXPIRY_DAYS: i64 = 30;
/// Files of one application.
pub const MOST_FILES: usize = 24;

/// A customer's wish for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its id.
    pub id: Id<Application>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The programme.
    pub programme: Id<Programme>,
    /// The subject of who started it.
    pub applicant: String,
    /// Where it is.
    pub state: ApplicationState,
    /// Files so far, attachments among them.
    pub files: usize,
    /// Attachments so far.
    pub attachments: usize,
    /// Decisions of the policy so far; the last one is the advice.
    pub decisions: i64,
    /// The subject of who has claimed it; empty: nobody.
    pub reviewer: String,
    /// The limit that was granted.
    pub limit: Option<Money>,
    /// Principal reasons of a refusal.
    pub reasons: Vec<PrincipalReason>,
    /// What the person said.
    pub explanation: String,
    /// The line that was offered on it.
    pub line: Option<Uuid>,
    /// When the next one may be started.
    pub reapply_at: Option<DateTime<Utc>>,
    /// When it expires, while the applicant is to go on.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether the applicant has been asked for more since it was loaded.
    pub information_requested: bool,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// Counts its changes.
    pub version: i64,
    /// When it was started.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The cool-down that still runs.
#[must_use]
pub fn cool_down(until: DateTime<Utc>, programme: &Programme) -> Condition {
    let description = format!(
        "After the last answer of {:?} wait until {}.",
        programme.title,
        until.format("%Y-%m-%d %H:%M UTC")
    );
    let name = Reason::COOL_DOWN_ACTIVE.name();
    Condition { name, subject: programme.title.clone(), description }
}

/// Refuses an application against which something stands.
///
/// # Errors
/// `COOL_DOWN_ACTIVE` with `until` where that alone is, else `NOT_ELIGIBLE`, with every condition.
pub fn must_be_eligible(
    against: Vec<Condition>,
    cool_down_until: Option<DateTime<Utc>>,
) -> Result<(), Refusal> {
    let Some(first) = against.first() else { return Ok(()) };
    let alone = against.len() == 1 && first.name == Reason::COOL_DOWN_ACTIVE;
    let message = against
        .iter()
        .take(10)
        .map(|condition| condition.description.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let reason = if alone { Reason::COOL_DOWN_ACTIVE } else { Reason::NOT_ELIGIBLE };
    let refusal = Refusal::precondition(reason, message);
    let refusal = match cool_down_until {
        Some(until) => refusal.with("until", until.to_rfc3339()),
        None => refusal,
    };
    Err(refusal.with_conditions(against))
}

impl Application {
    /// Starts an application; what is against it was looked at.
    #[must_use]
    pub fn start(
        id: Id<Self>,
        programme: &Programme,
        customer: &Customer,
        applicant: String,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            customer: customer.id,
            programme: programme.id,
            applicant,
            state: ApplicationState::Started,
            files: 0,
            attachments: 0,
            decisions: 0,
            reviewer: String::new(),
            limit: None,
            reasons: Vec::new(),
            explanation: String::new(),
            line: None,
            reapply_at: None,
            expires_at: Some(now + TimeDelta::days(EXPIRY_DAYS)),
            information_requested: false,
            marks: Marks::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    fn must_be(&self, states: &[ApplicationState]) -> Result<(), Refusal> {
        if states.contains(&self.state) {
            return Ok(());
        }
        Err(Refusal::state(
            Reason::APPLICATION_STATE,
            "The application",
            self.state.name(),
            self.state.allowed(),
        ))
    }

    /// Refuses bank data where none is waited for.
    ///
    /// # Errors
    /// `APPLICATION_STATE`.
    pub fn must_take_bank_data(&self) -> Result<(), Refusal> {
        use ApplicationState::{AwaitingBankData, MoreInformation, Started};
        self.must_be(&[Started, AwaitingBankData, MoreInformation])
    }

    /// Waits for what comes by one more link.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `TOO_MANY_ITEMS`.
    pub fn link(&mut self, links: usize, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_take_bank_data()?;
        if links >= MOST_LINKS {
            return Err(Refusal::precondition(
                Reason::TOO_MANY_ITEMS,
                "An application has 10 links at most. Submit it, or start another.",
            ));
        }
        self.await_bank_data(now);
        Ok(())
    }

    fn await_bank_data(&mut self, now: DateTime<Utc>) {
        if self.state == ApplicationState::Started {
            self.state = ApplicationState::AwaitingBankData;
        }
        self.expires_at = Some(now + TimeDelta::days(EXPIRY_DAYS));
        self.touch(now);
    }

    /// Takes a file in.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `TOO_MANY_ITEMS`.
    pub fn upload(&mut self, kind: FileKind, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_take_bank_data()?;
        if self.files >= MOST_FILES {
            return Err(Refusal::precondition(
                Reason::TOO_MANY_ITEMS,
                "An application has 24 files at most. Withdraw it and send fewer.",
            ));
        }
        if kind == FileKind::Attachment {
            if self.attachments >= MOST_ATTACHMENTS {
                let message = "An application has 10 attachments at most. Submit it, or send statements in a bank's format.";
                return Err(Refusal::precondition(Reason::TOO_MANY_ITEMS, message));
            }
            self.attachments = self.attachments.saturating_add(1);
        }
        self.files = self.files.saturating_add(1);
        self.await_bank_data(now);
        Ok(())
    }

    /// Asks for the decision: linked accounts are read first.
    ///
    /// # Errors
    /// `APPLICATION_STATE`.
    pub fn submit(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        use ApplicationState::{AwaitingBankData, MoreInformation};
        self.must_be(&[AwaitingBankData, MoreInformation])?;
        self.state = ApplicationState::Submitted;
        self.expires_at = None;
        self.touch(now);
        Ok(())
    }

    /// Whether it can be decided on without an account that was read: a person looks at what is
    /// attached, and what the policy would know of accounts is missing.
    #[must_use]
    pub fn is_decided_by_sight(&self) -> bool {
        self.attachments > 0
    }

    /// Goes back to the applicant: what it was submitted with does not do.
    pub fn give_back(&mut self, now: DateTime<Utc>) {
        self.state = if self.reviewer.is_empty() {
            ApplicationState::AwaitingBankData
        } else {
            ApplicationState::MoreInformation
        };
        self.expires_at = Some(now + TimeDelta::days(EXPIRY_DAYS));
        self.touch(now);
    }

    /// The policy has given one more answer.
    pub fn was_answered(&mut self) {
        self.decisions = self.decisions.saturating_add(1);
    }

    /// Whether a person decides whatever the policy says: a file can be forged, and who has asked
    /// for more looks at it.
    #[must_use]
    pub fn goes_to_a_person(&self) -> bool {
        self.files > 0 || !self.reviewer.is_empty()
    }

    /// Goes to a person, with the policy's answer as advice.
    pub fn refer(&mut self, now: DateTime<Utc>) {
        self.over(ApplicationState::InReview, now);
    }

    /// The policy grants a limit: a line was offered.
    pub fn approve(&mut self, limit: Money, line: Uuid, now: DateTime<Utc>) {
        (self.limit, self.line) = (Some(limit), Some(line));
        self.over(ApplicationState::Approved, now);
    }

    /// The policy says no, for these reasons.
    pub fn decline(
        &mut self,
        programme: &Programme,
        reasons: Vec<PrincipalReason>,
        now: DateTime<Utc>,
    ) {
        self.reasons = reasons;
        self.reapply_at = Some(now + TimeDelta::days(programme.cool_down_days.into()));
        self.over(ApplicationState::Declined, now);
    }

    /// The applicant takes it back; once submitted that counts for the cool-down.
    ///
    /// # Errors
    /// `APPLICATION_STATE`.
    pub fn withdraw(&mut self, programme: &Programme, now: DateTime<Utc>) -> Result<(), Refusal> {
        use ApplicationState::{AwaitingBankData, InReview, MoreInformation, Started, Submitted};
        self.must_be(&[Started, AwaitingBankData, Submitted, InReview, MoreInformation])?;
        if self.decisions > 0 || self.state == Submitted {
            self.reapply_at = Some(now + TimeDelta::days(programme.cool_down_days.into()));
        }
        self.over(ApplicationState::Withdrawn, now);
        Ok(())
    }

    fn over(&mut self, state: ApplicationState, now: DateTime<Utc>) {
        self.state = state;
        self.expires_at = None;
        self.touch(now);
    }

    /// Expires where the applicant was to go on, and the time is over; false: nothing to do.
    pub fn expire(&mut self, now: DateTime<Utc>) -> bool {
        let over = self.state.is_open() && self.expires_at.is_some_and(|at| at <= now);
        if over {
            self.over(ApplicationState::Expired, now);
        }
        over
    }

    /// Somebody of the tenant takes it on; again changes nothing.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `SEPARATION_OF_DUTIES`, `CLAIMED` by another person.
    pub fn claim(&mut self, subject: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be(&[ApplicationState::InReview])?;
        if self.applicant == subject {
            let message = "Nobody decides their own application. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, Reason::SEPARATION_OF_DUTIES, message));
        }
        if !self.reviewer.is_empty() && self.reviewer != subject {
            return Err(Refusal::precondition(
                Reason::CLAIMED,
                "Another person has claimed the application. Ask them to release it.",
            ));
        }
        subject.clone_into(&mut self.reviewer);
        self.touch(now);
        Ok(())
    }

    /// Refuses who has not claimed it.
    fn must_be_claimed_by(&self, subject: &str) -> Result<(), Refusal> {
        self.must_be(&[ApplicationState::InReview])?;
        if self.reviewer != subject {
            return Err(Refusal::precondition(
                Reason::NOT_CLAIMED,
                "Claim the application first: one person decides it.",
            ));
        }
        Ok(())
    }

    /// Gives it back to the queue.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `NOT_CLAIMED`.
    pub fn release(&mut self, subject: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be_claimed_by(subject)?;
        self.reviewer.clear();
        self.touch(now);
        Ok(())
    }

    /// Asks the applicant for more.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `NOT_CLAIMED`.
    pub fn ask_for_more(
        &mut self,
        subject: &str,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be_claimed_by(subject)?;
        explanation.clone_into(&mut self.explanation);
        self.state = ApplicationState::MoreInformation;
        self.information_requested = true;
        self.expires_at = Some(now + TimeDelta::days(EXPIRY_DAYS));
        self.touch(now);
        Ok(())
    }

    /// A person approves or declines; the policy's answer is kept beside it.
    ///
    /// # Errors
    /// `APPLICATION_STATE`, `NOT_CLAIMED`, `SEPARATION_OF_DUTIES`, `LIMIT_ABOVE_CAP`.
    pub fn decide(
        &mut self,
        programme: &Programme,
        subject: &str,
        limit: Option<Money>,
        reasons: Vec<String>,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Refusal> {
        self.must_be_claimed_by(subject)?;
        self.claim(subject, now)?;
        explanation.clone_into(&mut self.explanation);
        if let Some(limit) = limit {
            programme.must_be_open()?;
            programme.must_allow(limit)?;
            self.limit = Some(limit);
            self.over(ApplicationState::Approved, now);
            return Ok(Outcome::Approve);
        }
        let reasons = reasons.into_iter().take(MOST_REASONS);
        self.decline(
            programme,
            reasons.map(|text| PrincipalReason { code: "REVIEWER".to_owned(), text }).collect(),
            now,
        );
        Ok(Outcome::Decline)
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
