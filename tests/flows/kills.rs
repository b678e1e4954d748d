//! The suite is killed with SIGKILL at each point of its flows and started again: nothing is lost,
//! nothing doubled, and the client's retry gets the one answer.

use crate::{
    invariants,
    invoices::{draft, finalize, line, read},
    rig::{self, People, Rig, retry, until},
};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, invoice, test_clock,
    },
    wallet::v1::{
        AutoRecharge, CreateTopUpRequest, GrantCreditRequest, ListPaymentMethodsRequest,
        PostDebitRequest, RecordUsageRequest, RecordUsageStreamRequest, StartMethodSetupRequest,
        UpdateAutoRechargeRequest, auto_recharge::ThresholdRecharge, payment_method::Kind,
        top_up::State,
    },
};
use payterms_suite::client::{amount, request_id};
use prost_types::Timestamp;

/// Two tests of each scenario: `(name on SQLite, name on PostgreSQL, scenario)`.
macro_rules! killed {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() { super::$scenario(false).await; })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() { super::$scenario(true).await; })+
        }
    };
}

killed!(
    a_top_up_survives_a_kill_at_every_point,
    a_debit_survives_a_kill_around_its_commit,
    a_method_set_up_survives_a_kill_at_every_point,
    a_recharge_survives_a_kill_after_its_intent,
    a_collection_survives_a_kill_after_its_intent,
    an_advance_survives_a_kill_between_rounds,
    a_usage_stream_survives_a_kill_between_chunks,
);

/// Every point that a top-up passes, in its order.
const POINTS: [&str; 10] = [
    "top_up.before_intent",
    "top_up.after_intent",
    "charge.before top_up",
    "charge.after top_up",
    "top_up.before_record",
    "top_up.after_record",
    "outbox.before_deliver",
    "inbox.before_apply",
    "inbox.after_apply",
    "outbox.before_mark",
];

async fn a_top_up_survives_a_kill_at_every_point(on_postgres: bool) {
    for point in POINTS {
        top_up(point, "tok_visa", on_postgres).await;
    }
    top_up("charge.after top_up", "tok_lost_answer", on_postgres).await;
}

/// Waits until every event has reached who subscribes to it: one on its way would meet the point
/// before the top-up does.
pub(crate) async fn all_is_delivered(rig: &Rig) {
    let topology = payterms_chassis::topology::load().unwrap();
    for publisher in topology.keys() {
        let (conn, s) = invariants::rows_of(publisher, rig.data(), rig.postgres.as_deref()).await;
        for (subscriber, types) in payterms_chassis::topology::subscribers(&topology, publisher) {
            let types = types.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
            let waiting = format!(
                "SELECT 'event ' || id FROM {s}outbox WHERE aggregate_type IN ({types}) AND (position IS NULL OR position > \
                 coalesce((SELECT position FROM {s}outbox_cursors WHERE subscriber = '{subscriber}'), 0))"
            );
            until(async || Ok(invariants::selected(&conn, &waiting).await), Vec::is_empty).await;
        }
        conn.close().await.unwrap();
    }
}

async fn top_up(point: &str, token: &str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    if rig.has_broker() && point == "outbox.before_deliver" {
        // A relay that begins on a broker may publish once more what was delivered, and then dies
        // before there is a top-up.
        return;
    }
    let people = rig.prepare(token).await;
    all_is_delivered(&rig).await;
    let wallet = people.wallet.clone();
    let request = CreateTopUpRequest {
        request_id: request_id(),
        wallet,
        amount: amount("USD", 30, 0),
        ..Default::default()
    };
    let (caller, sent) = (people.admin.clone(), request.clone());
    rig.die_at(point, async move { caller.top_ups().create_top_up(sent).await }).await;
    let buy = async || {
        people
            .admin
            .top_ups()
            .create_top_up(request.clone())
            .await
            .map(|answer| answer.into_inner().top_up.unwrap())
    };
    let answer = retry(buy).await;
    assert_eq!(answer.state(), State::Succeeded, "{point}");
    assert_eq!(retry(buy).await, answer, "{point}: one answer");
    assert_eq!(people.posted().await, amount("USD", 30, 0), "{point}");
    assert_eq!(rig.charges().await, ["30"], "{point}: the provider charged once");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

pub(crate) async fn grant(rig: &Rig, people: &People, units: i64) {
    let request = GrantCreditRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", units, 0),
        ..GrantCreditRequest::default()
    };
    rig.someone("STAFF", None).lots().grant_credit(request).await.unwrap();
}

