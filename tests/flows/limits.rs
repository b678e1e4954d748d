//! Limits of the gateway: who calls too often is refused, is told so in every protocol, and takes
//! nothing from others.

use crate::{
    invariants,
    plain_http::{Curl, POST_DEBIT, info},
    wallets::{debit, grant},
};
use futures::future::join_all;
use payterms_chassis::call::Caller;
use payterms_gateway::limits::LimitOptions;
use payterms_proto::{
    invoicing::v1::{CallLimits, GetTenantRequest, LimitTenantRequest},
    wallet::v1::{GetWalletRequest, PostDebitRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{Database, World, on_both, people::person, reason, rig::until};
use reqwest::StatusCode;
use std::{collections::BTreeMap, time::Instant};
use tonic::Status;
use tonic_types::StatusExt;

on_both!(a_tenant_has_limits_of_its_own);

/// Calls that may come at once of a rate of one a second.
const BURST: usize = 20;

/// Someone with a name of their own.
fn named(name: &str, tenant: &str, role: &str, customer: Option<&str>) -> Caller {
    Caller { subject: format!("test:{name}"), ..person(tenant, role, customer) }
}

fn session(world: &World, caller: &Caller) -> Session {
    Session::new(world.suite.gateway, &world.suite.token(caller, 600).unwrap()).unwrap()
}

/// Sends all of these at once; those that were refused, with their refusals.
async fn at_once(
    session: &Session,
    debits: Vec<PostDebitRequest>,
) -> Vec<(PostDebitRequest, Status)> {
    let sent = debits
        .into_iter()
        .map(|debit| async move { (debit.clone(), session.postings().post_debit(debit).await) });
    join_all(sent)
        .await
        .into_iter()
        .filter_map(|(debit, answer)| Some((debit, answer.err()?)))
        .collect()
}

/// Whose limit refused, by how many.
fn holders<'a>(refused: impl IntoIterator<Item = &'a Status>) -> BTreeMap<String, usize> {
    let mut holders = BTreeMap::new();
    for status in refused {
        let details = status.get_error_details();
        assert_eq!(reason(status), "RATE_LIMITED", "{status:?}");
        assert!(
            details
                .retry_info()
                .and_then(|info| info.retry_delay)
                .is_some_and(|delay| !delay.is_zero()),
            "{status:?}"
        );
        *holders.entry(details.error_info().unwrap().metadata["holder"].clone()).or_default() += 1;
    }
    holders
}

/// Calls that a rate may have admitted since `since`, beside its burst.
fn come_since(since: Instant, rate: usize) -> usize {
    usize::try_from(since.elapsed().as_secs() + 1).unwrap() * rate
}

async fn posted(world: &World, wallet: &str) -> i64 {
    let request = GetWalletRequest { name: wallet.to_owned() };
    let reader = session(world, &named("reader", "acme", "STAFF", None));
    let wallet = reader.wallets().get_wallet(request).await.unwrap().into_inner().wallet.unwrap();
    wallet.balance.unwrap().posted.unwrap().units
}

async fn who_calls_too_often_takes_nothing_from_others(database: Database) {
    let rates = LimitOptions {
        caller_calls_per_second: 1,
        customer_calls_per_second: 1,
        tenant_calls_per_second: 20,
        ..LimitOptions::default()
    };
    let Some(world) = World::limited(database, rates).await else { return };
    let (_, wallet) = world.usual().await;
    grant(&world, &wallet, amount("USD", 100, 0), 0).await;
    let one = |wallet: &str| debit(wallet, amount("USD", 1, 0));

    // One caller: what is refused has not begun, so others may send it.
    let since = Instant::now();
    let eager = named("eager", "acme", "SERVICE", None);
    let refused = at_once(&session(&world, &eager), (0..30).map(|_| one(&wallet)).collect()).await;
    let count = refused.len();
    assert!(count <= 30 - BURST && count + come_since(since, 1) >= 30 - BURST, "{count}");
    assert_eq!(
        holders(refused.iter().map(|(_, status)| status)),
        BTreeMap::from([("caller".to_owned(), count)])
    );
    let (first, status) = refused.first().unwrap();
    let header = |name: &str| status.metadata().get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        ["ratelimit", "ratelimit-policy"].map(header),
        ["\"caller\";r=0;t=20", "\"caller\";q=20;w=20"]
    );
    assert_eq!(
        header("retry-after").parse::<u64>().unwrap().clamp(1, 2).to_string(),
        header("retry-after")
    );
    assert_eq!(posted(&world, &wallet).await, 100 - 30 + i64::try_from(count).unwrap());
    let other = session(&world, &named("other", "acme", "SERVICE", None));
    let answer = other.postings().post_debit(first.clone()).await.unwrap();
    assert!(answer.metadata().get("idempotent-replayed").is_none());
    let left = answer.metadata().get("ratelimit").unwrap().to_str().unwrap();
    // What is left is said of the account that has least: the tenant's, where all this took less
    // than a second.
    assert!(left.starts_with("\"caller\";r=19;t=") || left.starts_with("\"tenant\";r=1"), "{left}");
    assert_eq!(posted(&world, &wallet).await, 100 - 30 - 1 + i64::try_from(count).unwrap());

    // The same over plain HTTP.
    let curl = Curl {
        token: world.suite.token(&eager, 600).unwrap(),
        ..Curl::of(&world, "SERVICE", None)
    };
    let tries = (0..4).map(|_| curl.post(POST_DEBIT, "application/json", "{}").send());
    let answers = join_all(tries).await.into_iter().map(Result::unwrap);
    let answer = answers
        .into_iter()
        .find(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS)
        .unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers.get_all("retry-after").iter().count(), 1, "{headers:?}");
    assert_eq!(headers["ratelimit"], "\"caller\";r=0;t=20");
    assert_eq!(headers["ratelimit-policy"], "\"caller\";q=20;w=20");
    let error: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(
        (error["code"].as_str(), info(&error)["reason"].as_str()),
        (Some("resource_exhausted"), Some("RATE_LIMITED"))
    );

    // All who act for a customer, together.
    world.tenant("globex").await;
    let customer = world.customer("globex", "GB").await;
    let theirs = world.wallet(&customer, "USD").await;
    let since = Instant::now();
    let members = ["ann", "bob"]
        .map(|name| session(&world, &named(name, "globex", "MEMBER", Some(&customer))));
    let read = async |member: &Session| {
        member.wallets().get_wallet(GetWalletRequest { name: theirs.clone() }).await.err()
    };
    let reads = join_all(members.iter().cycle().take(30).map(read)).await;
    let refused: Vec<_> = reads.into_iter().flatten().collect();
    assert_eq!(holders(&refused).keys().collect::<Vec<_>>(), ["customer"]);
    assert!(refused.len() <= 10 && refused.len() + come_since(since, 1) >= 10, "{}", refused.len());

    // A flood of one tenant's callers: every call of another tenant is answered meanwhile.
    let flood: Vec<_> = (0..20)
        .map(|number| session(&world, &named(&format!("flood-{number}"), "acme", "SERVICE", None)))
        .collect();
    let since = Instant::now();
    let flooding = join_all(
        flood.iter().map(|caller| at_once(caller, (0..20).map(|_| one(&wallet)).collect())),
    );
    let calm = session(&world, &named("calm", "globex", "STAFF", None));
    let calling = async {
        for _ in 0..10 {
            calm.wallets().get_wallet(GetWalletRequest { name: theirs.clone() }).await.unwrap();
        }
    };
    let (refused, ()) = futures::future::join(flooding, calling).await;
    let refused: Vec<_> = refused
        .into_iter()
        .flatten()
        .filter(|(_, status)| reason(status) == "RATE_LIMITED")
        .collect();
    assert_eq!(
        holders(refused.iter().map(|(_, status)| status)).keys().collect::<Vec<_>>(),
        ["tenant"]
    );
    assert!(refused.len() + 2 * BURST + come_since(since, 20) >= 400, "{}", refused.len());
    invariants::hold(&world).await;
    world.end().await;
}

