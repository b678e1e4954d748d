//! One tenant floods the gateway while another one calls at a steady pace: how much longer the calm
//! one waits than alone.

use crate::{
    Measure,
    load::{Done, paced},
    report::{self, Target, Way, median},
    stage::{Durable, Stage},
    wallet::{turn, unary},
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Calls a second that a tenant may make here: much less than the machine can do, as an operator
/// would set it.
const RATE: u32 = 500;
/// Calls a second of the flood.
const FLOOD: u32 = 2_000;
/// Calls a second of the calm tenant.
const CALM: u32 = 100;
const CONNECTIONS: usize = 4;
/// How long the flood lasts before the calm tenant is measured: what a limit lets through at once,
/// two seconds' worth, is used up by then.
const BEFORE: Duration = Duration::from_secs(1);

/// Measures, and prints the tables.
pub async fn run(measure: &Measure) {
    let durable = Durable::start(measure).await;
    let stage =
        Stage::with(Some(&durable), vec![format!("--tenant-calls-per-second={RATE}")]).await;
    let machine = durable.machine(&stage, &["wallet", "gateway"]).await;
    let other = stage.another_tenant("globex").await;
    let calm = unary(stage.of_tenant("globex", CONNECTIONS), Arc::new(vec![other]));
    let (admitted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let debit = unary(stage.through(CONNECTIONS), Arc::new(vec![stage.wallet.clone()]));
    let flood = {
        let (admitted, refused) = (admitted.clone(), refused.clone());
        move |caller: usize| {
            let (call, admitted, refused) = (debit(caller), admitted.clone(), refused.clone());
            async move {
                let count = if call.await.is_some() { admitted } else { refused };
                count.fetch_add(1, Ordering::Relaxed);
                Some(Vec::new())
            }
        }
    };
    let (mut alone, mut beside, mut waits) =
        (Way::new("alone"), Way::new("beside a flood"), (Vec::new(), Vec::new()));
    for round in 0..=measure.rounds {
        // The first round warms up.
        let lasting = Duration::from_secs(if round == 0 { 1 } else { measure.seconds });
        let (quiet, cost) = turn(&machine, paced(CALM, lasting, calm.clone())).await;
        let flooding = tokio::spawn(paced(FLOOD, BEFORE + lasting, flood.clone()));
        tokio::time::sleep(BEFORE).await;
        let (flooded, cost_beside) = turn(&machine, paced(CALM, lasting, calm.clone())).await;
        flooding.await.expect("the flood");
        if round > 0 {
            let every = |done: &Done| {
                usize::try_from(lasting.as_secs()).ok().map(|seconds| seconds * CALM as usize)
                    == Some(done.ids.len())
            };
            assert!(every(&quiet) && every(&flooded), "every call of the calm tenant is answered");
            waits.0.push(quiet.wait_of(0.99));
            waits.1.push(flooded.wait_of(0.99));
            alone.add(&quiet, cost);
            beside.add(&flooded, cost_beside);
        }
    }
    let (alone_99, beside_99) = (median(waits.0), median(waits.1));
    let target = Target::at_most(
        "13 p99 of a tenant beside another's flood / alone",
        beside_99 / alone_99,
        2.0,
        3.0,
    );
    let flood = json!({ "admitted": admitted.load(Ordering::Relaxed), "refused": refused.load(Ordering::Relaxed) });
    let more = json!({ "p99_ms": { "alone": alone_99, "beside": beside_99 }, "flood": flood });
    report::print(measure, &[alone, beside], &[target], &more);
}
