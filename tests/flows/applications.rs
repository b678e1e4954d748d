//! Applications for credit: uploaded statements, the policy's answer as advice, a person's
//! decision, the cool-down.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    lines::{activate, programme, usd},
    mails::{mails_of, text},
    rig::retry,
};
use payterms_chassis::call::Caller;
use payterms_proto::{
    common::v1::{CsvMapping, csv_mapping::DateOrder},
    credit::v1::{
        BackTestPolicyRequest, ClaimApplicationRequest, CreatePolicyRequest, CreditApplication,
        DecideApplicationRequest, Decision, Feature, GetApplicationRequest, GetCreditLineRequest,
        GetCreditOptionsRequest, GetPolicyRequest, InviteCustomerRequest, ListApplicationsRequest,
        ListPoliciesRequest, Outcome, Policy, Programme, PublishPolicyRequest,
        ReleaseApplicationRequest, ReplayDecisionRequest, RequestInformationRequest,
        StartApplicationRequest, SubmitApplicationRequest, TestPolicyRequest, UpdatePolicyRequest,
        UpdateProgrammeRequest, UploadBankStatementRequest, WithdrawApplicationRequest,
        credit_application::State, credit_line, obstacle::Reason, policy,
    },
    google::r#type::Decimal,
    invoicing::v1::MailKind,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, people::person, reason};
use sea_orm::{ConnectionTrait, Statement};
use std::fmt::Write;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    an_uploaded_statement_is_decided_by_a_person,
    a_refusal_is_waited_out,
    who_may_apply_is_told_with_every_reason,
    nobody_decides_their_own_and_one_person_at_a_time,
    a_policy_is_published_once_its_cases_pass_and_never_changes,
    what_is_no_statement_is_refused,
);

/// A customer, a programme for it, its admin, and two people of the tenant.
pub(crate) struct Desk {
    pub customer: String,
    pub programme: Programme,
    pub admin: Session,
    pub owner: Session,
    pub reviewer: Session,
}

pub(crate) async fn desk(world: &World, this_programme: Programme) -> Desk {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let programme = programme(&world.someone("OWNER", None), this_programme).await;
    desk_of(world, customer, programme).await
}

/// The same for a customer and a programme that are there.
pub(crate) async fn desk_of(world: &World, customer: String, programme: Programme) -> Desk {
    let (owner, reviewer) = (world.someone("OWNER", None), world.someone("ADMIN", None));
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    // Credit may not have heard of the customer yet.
    let options = GetCreditOptionsRequest { parent: customer.clone() };
    retry(async || admin.programmes().get_credit_options(options.clone()).await).await;
    Desk { customer, programme, admin, owner, reviewer }
}

/// Bookings of 2025, month by month: what comes in, and what goes out on the day after.
pub(crate) fn statement(inflow: i64, outflow: i64) -> Vec<u8> {
    let mut file = "Date,Who,Amount,Balance\n".to_owned();
    let mut balance = 20_000;
    for month in 1..=12 {
        balance += inflow;
        writeln!(file, "2025-{month:02}-05,Globex,{inflow}.00,{balance}.00").unwrap();
        balance -= outflow;
        writeln!(file, "2025-{month:02}-06,Rent,-{outflow}.00,{balance}.00").unwrap();
    }
    file.into_bytes()
}

