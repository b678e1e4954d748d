//! The gateway's price: the same debits through it and straight at the wallet, in turns.

use crate::{
    Measure, books, crowd,
    load::closed,
    report::{self, Target, Way},
    stage::{Durable, Stage},
    wallet::{turn, unary},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Measures, and prints the tables.
pub async fn run(measure: &Measure) {
    let durable = Durable::start(measure).await;
    let stage = Stage::start(Some(&durable)).await;
    let machine = durable.machine(&stage, &["wallet", "gateway"]).await;
    let owner = durable.rows().await;
    let wallets = Arc::new(crowd::wallets(&owner, &stage.wallet, measure.accounts).await);
    let (mut straight, mut through, mut acknowledged) =
        (Way::new("straight at the wallet"), Way::new("through the gateway"), Vec::new());
    let connections = measure.callers.div_ceil(64);
    for round in 0..=measure.rounds {
        // The first round warms up.
        let lasting = Duration::from_secs(if round == 0 { 1 } else { measure.seconds });
        for (way, sessions) in [
            (&mut straight, stage.straight("wallet", connections)),
            (&mut through, stage.through(connections)),
        ] {
            let (done, cost) =
                turn(&machine, closed(measure.callers, lasting, unary(sessions, wallets.clone())))
                    .await;
            if round > 0 {
                way.add(&done, cost);
            }
            acknowledged.extend(done.ids);
        }
        if round == 0 {
            books::know(&owner).await;
        }
    }
    books::hold(&owner, &acknowledged, false).await;
    let target = Target::at_least(
        "7 through the gateway / straight",
        through.rate() / straight.rate(),
        0.65,
        0.5,
    );
    report::print(
        measure,
        &[straight, through],
        &[target],
        &json!({ "spans": stage.spans(measure) }),
    );
}