async fn a_debit_survives_a_kill_around_its_commit(on_postgres: bool) {
    for point in ["commit.before", "commit.after"] {
        let Some(mut rig) = rig::start(on_postgres).await else { return };
        let people = rig.prepare("tok_visa").await;
        grant(&rig, &people, 10).await;
        let service = rig.someone("SERVICE", None);
        let wallet = people.wallet.clone();
        let request = PostDebitRequest {
            request_id: request_id(),
            wallet,
            amount: amount("USD", 4, 0),
            ..Default::default()
        };
        let (caller, sent) = (service.clone(), request.clone());
        let point = format!("{point} /payterms.wallet.v1.PostingService/PostDebit");
        rig.die_at(&point, async move { caller.postings().post_debit(sent).await }).await;
        let debit = async || service.postings().post_debit(request.clone()).await;
        let answer = retry(debit).await;
        let replayed = answer.metadata().contains_key("idempotent-replayed");
        assert_eq!(
            replayed,
            point.starts_with("commit.after"),
            "{point}: what was committed is not done again"
        );
        assert_eq!(retry(debit).await.into_inner(), answer.into_inner(), "{point}");
        assert_eq!(people.posted().await, amount("USD", 6, 0), "{point}");
        invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    }
}

/// The wallet is known from the debit before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_debit_alone_survives_a_kill_on_postgres() {
    for point in ["single_call.before", "single_call.after"] {
        let Some(mut rig) = rig::start(true).await else { return };
        let people = rig.prepare("tok_visa").await;
        grant(&rig, &people, 10).await;
        let service = rig.someone("SERVICE", None);
        let debit = |units| PostDebitRequest {
            request_id: request_id(),
            wallet: people.wallet.clone(),
            amount: amount("USD", units, 0),
            ..PostDebitRequest::default()
        };
        let (first, second, caller) = (debit(1), debit(4), service.clone());
        let sent = second.clone();
        let both = async move {
            caller.postings().post_debit(first).await?;
            caller.postings().post_debit(sent).await
        };
        rig.die_at(&format!("{point} /payterms.wallet.v1.PostingService/PostDebit"), both).await;
        let debit = async || service.postings().post_debit(second.clone()).await;
        let answer = retry(debit).await;
        let replayed = answer.metadata().contains_key("idempotent-replayed");
        assert_eq!(
            replayed,
            point == "single_call.after",
            "{point}: what was kept is not done again"
        );
        assert_eq!(retry(debit).await.into_inner(), answer.into_inner(), "{point}");
        assert_eq!(people.posted().await, amount("USD", 5, 0), "{point}");
        invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    }
}

async fn a_method_set_up_survives_a_kill_at_every_point(on_postgres: bool) {
    for point in ["method_setup.after_intent", "method_setup.before_record"] {
        let Some(mut rig) = rig::start(on_postgres).await else { return };
        let people = rig.prepare("tok_visa").await;
        let request = StartMethodSetupRequest {
            request_id: request_id(),
            parent: people.customer.clone(),
            kind: Kind::Card.into(),
            ..Default::default()
        };
        let (caller, sent) = (people.admin.clone(), request.clone());
        rig.die_at(point, async move { caller.methods().start_method_setup(sent).await }).await;
        let start = async || {
            people
                .admin
                .methods()
                .start_method_setup(request.clone())
                .await
                .map(tonic::Response::into_inner)
        };
        let setup = retry(start).await;
        assert_eq!(retry(start).await, setup, "{point}: one page");
        let page = format!("http://{}{}", rig.gateway, setup.method_setup.unwrap().hosted_url);
        let form = reqwest::Client::new()
            .post(page)
            .header("content-type", "application/x-www-form-urlencoded")
            .body("token=tok_amex");
        form.send().await.unwrap().error_for_status().unwrap();
        let list =
            ListPaymentMethodsRequest { parent: people.customer.clone(), ..Default::default() };
        let listed = async || {
            people
                .admin
                .methods()
                .list_payment_methods(list.clone())
                .await
                .map(tonic::Response::into_inner)
        };
        let methods =
            until(listed, |listed| listed.payment_methods.len() > 1).await.payment_methods;
        assert_eq!(methods.len(), 2, "{point}: the card is saved once");
    }
}

