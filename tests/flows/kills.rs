//! A top-up is killed with SIGKILL at each of its points and the suite is started again: nothing
//! is lost, nothing doubled, and the client's retry gets the one answer.

use crate::invariants;
use payterms_proto::wallet::v1::{CreateTopUpRequest, GetWalletRequest, TopUp, top_up::State};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    postgres,
    process::{Process, free_address, someone},
};
use std::{net::SocketAddr, path::Path, time::Duration};

const BINARY: &str = env!("CARGO_BIN_EXE_payterms-under-test");

/// Every point that a top-up passes, in its order.
const POINTS: [&str; 8] = [
    "top_up.before_intent",
    "top_up.after_intent",
    "top_up.before_charge",
    "top_up.after_charge",
    "top_up.before_record",
    "top_up.after_record",
    "outbox.before_deliver",
    "outbox.before_mark",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_survives_a_kill_at_every_point_on_sqlite() {
    for point in POINTS {
        scenario(point, "tok_visa", None).await;
    }
    scenario("top_up.after_charge", "tok_lost_answer", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_survives_a_kill_at_every_point_on_postgres() {
    for point in POINTS {
        let Some(place) = postgres::database().await else { return };
        scenario(point, "tok_visa", Some(&place)).await;
    }
}

async fn scenario(point: &str, token: &str, postgres: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let (gateway, provider) = (free_address(), free_address());
    let _simulator = Process::simulator(BINARY, data, provider, gateway);
    let suite = Process::suite(BINARY, data, (gateway, provider), postgres, None);
    let (customer, wallet, admin) = prepare(data, gateway, token).await;
    drop(suite);
    let mut doomed = Process::suite(BINARY, data, (gateway, provider), postgres, Some(point));
    let request =
        CreateTopUpRequest { request_id: request_id(), wallet: wallet.clone(), amount: amount("USD", 30, 0), ..Default::default() };
    let (caller, sent) = (admin.clone(), request.clone());
    let first = tokio::spawn(async move { caller.top_ups().create_top_up(sent).await });
    tokio::task::spawn_blocking(move || doomed.wait_for_end()).await.unwrap();
    let _ = first.await.unwrap();
    let _again = Process::suite(BINARY, data, (gateway, provider), postgres, None);
    let answer = retry(&admin, &request).await;
    assert_eq!(answer.state(), State::Succeeded, "{point}");
    assert_eq!(retry(&admin, &request).await, answer, "{point}: one answer");
    let read = admin.wallets().get_wallet(GetWalletRequest { name: wallet }).await.unwrap().into_inner().wallet.unwrap();
    assert_eq!(read.balance.unwrap().posted, amount("USD", 30, 0), "{point}");
    let list = format!("http://{provider}/v1/acme/charges");
    let charges = reqwest::get(list).await.unwrap().json::<serde_json::Value>().await.unwrap();
    assert_eq!(charges.as_array().map(Vec::len), Some(1), "{point}: the provider charged once");
    assert_eq!(charges[0]["amount"], "30", "{point}");
    invariants::hold_in(data, postgres).await;
    drop(customer);
}

/// A sandbox tenant with prepayment on, a customer with a card, a wallet.
async fn prepare(data: &Path, gateway: SocketAddr, token: &str) -> (String, String, Session) {
    let owner = someone(data, gateway, "OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let customer = payterms_testkit::world::customer_of(&owner, "acme", "GB").await;
    let wallet = payterms_testkit::world::wallet_of(&someone(data, gateway, "SERVICE", None), &customer, "USD").await;
    let admin = someone(data, gateway, "CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, gateway, &customer, token).await.unwrap().unwrap();
    (customer, wallet, admin)
}

/// What a client does: the same request until there is an answer.
async fn retry(admin: &Session, request: &CreateTopUpRequest) -> TopUp {
    for _ in 0..200 {
        if let Ok(answer) = admin.top_ups().create_top_up(request.clone()).await {
            return answer.into_inner().top_up.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no answer after many tries");
}
