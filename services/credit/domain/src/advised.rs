//! Advised limits: what the policy advises beyond what it offered at once, for a person to grant as
//! an increase of the line or to refuse (docs/domain/credit.md#advised-limits).

use crate::{
    application::Application,
    line::{Line, LineState, Taken},
    programme::{Customer, Programme},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Actor, Id, Kind, Money, Reason, Refusal};
use uuid::Uuid;

/// Days after which the statements are too old to grant by.
pub const LAPSE_DAYS: i64 = 45;

/// Where an advised limit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvisedState {
    /// A person is to decide.
    Open,
    /// The line's limit was raised.
    Granted,
    /// The line's limit stays.
    Refused,
    /// There is nothing to decide any more.
    Lapsed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    AdvisedState { Open = "OPEN", Granted = "GRANTED", Refused = "REFUSED", Lapsed = "LAPSED" }
}

impl AdvisedState {
    fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Open => &["DecideAdvisedLimit"],
            Self::Granted | Self::Refused | Self::Lapsed => &[],
        }
    }
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The line's limit from now on.
    Grant(Money),
    /// No, for these reasons, in order.
    Refuse(Vec<String>),
}

/// An increase of a line that the policy advises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisedLimit {
    /// Its id.
    pub id: Id<AdvisedLimit>,
    /// The line that it would raise.
    pub line: Id<Line>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The application with the decision that it comes from.
    pub application: Uuid,
    /// The subject of who applied.
    pub applicant: String,
    /// Where it is.
    pub state: AdvisedState,
    /// What was offered at once.
    pub offered: Money,
    /// What is advised, the offered limit included.
    pub advised: Money,
    /// What was granted.
    pub granted: Option<Money>,
    /// Principal reasons of a refusal.
    pub reasons: Vec<String>,
    /// What the person said.
    pub explanation: String,
    /// The subject of who decided; empty: nobody.
    pub decider: String,
    /// When it lapses, while it is open.
    pub expires_at: DateTime<Utc>,
    /// Counts its changes.
    pub version: i64,
    /// When it was advised.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Whether what happened to a line may end an advised limit of it. Purchases, which happen often,
/// do not.
#[must_use]
pub fn concerns(taken: &Taken) -> bool {
    taken.verb == "RAISE_LIMIT" || !can_be_raised(taken.to)
}

fn can_be_raised(state: LineState) -> bool {
    matches!(state, LineState::Offered | LineState::Active | LineState::Inactive)
}

