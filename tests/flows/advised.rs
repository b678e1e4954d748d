//! Advised limits: what the policy advises beyond what it offered, granted or refused by a person,
//! or lapsed.

use crate::{
    applications::{Desk, desk},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    lines::{activate, usd},
    mails::{mails, mails_of, text},
    underwriting::linked_to,
};
use payterms_chassis::call::Caller;
use payterms_proto::{
    credit::v1::{
        AdvisedLimit, ChangeLimitRequest, CloseLineRequest, CreditLine, DecideAdvisedLimitRequest,
        DecideAdvisedLimitResponse, DeclineLineRequest, GetAdvisedLimitRequest,
        GetCreditLineRequest, ListAdvisedLimitsRequest, ListLineHistoryRequest, Outcome, Programme,
        SuspendLineRequest, advised_limit::State, credit_line,
    },
    invoicing::v1::MailKind,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, people::person, reason, violations};
use tonic::{Code, Status};

on_both!(
    an_advised_limit_is_granted_in_one_step,
    a_refused_increase_is_mailed_with_its_reasons,
    nobody_grants_more_than_is_advised_nor_their_own,
    it_lapses_after_forty_five_days,
    it_lapses_with_its_line,
    other_people_and_tenants_see_nothing_of_it,
);

/// A line of 10,000.00 for which 22,500.00 is advised.
pub(crate) struct Advised {
    pub desk: Desk,
    pub limit: AdvisedLimit,
    pub line: String,
}

pub(crate) async fn advised(world: &World) -> Advised {
    let desk = desk(world, Programme::default()).await;
    let (shown, _) = linked_to(world, &desk, "bank_large").await;
    let advised_limit = queue(&desk.reviewer, &[State::Open]).await.remove(0);
    Advised { desk, limit: advised_limit, line: shown.credit_line }
}

async fn queue(who: &Session, states: &[State]) -> Vec<AdvisedLimit> {
    let request = ListAdvisedLimitsRequest {
        parent: "tenants/acme".into(),
        states: states.iter().map(|state| (*state).into()).collect(),
        ..ListAdvisedLimitsRequest::default()
    };
    who.lines().list_advised_limits(request).await.unwrap().into_inner().advised_limits
}

impl Advised {
    fn request(&self, limit: Option<i64>) -> DecideAdvisedLimitRequest {
        DecideAdvisedLimitRequest {
            request_id: request_id(),
            name: self.limit.name.clone(),
            outcome: if limit.is_some() { Outcome::Approve } else { Outcome::Decline }.into(),
            limit: limit.and_then(usd),
            reasons: if limit.is_some() {
                Vec::new()
            } else {
                vec!["Much of it is from one season.".into(), "Little history.".into()]
            },
            explanation: "We looked at your year.".into(),
            ..Default::default()
        }
    }

    async fn decide(
        &self,
        who: &Session,
        limit: Option<i64>,
    ) -> Result<DecideAdvisedLimitResponse, Status> {
        Ok(who.lines().decide_advised_limit(self.request(limit)).await?.into_inner())
    }

    async fn read(&self, who: &Session) -> AdvisedLimit {
        let request = GetAdvisedLimitRequest { name: self.limit.name.clone() };
        who.lines().get_advised_limit(request).await.unwrap().into_inner().advised_limit.unwrap()
    }

    async fn credit_line(&self) -> CreditLine {
        let request = GetCreditLineRequest { name: self.line.clone() };
        self.desk
            .admin
            .lines()
            .get_credit_line(request)
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
    }
}