/// Reads three times as often as a burst has calls, since there may be two gateways, as somebody
/// who has not called yet; how many were refused.
async fn refused_of_a_new_caller(world: &World, tenant: &str) -> usize {
    let name = request_id();
    let caller = session(world, &named(&name, tenant, "STAFF", None));
    let get = async |_| {
        caller
            .tenants()
            .get_tenant(GetTenantRequest { name: format!("tenants/{tenant}") })
            .await
            .err()
    };
    let refused: Vec<_> = join_all((0..3 * BURST).map(get)).await.into_iter().flatten().collect();
    assert!(holders(&refused).keys().all(|holder| holder == "caller"));
    refused.len()
}

pub(crate) async fn a_tenant_has_limits_of_its_own(world: &World) {
    world.tenant("acme").await;
    let operator = world.someone("OPERATOR", None);
    let limit = async |calls: i32| {
        let call_limits =
            Some(CallLimits { caller_calls_per_second: calls, ..CallLimits::default() });
        let request = LimitTenantRequest {
            request_id: request_id(),
            name: "tenants/acme".into(),
            call_limits,
            ..Default::default()
        };
        operator
            .tenants()
            .limit_tenant(request)
            .await
            .unwrap()
            .into_inner()
            .tenant
            .unwrap()
            .call_limits
    };
    assert_eq!(
        limit(1).await,
        Some(CallLimits { caller_calls_per_second: 1, ..CallLimits::default() })
    );
    let awaited = async |is_limited: bool| {
        until(
            async || Ok(refused_of_a_new_caller(world, "acme").await),
            |refused: &usize| (*refused > 0) == is_limited,
        )
        .await;
    };
    // The gateway asks for the limits of a tenant that calls for the first time, and then every ten
    // seconds.
    awaited(true).await;
    world.tenant("globex").await;
    assert_eq!(limit(0).await, None);
    assert_eq!(
        refused_of_a_new_caller(world, "globex").await,
        0,
        "another tenant has the usual ones"
    );
    awaited(false).await;
    let beyond = LimitTenantRequest {
        request_id: request_id(),
        name: "tenants/acme".into(),
        call_limits: Some(CallLimits {
            caller_calls_per_second: -1,
            customer_calls_per_second: 1_000_001,
            ..CallLimits::default()
        }),
        ..Default::default()
    };
    let refused = operator.tenants().limit_tenant(beyond).await.unwrap_err();
    let fields: Vec<_> = refused
        .get_error_details()
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|one| one.field.clone())
        .collect();
    assert_eq!(
        fields,
        ["call_limits.caller_calls_per_second", "call_limits.customer_calls_per_second"]
    );
    let unknown = LimitTenantRequest {
        request_id: request_id(),
        name: "tenants/nobody".into(),
        call_limits: Some(CallLimits::default()),
        ..Default::default()
    };
    assert_eq!(
        reason(&operator.tenants().limit_tenant(unknown).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    invariants::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_too_often_takes_nothing_from_others_on_sqlite() {
    who_calls_too_often_takes_nothing_from_others(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_too_often_takes_nothing_from_others_on_postgres() {
    who_calls_too_often_takes_nothing_from_others(Database::Postgres).await;
}