async fn a_recharge_survives_a_kill_after_its_intent(on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 25).await;
    let auto_recharge = AutoRecharge {
        name: format!("{}/autoRecharge", people.wallet),
        threshold: amount("USD", 20, 0),
        threshold_recharge: amount("USD", 50, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    let rules = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(auto_recharge),
        ..Default::default()
    };
    people.admin.recharges().update_auto_recharge(rules).await.unwrap();
    let service = rig.someone("SERVICE", None);
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 15, 0),
        ..Default::default()
    };
    rig.die_at("recharge.after_intent", async move { service.postings().post_debit(debit).await })
        .await;
    until(async || Ok(people.posted().await), |posted| *posted == amount("USD", 60, 0)).await;
    assert_eq!(rig.charges().await, ["50"], "one recharge, charged once");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

async fn a_collection_survives_a_kill_after_its_intent(on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let mut request = draft(&people.customer, "USD", vec![line("Plan", amount("USD", 45, 0))]);
    let invoice = request.invoice.as_mut().unwrap();
    invoice.collect_automatically = true;
    invoice.payment_term.as_mut().unwrap().days = 0;
    let caller = owner.clone();
    let made =
        owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap();
    let name = made.name.clone();
    // It is due today: the job runs as soon as it is issued.
    rig.die_at("collection.after_intent", async move { finalize(&caller, &name).await }).await;
    until(
        async || read(&owner, &made.name).await,
        |invoice| invoice.state() == invoice::State::Paid,
    )
    .await;
    assert_eq!(rig.charges().await, ["45"], "collected once");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}

async fn an_advance_survives_a_kill_between_rounds(on_postgres: bool) {
    for point in ["clock.after_told", "clock.after_round"] {
        Box::pin(an_advance_dies_at(point, on_postgres)).await;
    }
}

async fn an_advance_dies_at(point: &str, on_postgres: bool) {
    const START: i64 = 1_767_225_600;
    let at = |hours: i64| Some(Timestamp { seconds: START + hours * 3_600, nanos: 0 });
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let owner = rig.someone("OWNER", None);
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(0),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    for (units, hours) in [(10, 2), (5, 3), (1, 0)] {
        let request = GrantCreditRequest {
            request_id: request_id(),
            wallet: people.wallet.clone(),
            amount: amount("USD", units, 0),
            expire_time: at(hours).filter(|_| hours > 0),
            ..GrantCreditRequest::default()
        };
        rig.someone("STAFF", None).lots().grant_credit(request).await.unwrap();
    }
    let name = "tenants/acme/testClock".to_owned();
    let request = AdvanceTestClockRequest {
        request_id: request_id(),
        name: name.clone(),
        target_time: at(24),
    };
    let (caller, sent) = (owner.clone(), request.clone());
    rig.die_at(point, async move { caller.clock().advance_test_clock(sent).await }).await;
    let answer = retry(async || owner.clock().advance_test_clock(request.clone()).await)
        .await
        .into_inner()
        .test_clock
        .unwrap();
    assert_eq!((answer.state(), answer.now), (test_clock::State::Ready, at(24)));
    let read = owner
        .clock()
        .get_test_clock(GetTestClockRequest { name })
        .await
        .unwrap()
        .into_inner()
        .test_clock
        .unwrap();
    assert_eq!(read, answer);
    assert_eq!(people.posted().await, amount("USD", 1, 0), "each lot expired once");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

async fn a_usage_stream_survives_a_kill_between_chunks(on_postgres: bool) {
    const RECORDS: i64 = 1_200;
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 20).await;
    let record = || RecordUsageRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        product: "voice".into(),
        quantity: Some(Decimal { value: "1".into() }),
        unit_price: amount("USD", 0, 1),
        usage_time: None,
        ..Default::default()
    };
    let records: Vec<_> =
        (0..RECORDS).map(|_| RecordUsageStreamRequest { record: Some(record()) }).collect();
    let (service, sent) = (rig.someone("SERVICE", None), records.clone());
    let caller = service.clone();
    let point = "commit.after /payterms.wallet.v1.UsageService/RecordUsage";
    rig.die_at(
        point,
        async move { caller.usage().record_usage_stream(tokio_stream::iter(sent)).await },
    )
    .await;
    let stream =
        async || service.usage().record_usage_stream(tokio_stream::iter(records.clone())).await;
    let answer = retry(stream).await.into_inner();
    assert!(answer.replayed_count > 0, "the first chunk had been committed");
    assert_eq!((answer.recorded_count + answer.replayed_count, answer.refused_count), (RECORDS, 0));
    assert_eq!(people.posted().await, amount("USD", 8, 0));
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}