pub(crate) async fn an_advised_limit_is_granted_in_one_step(world: &World) {
    let advised = advised(world).await;
    let (desk, advised_limit) = (&advised.desk, &advised.limit);
    assert_eq!(
        (
            advised_limit.state(),
            advised_limit.offered_limit.clone(),
            advised_limit.advised_limit.clone()
        ),
        (State::Open, usd(10_000), usd(22_500))
    );
    assert!(advised_limit.name.starts_with(&format!("{}/advisedLimits/", advised.line)));
    assert_eq!(
        advised_limit.expire_time.as_ref().map(|at| at.seconds),
        advised_limit.create_time.as_ref().map(|at| at.seconds + 45 * DAY)
    );
    let mail = mails_of(&desk.owner, MailKind::LineOffered, 1).await.remove(0);
    let this_text = text(&desk.owner, &mail).await;
    assert!(
        this_text.contains("up to 10,000.00")
            && this_text.contains("higher limit for you, up to 22,500.00"),
        "{this_text}"
    );
    assert_eq!(
        activate(&desk.admin, &advised.line).await.unwrap().state(),
        credit_line::State::Active
    );
    let request = advised.request(Some(20_000));
    let first =
        desk.reviewer.lines().decide_advised_limit(request.clone()).await.unwrap().into_inner();
    let again = desk.reviewer.lines().decide_advised_limit(request).await.unwrap().into_inner();
    assert_eq!(first, again, "the same request gives the same answer");
    let (decided, line) = (first.advised_limit.unwrap(), first.credit_line.unwrap());
    assert_eq!(
        (decided.state(), decided.granted_limit.clone(), decided.expire_time),
        (State::Granted, usd(20_000), None)
    );
    assert_eq!((line.limit.clone(), line.available.clone()), (usd(20_000), usd(20_000)));
    assert_eq!(advised.credit_line().await, line);
    let history = ListLineHistoryRequest {
        parent: advised.line.clone(),
        ..ListLineHistoryRequest::default()
    };
    let history = desk.owner.lines().list_line_history(history).await.unwrap().into_inner().entries;
    assert_eq!(
        history.last().map(|line_history_entry| (
            line_history_entry.verb.as_str(),
            line_history_entry.limit.clone()
        )),
        Some(("RAISE_LIMIT", usd(20_000)))
    );
    let mail = mails_of(&desk.owner, MailKind::IncreaseGranted, 1).await.remove(0);
    let this_text = text(&desk.owner, &mail).await;
    assert!(
        this_text.contains("20,000.00") && this_text.contains("We looked at your year."),
        "{this_text}"
    );
    assert_eq!(
        reason(&advised.decide(&desk.reviewer, None).await.unwrap_err()),
        "ADVISED_LIMIT_STATE"
    );
    assert_eq!(queue(&desk.reviewer, &[State::Open]).await, Vec::new(), "the queue is empty");
    assert_eq!(queue(&desk.reviewer, &[]).await.len(), 1);
    // What lapses later was decided before.
    advance(world, START + 60 * DAY).await;
    assert_eq!(advised.read(&desk.reviewer).await.state(), State::Granted);
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn a_refused_increase_is_mailed_with_its_reasons(world: &World) {
    let advised = advised(world).await;
    let desk = &advised.desk;
    let before = advised.credit_line().await;
    let unreasoned = DecideAdvisedLimitRequest { reasons: Vec::new(), ..advised.request(None) };
    let refused = desk.reviewer.lines().decide_advised_limit(unreasoned).await.unwrap_err();
    assert_eq!(violations(&refused), ["reasons: FIELD_REQUIRED"], "a refusal has reasons");
    let answer = advised.decide(&desk.reviewer, None).await.unwrap();
    let decided = answer.advised_limit.unwrap();
    assert_eq!(
        (decided.state(), decided.granted_limit.clone(), decided.reasons.len()),
        (State::Refused, None, 2)
    );
    assert_eq!(
        (answer.credit_line, advised.credit_line().await),
        (Some(before.clone()), before),
        "the line stays as it was"
    );
    let mail = mails_of(&desk.owner, MailKind::IncreaseRefused, 1).await.remove(0);
    let this_text = text(&desk.owner, &mail).await;
    assert!(
        this_text.contains("stays 10,000.00") && this_text.contains("22,500.00"),
        "{this_text}"
    );
    assert!(
        this_text.contains("- Much of it is from one season.\n- Little history."),
        "{this_text}"
    );
    let seen = advised.read(&desk.admin).await;
    assert_eq!(
        (seen.decider.as_str(), seen.reasons.clone()),
        ("", decided.reasons.clone()),
        "customers see why, not who"
    );
    assert!(!decided.decider.is_empty());
    invariants::hold(world).await;
}

async fn nobody_grants_more_than_is_advised_nor_their_own(world: &World) {
    let advised = advised(world).await;
    let desk = &advised.desk;
    for limit in [22_501, 10_000, 9_999, 50_001] {
        let refused = advised.decide(&desk.reviewer, Some(limit)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "LIMIT_NOT_ADVISED"),
            "{limit}"
        );
    }
    // The applicant, as a person of the tenant.
    let applicant = Caller {
        subject: person("acme", "CUSTOMER_ADMIN", Some(&desk.customer)).subject,
        ..person("acme", "ADMIN", None)
    };
    let applicant =
        Session::new(world.suite.gateway, &world.suite.token(&applicant, 600).unwrap()).unwrap();
    let refused = advised.decide(&applicant, Some(20_000)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "SEPARATION_OF_DUTIES")
    );
    let refused = advised.decide(&desk.admin, Some(20_000)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_REQUIRED")
    );
    // Raised by another way, and partly: what is left can still be granted; all of it, and there is
    // nothing left.
    let raise = async |limit: i64| {
        let change = ChangeLimitRequest {
            request_id: request_id(),
            name: advised.line.clone(),
            limit: usd(limit),
            ..Default::default()
        };
        desk.owner.lines().change_limit(change).await.unwrap();
    };
    raise(15_000).await;
    assert_eq!(
        reason(&advised.decide(&desk.reviewer, Some(15_000)).await.unwrap_err()),
        "LIMIT_NOT_ADVISED"
    );
    assert_eq!(advised.read(&desk.reviewer).await.state(), State::Open);
    raise(22_500).await;
    assert_eq!(advised.read(&desk.reviewer).await.state(), State::Lapsed);
    assert_eq!(
        reason(&advised.decide(&desk.reviewer, Some(22_500)).await.unwrap_err()),
        "ADVISED_LIMIT_STATE"
    );
    invariants::hold(world).await;
}

