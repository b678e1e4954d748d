//! API keys end: rotated without a gap, revoked or expired. A gateway believes a key for a while,
//! and then hears of it.

use crate::{
    api_keys::{ALL, by, create, lists, wanted},
    invariants,
    rig::{self, Services, until},
};
use payterms_kernel::{Clock, SystemClock};
use payterms_proto::invoicing::v1::{
    ApiKey, CreateApiKeyRequest, RevokeApiKeyRequest, RotateApiKeyRequest, RotateApiKeyResponse,
    api_key::{Role, State},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::Timestamp;
use std::{collections::BTreeMap, time::Duration};
use tonic::{Code, Status};

on_both!(a_key_is_rotated_without_a_gap_and_revoked);

pub(crate) async fn rotate(
    session: &Session,
    key: &ApiKey,
    until: Option<Timestamp>,
) -> Result<RotateApiKeyResponse, Status> {
    let request = RotateApiKeyRequest {
        request_id: request_id(),
        name: key.name.clone(),
        previous_expire_time: until,
    };
    session.api_keys().rotate_api_key(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn revoke(session: &Session, key: &ApiKey) -> Result<ApiKey, Status> {
    let request = RevokeApiKeyRequest {
        request_id: request_id(),
        name: key.name.clone(),
        ..Default::default()
    };
    session
        .api_keys()
        .revoke_api_key(request)
        .await
        .map(|answer| answer.into_inner().api_key.unwrap())
}

/// Seconds from now by the machine's clock.
pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp { seconds: SystemClock.now().timestamp() + seconds, nanos: 0 }
}

/// Calls until it comes to something, as it will once the gateway asks again.
async fn comes_to(session: &Session, expected: &str) {
    loop {
        let came =
            lists(session, ALL).await.map_or_else(|status| reason(&status), |()| String::new());
        if came == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) async fn a_key_is_rotated_without_a_gap_and_revoked(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    let made = create(
        &owner,
        CreateApiKeyRequest { expire_time: Some(after(86_400)), ..wanted(&[Role::Staff]) },
    )
    .await
    .unwrap();
    let key = made.api_key.unwrap();
    let first = by(world, &made.secret);
    lists(&first, ALL).await.unwrap();
    let late = rotate(&owner, &key, Some(after(31 * 86_400))).await.unwrap_err();
    assert_eq!(violations(&late), ["previous_expire_time: TIME_OUT_OF_RANGE"]);
    let rotated = rotate(&owner, &key, Some(after(3_600))).await.unwrap();
    let second = by(world, &rotated.secret);
    lists(&first, ALL).await.unwrap();
    lists(&second, ALL).await.unwrap();
    let shown = rotated.api_key.unwrap();
    assert_eq!(shown.secrets.len(), 2);
    assert!(shown.secrets[0].expire_time.is_none() && shown.secrets[1].expire_time.is_some());
    // The next one ends those of before at once, and who revokes a key all of it; the gateway hears
    // of it within 30 seconds.
    let last = rotate(&owner, &key, None).await.unwrap();
    lists(&by(world, &last.secret), ALL).await.unwrap();
    let other = create(&owner, wanted(&[Role::Staff])).await.unwrap();
    let (stolen, other) = (by(world, &other.secret), other.api_key.unwrap());
    lists(&stolen, ALL).await.unwrap();
    let revoked = revoke(&owner, &other).await.unwrap();
    assert!(revoked.state() == State::Revoked && revoked.revoke_time.is_some());
    comes_to(&first, "TOKEN_EXPIRED").await;
    comes_to(&second, "TOKEN_EXPIRED").await;
    comes_to(&stolen, "TOKEN_INVALID").await;
    lists(&by(world, &last.secret), ALL).await.unwrap();
    for refused in
        [revoke(&owner, &other).await.map(drop), rotate(&owner, &other, None).await.map(drop)]
    {
        let refused = refused.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "API_KEY_STATE")
        );
    }
    invariants::hold(world).await;
}

/// Services as processes of their own: the gateway asks invoicing, believes it for a while, and
/// says so when it does not answer.
async fn a_gateway_believes_for_a_while(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let short = CreateApiKeyRequest { expire_time: Some(after(3)), ..wanted(&[Role::Staff]) };
    let (lasting, short) = (
        create(&owner, wanted(&[Role::Staff])).await.unwrap(),
        create(&owner, short).await.unwrap(),
    );
    let mut services = Services::of(rig).await;
    let gateway = services.at("gateway");
    let session = |secret: &str| Session::new(gateway, secret).unwrap();
    let (lasting, short, fresh) =
        (session(&lasting.secret), session(&short.secret), payterms_chassis::api_key::make(true));
    let fresh = session(&fresh);
    until(|| lists(&lasting, &people.customer), |()| true).await;
    // An end that was known counts to the second, without a question.
    comes_to(&short, "TOKEN_EXPIRED").await;
    services.stop("invoicing");
    lists(&lasting, &people.customer).await.unwrap();
    assert_eq!(
        reason(&lists(&fresh, ALL).await.unwrap_err()),
        "UNAVAILABLE",
        "nobody says that there is no such key"
    );
    services.restart("invoicing", None).await;
    comes_to(&fresh, "TOKEN_INVALID").await;
    // A flood of wrong keys is held up, and a good key is not.
    let strangers: Vec<_> =
        (0..120).map(|_| session(&payterms_chassis::api_key::make(true))).collect();
    let flood =
        futures::future::join_all(strangers.iter().map(|session| lists(session, ALL))).await;
    let mut reasons = BTreeMap::<String, usize>::new();
    for refused in flood {
        *reasons.entry(reason(&refused.unwrap_err())).or_default() += 1;
    }
    assert!(
        reasons.keys().all(|reason| matches!(reason.as_str(), "TOKEN_INVALID" | "OVERLOADED")),
        "{reasons:?}"
    );
    lists(&lasting, &people.customer).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_believes_for_a_while_on_sqlite() {
    a_gateway_believes_for_a_while(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_believes_for_a_while_on_postgres() {
    a_gateway_believes_for_a_while(true).await;
}
