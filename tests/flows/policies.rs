//! Policies of credit: tested on cases and on past applications, published, and never changed then.

use crate::{
    applications::{Desk, desk},
    lines::usd,
};
use payterms_proto::{
    credit::v1::{
        BackTestPolicyRequest, CreatePolicyRequest, GetPolicyRequest, ListPoliciesRequest, Outcome,
        Policy, Programme, PublishPolicyRequest, ReplayDecisionRequest, TestPolicyRequest,
        UpdatePolicyRequest, UpdateProgrammeRequest, policy,
    },
    google::r#type::Decimal,
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason};
use tonic::Code;

on_both!(a_policy_is_published_once_its_cases_pass_and_never_changes);

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
    all_that_is_wrong_is_named(&desk, &draft).await;
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
    it_decides_from_now_on(&desk, &draft, &name).await;
}

/// What was decided before stays as it was.
async fn it_decides_from_now_on(desk: &Desk, draft: &Policy, application: &str) {
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
        .replay_decision(ReplayDecisionRequest { name: application.to_owned() })
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

/// Wrong in many ways, all told at once.
async fn all_that_is_wrong_is_named(desk: &Desk, draft: &Policy) {
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
}
