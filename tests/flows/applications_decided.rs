//! A person decides an application: once it is claimed, never their own; who was refused, or has
//! withdrawn, waits out the cool-down.

use crate::{
    applications::{Desk, desk, known, statement},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    lines::{activate, usd},
    mails::{mails_of, text},
};
use payterms_chassis::call::Caller;
use payterms_proto::{
    credit::v1::{
        CreditApplication, Feature, GetCreditLineRequest, GetCreditOptionsRequest,
        ListApplicationsRequest, Outcome, Programme, ReleaseApplicationRequest,
        ReplayDecisionRequest, RequestInformationRequest, WithdrawApplicationRequest,
        credit_application::State, credit_line, obstacle::Reason,
    },
    invoicing::v1::MailKind,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, people::person, reason};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Code;
use tonic_types::StatusExt;

on_both!(
    an_uploaded_statement_is_decided_by_a_person,
    a_refusal_is_waited_out,
    nobody_decides_their_own_and_one_person_at_a_time,
    a_withdrawal_counts_once_it_was_submitted,
);

async fn an_uploaded_statement_is_decided_by_a_person(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let started = desk.start().await.unwrap();
    assert_eq!(started.state(), State::Started);
    assert_eq!(reason(&desk.submit(&started.name).await.unwrap_err()), "APPLICATION_STATE");
    let uploaded = desk.upload(&started.name, statement(40_000, 38_000)).await.unwrap();
    assert_eq!((uploaded.state(), uploaded.files[0].booking_count), (State::AwaitingBankData, 24));
    let again = desk.upload(&started.name, statement(40_000, 38_000)).await.unwrap();
    assert_eq!(again.files, uploaded.files, "the same file is there already");
    let (conn, credit) = world.rows("credit").await;
    let kept =
        format!("SELECT count(*) AS told FROM {credit}bank_files WHERE mapping LIKE '%55555555%'");
    let kept = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), kept))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.try_get::<i64>("", "told").unwrap(), 0, "the mapping keeps no account number");
    let submitted = desk.submit(&started.name).await.unwrap();
    assert_eq!(
        (submitted.state(), submitted.advice),
        (State::InReview, None),
        "uploaded statements always go to a person"
    );
    // The queue, and the policy's answer as advice.
    let queue = ListApplicationsRequest {
        parent: "tenants/acme".into(),
        states: vec![State::InReview.into()],
        ..ListApplicationsRequest::default()
    };
    let queue = desk
        .reviewer
        .applications()
        .list_applications(queue)
        .await
        .unwrap()
        .into_inner()
        .credit_applications;
    assert_eq!(queue.len(), 1);
    let advice = desk.read(&desk.reviewer, &started.name).await.advice.unwrap();
    let known = |feature: Feature| known(&advice, feature);
    assert_eq!(
        (known(Feature::MonthlyInflow), known(Feature::MonthsOfHistory)),
        (Some("40000".into()), Some("12".into()))
    );
    assert_eq!(known(Feature::PayerConcentration), Some("1".into()));
    let texts: Vec<_> =
        advice.reasons.iter().map(|principal_reason| principal_reason.code.as_str()).collect();
    assert_eq!((advice.outcome(), texts.first().copied()), (Outcome::Refer, Some("ONE_PAYER")));
    let replay = ReplayDecisionRequest { name: started.name.clone() };
    let replayed = desk.reviewer.applications().replay_decision(replay).await.unwrap().into_inner();
    assert!(replayed.identical, "the same bytes for ever");
    // Claimed and approved: a line is offered.
    assert_eq!(reason(&desk.decide(&started.name, Some(5_000)).await.unwrap_err()), "NOT_CLAIMED");
    desk.claim(&desk.reviewer, &started.name).await.unwrap();
    assert_eq!(
        reason(&desk.decide(&started.name, Some(50_001)).await.unwrap_err()),
        "LIMIT_ABOVE_CAP"
    );
    let approved = desk.decide(&started.name, Some(5_000)).await.unwrap();
    assert_eq!((approved.state(), approved.limit.clone()), (State::Approved, usd(5_000)));
    let seen = desk.read(&desk.admin, &started.name).await;
    assert_eq!(
        (seen.reviewer.as_str(), seen.advice.unwrap().would_pass.len()),
        ("", 0),
        "for customers without what is the tenant's"
    );
    let line = desk
        .admin
        .lines()
        .get_credit_line(GetCreditLineRequest { name: approved.credit_line.clone() })
        .await
        .unwrap();
    let line = line.into_inner().credit_line.unwrap();
    assert_eq!(
        (line.state(), line.limit.clone(), line.application),
        (credit_line::State::Offered, usd(5_000), started.name)
    );
    assert_eq!(
        activate(&desk.admin, &line.name).await.unwrap().state(),
        credit_line::State::Active
    );
    invariants::hold(world).await;
}