pub(crate) fn mapping() -> CsvMapping {
    let date = |month, day| Some(payterms_proto::google::r#type::Date { year: 2025, month, day });
    CsvMapping {
        date_column: "Date".into(),
        date_order: DateOrder::YearMonthDay.into(),
        amount_column: "Amount".into(),
        balance_column: "Balance".into(),
        party_column: "Who".into(),
        account: "GB33BUKB20201555555555".into(),
        currency_code: "USD".into(),
        from_date: date(1, 1),
        to_date: date(12, 31),
        ..CsvMapping::default()
    }
}

/// What a decision knows of a feature.
pub(crate) fn known(advice: &Decision, feature: Feature) -> Option<String> {
    advice
        .features
        .iter()
        .find(|feature_value| feature_value.feature() == feature)
        .and_then(|feature_value| feature_value.value.clone())
        .map(|number| number.value)
}

impl Desk {
    pub(crate) async fn start(&self) -> Result<CreditApplication, Status> {
        let request = StartApplicationRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            programme: self.programme.name.clone(),
            ..Default::default()
        };
        Ok(self
            .admin
            .applications()
            .start_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    async fn upload(&self, name: &str, content: Vec<u8>) -> Result<CreditApplication, Status> {
        self.send(name, content, Some(mapping())).await
    }

    pub(crate) async fn send(
        &self,
        name: &str,
        content: Vec<u8>,
        csv: Option<CsvMapping>,
    ) -> Result<CreditApplication, Status> {
        let (name, title) = (name.to_owned(), "The year 2025".to_owned());
        let request = UploadBankStatementRequest {
            request_id: request_id(),
            name,
            title,
            content: content.into(),
            csv,
            preset: 0,
        };
        Ok(self
            .admin
            .applications()
            .upload_bank_statement(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn submit(&self, name: &str) -> Result<CreditApplication, Status> {
        let request = SubmitApplicationRequest { request_id: request_id(), name: name.to_owned() };
        Ok(self
            .admin
            .applications()
            .submit_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    /// An application that waits for a person.
    pub(crate) async fn submitted(&self) -> String {
        let name = self.start().await.unwrap().name;
        self.upload(&name, statement(40_000, 38_000)).await.unwrap();
        assert_eq!(self.submit(&name).await.unwrap().state(), State::InReview);
        name
    }

    pub(crate) async fn claim(
        &self,
        who: &Session,
        name: &str,
    ) -> Result<CreditApplication, Status> {
        let request = ClaimApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            ..Default::default()
        };
        Ok(who
            .applications()
            .claim_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn decide(
        &self,
        name: &str,
        limit: Option<i64>,
    ) -> Result<CreditApplication, Status> {
        let request = DecideApplicationRequest {
            request_id: request_id(),
            name: name.to_owned(),
            outcome: if limit.is_some() { Outcome::Approve } else { Outcome::Decline }.into(),
            limit: limit.and_then(usd),
            reasons: if limit.is_some() { Vec::new() } else { vec!["Little history.".into()] },
            explanation: "We looked at it together.".into(),
            ..Default::default()
        };
        Ok(self
            .reviewer
            .applications()
            .decide_application(request)
            .await?
            .into_inner()
            .credit_application
            .unwrap())
    }

    pub(crate) async fn read(&self, who: &Session, name: &str) -> CreditApplication {
        let request = GetApplicationRequest { name: name.to_owned() };
        who.applications()
            .get_application(request)
            .await
            .unwrap()
            .into_inner()
            .credit_application
            .unwrap()
    }
}

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

pub(crate) async fn who_may_apply_is_told_with_every_reason(world: &World) {
    let programme = Programme { tiers: vec!["gold".into()], ..Programme::default() };
    let desk = desk(world, programme).await;
    let refused = desk.start().await.unwrap_err();
    let texts: Vec<_> = refused
        .get_error_details()
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|precondition_violation| precondition_violation.r#type.clone())
        .collect();
    assert_eq!(
        (reason(&refused), texts),
        ("NOT_ELIGIBLE".to_owned(), vec!["TIER_NOT_ELIGIBLE".to_owned()])
    );
    let invite = InviteCustomerRequest {
        request_id: request_id(),
        name: desk.programme.name.clone(),
        customer: desk.customer.clone(),
        revoke: false,
        ..Default::default()
    };
    desk.owner.programmes().invite_customer(invite).await.unwrap();
    desk.start().await.unwrap();
    let member = world.someone("MEMBER", Some(&desk.customer));
    let request = StartApplicationRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        programme: desk.programme.name.clone(),
        ..Default::default()
    };
    assert_eq!(
        member.applications().start_application(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
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

pub(crate) async fn a_policy_is_published_once_its_cases_pass_and_never_changes(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.submitted().await;
    let policy = Policy { title: "Ours".into(), ..Policy::default() };
    let create = CreatePolicyRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        policy: Some(policy),
        ..Default::default()
    };
    let draft =
        desk.owner.policies().create_policy(create).await.unwrap().into_inner().policy.unwrap();
    assert_eq!((draft.state(), draft.number), (policy::State::Draft, 0));
    let standard = GetPolicyRequest { name: desk.programme.policy.clone() };
    let standard =
        desk.owner.policies().get_policy(standard).await.unwrap().into_inner().policy.unwrap();
    assert_eq!(
        (standard.terms.clone(), standard.state()),
        (draft.terms.clone(), policy::State::Published),
        "it begins as the standard one"
    );
    // Wrong in many ways, all told at once.
    let mut wrong = draft.clone();
    let terms = wrong.terms.as_mut().unwrap();
    terms.refer_at = terms.approve_at + 1;
    terms.scorecard[0].bins.swap(0, 1);
    let code = terms.rules[0].code.clone();
    terms.rules[1].code = code;
    let update =
        UpdatePolicyRequest { request_id: request_id(), policy: Some(wrong), ..Default::default() };
    let refused = desk.owner.policies().update_policy(update).await.unwrap_err();
    assert_eq!(
        (refused.code(), payterms_testkit::violations(&refused).len()),
        (Code::InvalidArgument, 4),
        "{refused:?}"
    );
    // Approves from more points than its cases have: it is not published.
    let mut strict = draft.clone();
    strict.terms.as_mut().unwrap().approve_at = 900;
    let update = UpdatePolicyRequest {
        request_id: request_id(),
        policy: Some(strict.clone()),
        ..Default::default()
    };
    desk.owner.policies().update_policy(update).await.unwrap();
    let tried = desk
        .owner
        .policies()
        .test_policy(TestPolicyRequest { name: draft.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .cases;
    assert_eq!(
        tried.iter().filter(|tried_case| !tried_case.passed).count(),
        2,
        "both that approve"
    );
    let publish = || PublishPolicyRequest {
        request_id: request_id(),
        name: draft.name.clone(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.owner.policies().publish_policy(publish()).await.unwrap_err()),
        "POLICY_CASES_FAILED"
    );
    // A larger share of the inflow; one payer is no matter, nor is a file that does not say what
    // came back.
    let mut ours = draft.clone();
    let terms = ours.terms.as_mut().unwrap();
    terms.rules.retain(|policy_rule| {
        !["ONE_PAYER", "RETURNS_UNKNOWN"].contains(&policy_rule.code.as_str())
    });
    ours.cases.retain(|policy_case| policy_case.title != "The files do not say what came back");
    let terms = ours.terms.as_mut().unwrap();
    terms.share_of_inflow = Some(Decimal { value: "0.16".into() });
    ours.cases[0].limit = usd(6_400);
    let update = UpdatePolicyRequest {
        request_id: request_id(),
        policy: Some(Policy { etag: String::new(), ..ours }),
        ..Default::default()
    };
    desk.owner.policies().update_policy(update).await.unwrap();
    let published =
        desk.owner.policies().publish_policy(publish()).await.unwrap().into_inner().policy.unwrap();
    assert_eq!((published.state(), published.number), (policy::State::Published, 1));
    let update = UpdatePolicyRequest {
        request_id: request_id(),
        policy: Some(Policy { etag: String::new(), ..published.clone() }),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.owner.policies().update_policy(update).await.unwrap_err()),
        "POLICY_STATE"
    );
    let tested = desk
        .owner
        .policies()
        .back_test_policy(BackTestPolicyRequest { name: draft.name.clone() })
        .await
        .unwrap();
    let tested = tested.into_inner().decisions.remove(0);
    assert_eq!(
        (tested.outcome(), tested.would_be(), tested.limit_would_be.clone()),
        (Outcome::Refer, Outcome::Approve, usd(6_400))
    );
    // From now on it decides; what was decided stays as it was.
    let programme = Programme {
        name: desk.programme.name.clone(),
        policy: draft.name.clone(),
        ..Programme::default()
    };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["policy".into()] });
    let update = UpdateProgrammeRequest {
        request_id: request_id(),
        programme: Some(programme),
        update_mask,
        ..Default::default()
    };
    desk.owner.programmes().update_programme(update).await.unwrap();
    let replayed = desk
        .owner
        .applications()
        .replay_decision(ReplayDecisionRequest { name: name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (replayed.identical, replayed.stored.unwrap().policy),
        (true, desk.programme.policy.clone())
    );
    let list = ListPoliciesRequest { parent: "tenants/acme".into(), ..Default::default() };
    assert_eq!(
        desk.owner.policies().list_policies(list).await.unwrap().into_inner().policies.len(),
        3,
        "both versions of the standard policy, and ours"
    );
}

async fn what_is_no_statement_is_refused(world: &World) {
    let desk = desk(world, Programme::default()).await;
    // After the last booking of the files.
    advance(world, START + 200 * DAY).await;
    let name = desk.start().await.unwrap().name;
    for content in [b"PK\x03\x04".to_vec(), b"Date,Amount\n".to_vec(), vec![0xFF, 0xFE]] {
        let refused = desk.upload(&name, content).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::InvalidArgument, "BANK_FILE_INVALID".to_owned())
        );
    }
    let camt = UploadBankStatementRequest {
        request_id: request_id(),
        name: name.clone(),
        title: "June".into(),
        content: include_bytes!("../../crates/suite/demo/statement.xml").to_vec().into(),
        ..UploadBankStatementRequest::default()
    };
    let read = desk
        .admin
        .applications()
        .upload_bank_statement(camt)
        .await
        .unwrap()
        .into_inner()
        .credit_application
        .unwrap();
    assert_eq!((read.state(), read.files[0].account_count), (State::AwaitingBankData, 1));
    invariants::hold(world).await;
}
