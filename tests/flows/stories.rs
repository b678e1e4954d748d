//! The stories of the demo, whole, as a person starts them, on both databases, and on the bus of
//! `TEST_BUS`.

use payterms_testkit::{broker::Broker, postgres};
use std::process::Command;

fn play(options: &[String]) {
    let played = Command::new(env!("CARGO_BIN_EXE_payterms-under-test"))
        .args(options)
        .arg("demo")
        .output()
        .unwrap();
    let said = String::from_utf8(played.stdout).unwrap();
    assert!(played.status.success(), "{said}\n{}", String::from_utf8_lossy(&played.stderr));
    for mark in ["\nS1 ", "\nS2 ", "\nS3 ", "\nS4 ", "\nS5 ", "All as told"] {
        assert!(said.contains(mark), "{mark:?} in {said}");
    }
    // Steps fit a terminal, say the year, and name their methods.
    let too_long: Vec<_> = said.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(too_long.is_empty(), "{too_long:#?}");
    assert!(said.contains("\n2026-06-01 00:00  Brightside admin\n"), "{said}");
    for method in [
        "PaymentService/CreatePayment",
        "UsageService/RecordUsageStream",
        "PlanService/ProposePlan",
        "PaymentService/PayLater",
    ] {
        assert!(said.contains(method), "{method} in {said}");
    }
}

async fn play_on(postgres: Option<String>) {
    let broker = Broker::of_tests().await;
    let options: Vec<_> = postgres
        .map(|place| format!("--postgres={place}"))
        .into_iter()
        .chain(broker.as_ref().map(Broker::option))
        .collect();
    tokio::task::spawn_blocking(move || play(&options)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_its_stories_and_all_is_as_told() {
    play_on(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_plays_its_stories_on_postgres() {
    let Some(place) = postgres::database().await else { return };
    play_on(Some(place)).await;
}