async fn it_lapses_after_forty_five_days(world: &World) {
    let advised = advised(world).await;
    let desk = &advised.desk;
    activate(&desk.admin, &advised.line).await.unwrap();
    advance(world, START + 44 * DAY).await;
    assert_eq!(advised.read(&desk.reviewer).await.state(), State::Open);
    advance(world, START + 46 * DAY).await;
    let lapsed = advised.read(&desk.reviewer).await;
    assert_eq!((lapsed.state(), lapsed.expire_time), (State::Lapsed, None));
    assert_eq!(
        reason(&advised.decide(&desk.reviewer, Some(20_000)).await.unwrap_err()),
        "ADVISED_LIMIT_STATE"
    );
    let kinds = [MailKind::IncreaseGranted, MailKind::IncreaseRefused];
    for kind in kinds {
        assert!(mails(&desk.owner, kind).await.is_empty(), "nobody has said no");
    }
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn it_lapses_with_its_line(world: &World) {
    let first = advised(world).await;
    let desk = &first.desk;
    let decline = DeclineLineRequest {
        request_id: request_id(),
        name: first.line.clone(),
        ..Default::default()
    };
    desk.admin.lines().decline_line(decline).await.unwrap();
    assert_eq!(first.read(&desk.reviewer).await.state(), State::Lapsed, "declined");
    // A line that nobody activates in 30 days.
    let again = async || {
        let (shown, _) = linked_to(world, desk, "bank_large").await;
        let advised_limit = queue(&desk.reviewer, &[State::Open]).await.remove(0);
        (advised_limit, shown.credit_line)
    };
    let read = async |advised_limit: &AdvisedLimit| {
        let request = GetAdvisedLimitRequest { name: advised_limit.name.clone() };
        desk.reviewer
            .lines()
            .get_advised_limit(request)
            .await
            .unwrap()
            .into_inner()
            .advised_limit
            .unwrap()
            .state()
    };
    let (expired, _) = again().await;
    advance(world, START + 31 * DAY).await;
    assert_eq!(read(&expired).await, State::Lapsed, "not activated");
    let (suspended, line) = again().await;
    activate(&desk.admin, &line).await.unwrap();
    let suspend = SuspendLineRequest {
        request_id: request_id(),
        name: line.clone(),
        explanation: "We talk first.".into(),
        ..Default::default()
    };
    desk.owner.lines().suspend_line(suspend).await.unwrap();
    assert_eq!(read(&suspended).await, State::Lapsed, "suspended");
    let close = |name: &str| CloseLineRequest {
        request_id: request_id(),
        name: name.to_owned(),
        explanation: "Agreed.".into(),
    };
    desk.owner.lines().close_line(close(&line)).await.unwrap();
    let (closed, line) = again().await;
    activate(&desk.admin, &line).await.unwrap();
    assert_eq!(read(&closed).await, State::Open, "an active line is waited for");
    desk.owner.lines().close_line(close(&line)).await.unwrap();
    assert_eq!(read(&closed).await, State::Lapsed, "closed");
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn other_people_and_tenants_see_nothing_of_it(world: &World) {
    let advised = advised(world).await;
    let desk = &advised.desk;
    let get = GetAdvisedLimitRequest { name: advised.limit.name.clone() };
    assert_eq!(
        advised.read(&desk.admin).await.state(),
        State::Open,
        "the customer sees that more is looked at"
    );
    let neighbour = world.customer("acme", "GB").await;
    let neighbour = world.someone("CUSTOMER_ADMIN", Some(&neighbour));
    world.tenant("globex").await;
    for who in [&neighbour, &world.of_tenant("globex", "OWNER", None)] {
        assert_eq!(
            reason(&who.lines().get_advised_limit(get.clone()).await.unwrap_err()),
            "RESOURCE_NOT_FOUND"
        );
        let list = ListAdvisedLimitsRequest {
            parent: desk.customer.clone(),
            ..ListAdvisedLimitsRequest::default()
        };
        assert_eq!(
            reason(&who.lines().list_advised_limits(list).await.unwrap_err()),
            "RESOURCE_NOT_FOUND"
        );
    }
    let of_customer = ListAdvisedLimitsRequest {
        parent: desk.customer.clone(),
        ..ListAdvisedLimitsRequest::default()
    };
    assert_eq!(
        desk.admin
            .lines()
            .list_advised_limits(of_customer)
            .await
            .unwrap()
            .into_inner()
            .advised_limits
            .len(),
        1
    );
    for role in ["STAFF", "MEMBER", "SERVICE"] {
        let who = world.someone(role, Some(&desk.customer));
        assert_eq!(
            reason(&who.lines().get_advised_limit(get.clone()).await.unwrap_err()),
            "ROLE_REQUIRED",
            "{role}"
        );
    }
}
