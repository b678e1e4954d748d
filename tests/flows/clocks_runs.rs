//! Runs of a test clock that come too late change nothing, and those of a suspended tenant wait.

use crate::clocks::{HOUR, START, advance, at, start};
use payterms_proto::{
    invoicing::v1::test_clock::State,
    wallet::v1::{GetBalanceRequest, GrantCreditRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};
use sea_orm::{ConnectionTrait, Statement};

on_both!(a_late_round_of_a_run_that_ended_changes_nothing, the_work_of_a_suspended_tenant_waits);

async fn a_late_round_of_a_run_that_ended_changes_nothing(world: &World) {
    use payterms_proto::common::peers::v1::{
        RunDueRequest, clock_service_client::ClockServiceClient,
    };
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    advance(world, START + 48 * HOUR).await;
    let (conn, s) = world.rows("wallet").await;
    let select = format!("SELECT clock_done FROM {s}tenant_states WHERE tenant = 'acme'");
    let row = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), select))
        .await
        .unwrap()
        .unwrap();
    let run_id: String = row.try_get("", "clock_done").unwrap();
    conn.close().await.unwrap();
    let keys = world.folder.path().join("keys");
    let signer = payterms_chassis::identity::Signer::read(
        &keys,
        "invoicing",
        std::sync::Arc::new(payterms_kernel::SystemClock),
    )
    .unwrap();
    let token =
        signer.internal("wallet", &payterms_testkit::people::person("acme", "PEER", None)).unwrap();
    let mut clock =
        ClockServiceClient::connect(format!("http://{}", world.suite.services["wallet"]))
            .await
            .unwrap();
    for now in [START, START + 72 * HOUR] {
        let late = RunDueRequest {
            tenant: "acme".into(),
            now: at(now),
            run_id: run_id.clone(),
            advancing: true,
            ..Default::default()
        };
        let mut request = tonic::Request::new(late);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        clock.run_due(request).await.unwrap();
    }
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let read = GetBalanceRequest { name: wallet, as_of: None };
    let balance = world
        .someone("STAFF", None)
        .wallets()
        .get_balance(read)
        .await
        .unwrap()
        .into_inner()
        .balance
        .unwrap();
    assert_eq!(
        balance.time,
        at(START + 48 * HOUR),
        "neither back nor on, and writes are not held up"
    );
}

pub(crate) async fn the_work_of_a_suspended_tenant_waits(world: &World) {
    use payterms_proto::invoicing::v1::{ActivateTenantRequest, SuspendTenantRequest};
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let staff = world.someone("STAFF", None);
    let expiring = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 10, 0),
        expire_time: at(START + HOUR),
        ..Default::default()
    };
    staff.lots().grant_credit(expiring).await.unwrap();
    let posted = async || {
        let read = GetBalanceRequest { name: wallet.clone(), as_of: None };
        staff.wallets().get_balance(read).await.unwrap().into_inner().balance.unwrap().posted
    };
    let operator = world.someone("OPERATOR", None);
    let suspend = SuspendTenantRequest {
        request_id: request_id(),
        name: "tenants/acme".into(),
        ..Default::default()
    };
    let suspended = operator.tenants().suspend_tenant(suspend).await.unwrap();
    let heard = GetBalanceRequest { name: wallet.clone(), as_of: None };
    staff.after(&suspended).wallets().get_balance(heard).await.unwrap();
    crate::rig::until(
        async || Ok(advance(world, START + 2 * HOUR).await),
        |clock| clock.state() == State::Ready,
    )
    .await;
    assert_eq!(posted().await, amount("USD", 10, 0), "nothing of a suspended tenant moves");
    let activate = ActivateTenantRequest {
        request_id: request_id(),
        name: "tenants/acme".into(),
        ..Default::default()
    };
    operator.tenants().activate_tenant(activate).await.unwrap();
    crate::rig::until(
        async || {
            advance(world, START + 3 * HOUR).await;
            Ok(posted().await)
        },
        |posted| *posted == amount("USD", 0, 0),
    )
    .await;
}
