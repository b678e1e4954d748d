//! Draws on credit lines against debits of wallets, on the same server.

use crate::{
    Measure, books, crowd,
    load::{any, closed, fresh_id},
    report::{self, Target, Way},
    stage::{Durable, Stage},
    wallet::{Call, turn, unary},
};
use payterms_chassis::sql;
use payterms_proto::{
    credit::v1::{
        ActivateLineRequest, AuthorizeDrawRequest, CreateProgrammeRequest, OfferLineRequest,
        Programme,
    },
    google::r#type::Money,
    invoicing::v1::InvoiceLine,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::rig::retry;
use serde_json::json;
use std::{collections::HashSet, sync::Arc, time::Duration};
use uuid::Uuid;

/// A line of the customer, active.
async fn line(stage: &Stage) -> String {
    let rig = stage.services.rig();
    let owner = rig.someone("OWNER", None);
    let programme = Programme {
        title: "Pay later".into(),
        countries: vec!["GB".into()],
        ..Programme::default()
    };
    let create = CreateProgrammeRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        programme: Some(programme),
        ..Default::default()
    };
    let programme = retry(async || owner.programmes().create_programme(create.clone()).await)
        .await
        .into_inner()
        .programme;
    let offer = OfferLineRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        programme: programme.unwrap_or_default().name,
        limit: amount("USD", 10_000, 0),
        explanation: "Measured.".into(),
        ..Default::default()
    };
    let offered = retry(async || owner.lines().offer_line(offer.clone()).await)
        .await
        .into_inner()
        .credit_line;
    let name = offered.unwrap_or_default().name;
    let activate = ActivateLineRequest { request_id: request_id(), name: name.clone() };
    rig.someone("CUSTOMER_ADMIN", Some(&stage.customer))
        .lines()
        .activate_line(activate)
        .await
        .expect("an active line");
    name
}

/// One draw a call.
fn draws(sessions: Vec<Session>, lines: Arc<Vec<String>>) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let id = fresh_id();
        let sold = InvoiceLine {
            description: "Tea".into(),
            unit_price: Some(Money { currency_code: "USD".into(), units: 0, nanos: 10_000_000 }),
            ..InvoiceLine::default()
        };
        let request = AuthorizeDrawRequest {
            request_id: id.to_string(),
            parent: lines.get(any(lines.len())).cloned().unwrap_or_default(),
            lines: vec![sold],
            ..AuthorizeDrawRequest::default()
        };
        Box::pin(
            async move { session?.draws().authorize_draw(request).await.ok().map(|_| vec![id]) },
        )
    }
}

/// Measures, and prints the tables.
pub async fn run(measure: &Measure) {
    let durable = Durable::start(measure).await;
    let stage = Stage::start(Some(&durable)).await;
    let machine = durable.machine(&stage, &["wallet", "credit"]).await;
    let owner = durable.rows().await;
    let wallets = Arc::new(crowd::wallets(&owner, &stage.wallet, measure.accounts).await);
    let lines = Arc::new(crowd::lines(&owner, &line(&stage).await, measure.accounts).await);
    let (mut debits, mut drawn, mut acknowledged, mut authorized) =
        (Way::new("debits of wallets"), Way::new("draws on lines"), Vec::new(), Vec::new());
    let connections = measure.callers.div_ceil(64);
    for round in 0..=measure.rounds {
        // The first round warms up.
        let lasting = Duration::from_secs(if round == 0 { 1 } else { measure.seconds });
        let debit = unary(stage.straight("wallet", connections), wallets.clone());
        let (done, cost) = turn(&machine, closed(measure.callers, lasting, debit)).await;
        let draw = draws(stage.straight("credit", connections), lines.clone());
        let (drew, price) = turn(&machine, closed(measure.callers, lasting, draw)).await;
        if round == 0 {
            books::know(&owner).await;
        } else {
            debits.add(&done, cost);
            drawn.add(&drew, price);
        }
        acknowledged.extend(done.ids);
        authorized.extend(drew.ids);
    }
    books::hold(&owner, &acknowledged, false).await;
    hold(&owner, &authorized).await;
    let target = Target::at_least("12 draws / debits", drawn.rate() / debits.rate(), 0.8, 0.5);
    report::print(measure, &[debits, drawn], &[target], &json!({ "spans": stage.spans(measure) }));
}

/// Each acknowledged draw is there once, and its line has it.
async fn hold(owner: &sea_orm::DatabaseConnection, acknowledged: &[Uuid]) {
    let broken = "SELECT count(*) FROM credit.credit_lines l WHERE l.authorized <> (SELECT coalesce(sum(d.amount), 0) FROM credit.draws d \
                  WHERE d.tenant = l.tenant AND d.line_id = l.id AND d.state = 'AUTHORIZED')";
    let count = |select: &'static str| async move {
        let row = sql::one(owner, select, vec![]).await.expect("a count").expect("a row");
        row.try_get::<i64>("", "count").expect("a count")
    };
    assert_eq!(count(broken).await, 0, "a line has what was drawn on it");
    assert_eq!(
        usize::try_from(count("SELECT count(*) FROM credit.draws").await),
        Ok(acknowledged.len()),
        "as many draws as ids"
    );
    let rows =
        sql::all(owner, "SELECT request_id FROM credit.requests", vec![]).await.expect("ids");
    let stored: HashSet<Uuid> =
        rows.iter().map(|row| row.try_get("", "request_id").expect("an id")).collect();
    assert!(acknowledged.iter().all(|id| stored.contains(id)), "no acknowledged id is lost");
}
