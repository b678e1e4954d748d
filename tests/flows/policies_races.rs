//! Policies published at once, on one replica and on two: each has a number of its own, and none is
//! left out.

use crate::{clocks::start, lines::programme};
use payterms_proto::credit::v1::{
    CreatePolicyRequest, ListPoliciesRequest, Policy, Programme, PublishPolicyRequest,
    PublishPolicyResponse, policy::State,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{Database, World, on_both, people::person};
use std::collections::BTreeMap;
use tonic::{Code, Response, Status};

on_both!(publications_at_once_have_a_number_each);

const DRAFTS: usize = 12;

async fn publications_at_once_have_a_number_each(world: &World) {
    published(world, &[world.someone("OWNER", None), world.someone("ADMIN", None)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn publications_at_once_on_two_replicas_have_a_number_each() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let token = replica.token(&person("acme", "ADMIN", None), 600).unwrap();
    published(
        &world,
        &[world.someone("OWNER", None), Session::new(replica.gateway, &token).unwrap()],
    )
    .await;
    replica.stop().await;
    world.end().await;
}

/// A client that tries again where it is told to.
async fn publish(
    who: Session,
    request: PublishPolicyRequest,
) -> Result<Response<PublishPolicyResponse>, Status> {
    for _ in 0..DRAFTS {
        match who.policies().publish_policy(request.clone()).await {
            Err(status) if status.code() == Code::Aborted => {}
            answer => return answer,
        }
    }
    who.policies().publish_policy(request).await
}

async fn published(world: &World, people: &[Session]) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    programme(&people[0], Programme::default()).await;
    let mut drafts = Vec::new();
    for place in 0..DRAFTS {
        let policy = Some(Policy { title: format!("Draft {place}"), ..Policy::default() });
        let create = CreatePolicyRequest {
            request_id: request_id(),
            parent: "tenants/acme".into(),
            policy,
            ..Default::default()
        };
        drafts.push(
            people[0]
                .policies()
                .create_policy(create)
                .await
                .unwrap()
                .into_inner()
                .policy
                .unwrap()
                .name,
        );
    }
    // Each draft by both people at once: one request and its repetition, or two requests for one
    // publication.
    let calls = drafts.iter().enumerate().flat_map(|(place, name)| {
        let one = PublishPolicyRequest {
            request_id: request_id(),
            name: name.clone(),
            ..Default::default()
        };
        let two = if place % 2 == 0 {
            one.clone()
        } else {
            PublishPolicyRequest { request_id: request_id(), ..one.clone() }
        };
        [(people[0].clone(), one), (people[1].clone(), two)]
    });
    let calls = calls.map(|(who, request)| {
        tokio::spawn(async move { (publish(who, request.clone()).await, request.name) })
    });
    let mut answers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (answer, name) in futures::future::join_all(calls).await.into_iter().map(Result::unwrap) {
        match answer {
            Ok(answer) => {
                answers.entry(name).or_default().push(answer.into_inner().policy.unwrap().number);
            }
            Err(status) => {
                assert_eq!(payterms_testkit::reason(&status), "POLICY_STATE", "{status:?}");
            }
        }
    }
    for (place, name) in drafts.iter().enumerate() {
        let these_numbers = &answers[name];
        assert_eq!(
            these_numbers.len(),
            if place % 2 == 0 { 2 } else { 1 },
            "a repetition has the same answer; a second request has none"
        );
        assert!(
            these_numbers.iter().all(|number| *number == these_numbers[0]),
            "{these_numbers:?}"
        );
    }
    let list = ListPoliciesRequest { parent: "tenants/acme".into(), ..Default::default() };
    let policies = people[0].policies().list_policies(list).await.unwrap().into_inner().policies;
    let mut numbers: Vec<_> = policies
        .iter()
        .filter(|policy| answers.contains_key(&policy.name))
        .map(|policy| policy.number)
        .collect();
    assert!(policies.iter().all(|policy| policy.state() == State::Published));
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (1..=i64::try_from(DRAFTS).unwrap()).collect::<Vec<_>>(),
        "without a gap, and none twice"
    );
}