async fn a_refusal_is_waited_out(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 60, ..Programme::default() }).await;
    let name = desk.submitted().await;
    assert_eq!(reason(&desk.start().await.unwrap_err()), "NOT_ELIGIBLE", "one is open");
    desk.claim(&desk.reviewer, &name).await.unwrap();
    let declined = desk.decide(&name, None).await.unwrap();
    assert_eq!(
        (declined.state(), declined.reasons[0].text.as_str()),
        (State::Declined, "Little history.")
    );
    assert!(declined.reapply_time.is_some());
    let mail = mails_of(&desk.owner, MailKind::CreditDeclined, 1).await.remove(0);
    assert!(text(&desk.owner, &mail).await.contains("- Little history."));
    let early = desk.start().await.unwrap_err();
    let until = early.get_error_details().error_info().unwrap().metadata["until"].clone();
    assert_eq!(
        (reason(&early), until.as_str()),
        ("COOL_DOWN_ACTIVE".to_owned(), "2026-03-02T00:00:00+00:00")
    );
    let options = GetCreditOptionsRequest { parent: desk.customer.clone() };
    let option = desk
        .admin
        .programmes()
        .get_credit_options(options)
        .await
        .unwrap()
        .into_inner()
        .options
        .remove(0);
    let obstacle =
        (option.obstacles[0].reason(), option.obstacles[0].until_time.map(|at| at.seconds));
    assert_eq!(
        (option.eligible, obstacle),
        (false, (Reason::CoolDownActive, Some(START + 60 * DAY)))
    );
    advance(world, START + 60 * DAY).await;
    let second = desk.start().await.unwrap();
    assert_eq!(second.state(), State::Started, "the second try");
    // Left alone it expires, without another cool-down.
    advance(world, START + 91 * DAY).await;
    assert_eq!(desk.read(&desk.admin, &second.name).await.state(), State::Expired);
    let third = desk.start().await.unwrap();
    let back = WithdrawApplicationRequest {
        request_id: request_id(),
        name: third.name,
        ..Default::default()
    };
    let back = desk
        .admin
        .applications()
        .withdraw_application(back)
        .await
        .unwrap()
        .into_inner()
        .credit_application
        .unwrap();
    assert_eq!((back.state(), back.reapply_time), (State::Withdrawn, None));
    credit_agrees(world).await;
}

pub(crate) async fn nobody_decides_their_own_and_one_person_at_a_time(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.submitted().await;
    desk.claim(&desk.owner, &name).await.unwrap();
    assert_eq!(reason(&desk.claim(&desk.reviewer, &name).await.unwrap_err()), "CLAIMED");
    let release = ReleaseApplicationRequest {
        request_id: request_id(),
        name: name.clone(),
        ..Default::default()
    };
    desk.owner.applications().release_application(release).await.unwrap();
    desk.claim(&desk.reviewer, &name).await.unwrap();
    let ask = RequestInformationRequest {
        request_id: request_id(),
        name: name.clone(),
        explanation: "January, please.".into(),
        ..Default::default()
    };
    desk.reviewer.applications().request_information(ask).await.unwrap();
    assert_eq!(desk.read(&desk.admin, &name).await.explanation, "January, please.");
    desk.upload(&name, statement(41_000, 38_000)).await.unwrap();
    assert_eq!(desk.submit(&name).await.unwrap().state(), State::InReview);
    let back = WithdrawApplicationRequest { request_id: request_id(), name, ..Default::default() };
    desk.admin.applications().withdraw_application(back).await.unwrap();
    // The same person on both sides.
    advance(world, START + 91 * DAY).await;
    let same = |role: &str, customer: Option<&str>| {
        let person = Caller { subject: "test:both".into(), ..person("acme", role, customer) };
        Session::new(world.suite.gateway, &world.suite.token(&person, 600).unwrap()).unwrap()
    };
    let (applicant, decider) = (same("BILLING_MANAGER", Some(&desk.customer)), same("ADMIN", None));
    let desk = Desk { admin: applicant, ..desk };
    let text = desk.submitted().await;
    let refused = desk.claim(&decider, &text).await.unwrap_err();
    assert_eq!(
        (reason(&refused), refused.code()),
        ("SEPARATION_OF_DUTIES".to_owned(), Code::PermissionDenied)
    );
}

impl Desk {
    pub(crate) async fn withdraw(&self, name: &str) -> CreditApplication {
        let request = WithdrawApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            ..Default::default()
        };
        self.admin
            .applications()
            .withdraw_application(request)
            .await
            .unwrap()
            .into_inner()
            .credit_application
            .unwrap()
    }
}

async fn a_withdrawal_counts_once_it_was_submitted(world: &World) {
    let desk = desk(world, Programme { cool_down_days: 30, ..Programme::default() }).await;
    let early = desk.start().await.unwrap().name;
    assert_eq!(desk.withdraw(&early).await.reapply_time, None);
    let name = desk.submitted().await;
    let back = desk.withdraw(&name).await;
    let until = START + 30 * DAY;
    assert_eq!(
        (back.state(), back.reapply_time.map(|timestamp| timestamp.seconds)),
        (State::Withdrawn, Some(until))
    );
    let refused = desk.start().await.unwrap_err();
    let text = refused.get_error_details().error_info().unwrap().metadata["until"].clone();
    assert_eq!(
        (reason(&refused).as_str(), text.as_str()),
        ("COOL_DOWN_ACTIVE", "2026-01-31T00:00:00+00:00")
    );
    advance(world, until - 1).await;
    assert_eq!(reason(&desk.start().await.unwrap_err()), "COOL_DOWN_ACTIVE");
    advance(world, until).await;
    assert_eq!(desk.start().await.unwrap().state(), State::Started);
    invariants::hold(world).await;
    credit_agrees(world).await;
}