impl AdvisedLimit {
    /// What the policy advises for a line that was just offered.
    #[must_use]
    pub fn of(
        id: Id<Self>,
        line: &Line,
        application: &Application,
        advised: Money,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            line: line.id,
            customer: line.customer,
            application: application.id.uuid(),
            applicant: application.applicant.clone(),
            state: AdvisedState::Open,
            offered: line.limit,
            advised,
            granted: None,
            reasons: Vec::new(),
            explanation: String::new(),
            decider: String::new(),
            expires_at: now + TimeDelta::days(LAPSE_DAYS),
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Refuses what is decided, and what lapses in this moment.
    fn must_be_open(&self, line: &Line, now: DateTime<Utc>) -> Result<(), Refusal> {
        let lapses = self.clone().lapse(line, now)?;
        let state = if lapses { AdvisedState::Lapsed } else { self.state };
        if state == AdvisedState::Open {
            return Ok(());
        }
        Err(Refusal::state(
            Reason::ADVISED_LIMIT_STATE,
            "The advised limit",
            state.name(),
            state.allowed(),
        ))
    }

    /// A person grants it or less, which raises the line's limit, or refuses it.
    ///
    /// # Errors
    /// `ADVISED_LIMIT_STATE`, `SEPARATION_OF_DUTIES`, `LIMIT_NOT_ADVISED`, those of
    /// [`Line::change_limit`].
    pub fn decide(
        &mut self,
        line: &mut Line,
        programme: &Programme,
        by: Actor,
        answer: Answer,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be_open(line, now)?;
        if self.applicant == by.subject {
            let message = "Nobody decides on an increase of their own. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, Reason::SEPARATION_OF_DUTIES, message));
        }
        by.subject.clone_into(&mut self.decider);
        match answer {
            Answer::Grant(limit) => {
                self.must_lie_between(line.limit, limit)?;
                line.change_limit(programme, limit, Vec::new(), by, now)?;
                self.granted = Some(limit);
                self.state = AdvisedState::Granted;
            }
            Answer::Refuse(reasons) => {
                self.reasons = reasons;
                self.state = AdvisedState::Refused;
            }
        }
        explanation.clone_into(&mut self.explanation);
        self.touch(now);
        Ok(())
    }

    fn must_lie_between(&self, present: Money, limit: Money) -> Result<(), Refusal> {
        if limit.compare(present)?.is_gt() && limit.compare(self.advised)?.is_le() {
            return Ok(());
        }
        let message = format!(
            "Grant a limit above {present}, which the line has, and of {} at most, which is advised.",
            self.advised
        );
        let refusal = Refusal::precondition(Reason::LIMIT_NOT_ADVISED, message);
        Err(refusal.with("limit", present.amount()).with("advised_limit", self.advised.amount()))
    }

    /// Lapses where it is open and its time is over, or its line is not one that can be raised to
    /// it any more; false: nothing to do.
    pub fn lapse(&mut self, line: &Line, now: DateTime<Utc>) -> Result<bool, Refusal> {
        let pointless = !can_be_raised(line.state) || line.limit.compare(self.advised)?.is_ge();
        let lapses = self.state == AdvisedState::Open && (pointless || self.expires_at <= now);
        if lapses {
            self.state = AdvisedState::Lapsed;
            self.touch(now);
        }
        Ok(lapses)
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

#[cfg(test)]
mod tests {
    use super::{AdvisedLimit, AdvisedState, Answer, concerns};
    use crate::{
        Application, Line, Programme, Suspension, Verb,
        line_tests::{active, customer, programme, usd},
    };
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Actor, Id, Refusal, Side};
    use uuid::Uuid;

    fn person(subject: &str) -> Actor {
        Actor { side: Side::Tenant, subject: subject.to_owned() }
    }

    /// A line of 1,000.00 for which 2,500.00 is advised.
    fn advised(now: DateTime<Utc>) -> (Line, AdvisedLimit) {
        let line = active(now);
        let application = Application::start(
            Id::from_uuid(Uuid::max()),
            &programme(),
            &customer("US", ""),
            "ada".into(),
            now,
        );
        let advised_limit =
            AdvisedLimit::of(Id::from_uuid(Uuid::nil()), &line, &application, usd(2_500), now);
        (line, advised_limit)
    }

    fn grant(
        line: &mut Line,
        advised_limit: &mut AdvisedLimit,
        limit: i64,
        subject: &str,
        programme: &Programme,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        advised_limit.decide(
            line,
            programme,
            person(subject),
            Answer::Grant(usd(limit)),
            "Good.",
            now,
        )
    }

    #[test]
    fn a_grant_lies_between_what_the_line_has_and_what_is_advised() {
        let now = DateTime::UNIX_EPOCH;
        for (limit, refused) in [
            (999, Some(Reason::LIMIT_NOT_ADVISED)),
            (1_000, Some(Reason::LIMIT_NOT_ADVISED)),
            (1_001, None),
            (2_500, None),
            (2_501, Some(Reason::LIMIT_NOT_ADVISED)),
        ] {
            let (mut line, mut advised_limit) = advised(now);
            let done = grant(&mut line, &mut advised_limit, limit, "bob", &programme(), now);
            assert_eq!(done.err().map(|refusal| refusal.reason), refused, "{limit}");
            let (state, has) = if refused.is_none() {
                (AdvisedState::Granted, limit)
            } else {
                (AdvisedState::Open, 1_000)
            };
            assert_eq!(
                (advised_limit.state, line.limit, advised_limit.granted),
                (state, usd(has), refused.is_none().then(|| usd(limit))),
                "{limit}"
            );
        }
        let (mut line, mut advised_limit) = advised(now);
        let lowered = Programme { cap: usd(2_000), ..programme() };
        assert_eq!(
            grant(&mut line, &mut advised_limit, 2_500, "bob", &lowered, now).unwrap_err().reason,
            Reason::LIMIT_ABOVE_CAP
        );
        assert_eq!(
            grant(&mut line, &mut advised_limit, 2_000, "ada", &lowered, now).unwrap_err().reason,
            Reason::SEPARATION_OF_DUTIES
        );
        grant(&mut line, &mut advised_limit, 2_000, "bob", &lowered, now).unwrap();
        assert_eq!(
            (advised_limit.decider.as_str(), line.taken.last().unwrap().verb.as_str()),
            ("bob", "RAISE_LIMIT")
        );
        assert_eq!(
            grant(&mut line, &mut advised_limit, 2_000, "bob", &lowered, now).unwrap_err().reason,
            Reason::ADVISED_LIMIT_STATE
        );
    }

    #[test]
    fn a_refusal_keeps_its_reasons_and_the_line_its_limit() {
        let now = DateTime::UNIX_EPOCH;
        let (mut line, mut advised_limit) = advised(now);
        let before = line.clone();
        let refuse = Answer::Refuse(vec!["Little history.".to_owned()]);
        advised_limit
            .decide(&mut line, &programme(), person("bob"), refuse, "Not yet.", now)
            .unwrap();
        assert_eq!(
            (advised_limit.state, advised_limit.reasons.as_slice(), line),
            (AdvisedState::Refused, &["Little history.".to_owned()][..], before)
        );
    }

    #[test]
    fn it_lapses_with_its_time_or_its_line() {
        let now = DateTime::UNIX_EPOCH;
        let (line, advised_limit) = advised(now);
        let late = now + TimeDelta::days(45);
        assert_eq!(
            (
                advised_limit.clone().lapse(&line, late - TimeDelta::seconds(1)),
                advised_limit.clone().lapse(&line, late)
            ),
            (Ok(false), Ok(true))
        );
        let refused =
            grant(&mut line.clone(), &mut advised_limit.clone(), 2_000, "bob", &programme(), late)
                .unwrap_err();
        assert_eq!(refused.reason, Reason::ADVISED_LIMIT_STATE, "also before the job has run");
        let mut put_aside = line.clone();
        put_aside.begin(Verb::Deactivate, person("ada"), "", now).unwrap();
        put_aside.moved(now);
        assert_eq!(
            advised_limit.clone().lapse(&put_aside, now),
            Ok(false),
            "it can be taken up again"
        );
        let mut suspended = line.clone();
        suspended.taken.clear();
        suspended.suspend(person("bob"), "Call us.", now).unwrap();
        assert_eq!(
            (suspended.suspensions.as_slice(), concerns(&suspended.taken[0])),
            (&[Suspension::ByTenant][..], true)
        );
        let mut lapsed = advised_limit.clone();
        assert_eq!(
            (lapsed.lapse(&suspended, now), lapsed.state, lapsed.lapse(&suspended, now)),
            (Ok(true), AdvisedState::Lapsed, Ok(false))
        );
        let mut raised = line.clone();
        raised.change_limit(&programme(), usd(2_499), Vec::new(), person("bob"), now).unwrap();
        assert_eq!(advised_limit.clone().lapse(&raised, now), Ok(false));
        raised.change_limit(&programme(), usd(2_500), Vec::new(), person("bob"), now).unwrap();
        assert_eq!(advised_limit.clone().lapse(&raised, now), Ok(true), "nothing is left to grant");
    }
}
