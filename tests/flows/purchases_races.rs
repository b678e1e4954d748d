//! Purchases at once, on one replica and on two, never pass the limit, and each makes one invoice,
//! also where its event comes again.

use crate::{
    invariants::{self, selected},
    invariants_of_credit::credit_agrees,
    invoices::line as item,
    lines::{Credit, active, usd},
    operations::republish,
    rig::until,
};
use payterms_proto::{
    credit::v1::{AuthorizeDrawRequest, CaptureDrawRequest, Draw, VoidDrawRequest},
    invoicing::v1::{Invoice, ListInvoicesRequest},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use sea_orm::ConnectionTrait;
use std::collections::BTreeSet;

on_both!(
    purchases_at_once_make_one_invoice_each,
    an_event_that_comes_again_makes_no_second_invoice
);

/// Purchases of 1.00 at once, against room for less.
const PURCHASES: usize = 60;
const ROOM: i64 = 20;

async fn purchases_at_once_make_one_invoice_each(world: &World) {
    purchases(world, &[world.someone("SERVICE", None)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_on_two_replicas_make_one_invoice_each() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let token = replica.token(&person("acme", "SERVICE", None), 600).unwrap();
    let shops = [world.someone("SERVICE", None), Session::new(replica.gateway, &token).unwrap()];
    purchases(&world, &shops).await;
    replica.stop().await;
    world.end().await;
}

async fn invoices(credit: &Credit, many: usize) -> Vec<Invoice> {
    let list = ListInvoicesRequest {
        parent: credit.customer.clone(),
        page_size: 500,
        ..ListInvoicesRequest::default()
    };
    let listed = async || {
        credit
            .owner
            .invoices()
            .list_invoices(list.clone())
            .await
            .map(|answer| answer.into_inner().invoices)
    };
    until(listed, |invoices| invoices.len() >= many).await
}

fn one(credit: &Credit) -> AuthorizeDrawRequest {
    let lines = vec![item("Tea", usd(1))];
    AuthorizeDrawRequest {
        request_id: request_id(),
        parent: credit.line.name.clone(),
        lines,
        ..AuthorizeDrawRequest::default()
    }
}

async fn purchases(world: &World, shops: &[Session]) {
    let credit = active(world, ROOM).await;
    let calls = (0..PURCHASES).zip(shops.iter().cycle()).map(|(_, shop)| {
        let (shop, sent) = (shop.clone(), one(&credit));
        tokio::spawn(async move {
            shop.draws().authorize_draw(sent).await.map(|answer| answer.into_inner().draw.unwrap())
        })
    });
    let done = futures::future::join_all(calls).await.into_iter().map(Result::unwrap);
    let (won, lost): (Vec<_>, Vec<_>) = done.partition(Result::is_ok);
    let won: Vec<Draw> = won.into_iter().map(Result::unwrap).collect();
    assert_eq!(won.len(), usize::try_from(ROOM).unwrap(), "as many as there was room for");
    for refused in lost {
        assert_eq!(reason(&refused.unwrap_err()), "CREDIT_LIMIT_EXCEEDED");
    }
    // Each is captured by two at once while a third voids it: one of them wins.
    let ends = won.iter().map(|draw| {
        let (name, shops) = (draw.name.clone(), [shops[0].clone(), shops[shops.len() - 1].clone()]);
        async move {
            let capture = || CaptureDrawRequest {
                request_id: request_id(),
                name: name.clone(),
                lines: Vec::new(),
            };
            let void = VoidDrawRequest { request_id: request_id(), name: name.clone() };
            let [mut first, mut second, mut third] =
                [shops[0].draws(), shops[1].draws(), shops[0].draws()];
            let (one, two, three) = tokio::join!(
                first.capture_draw(capture()),
                second.capture_draw(capture()),
                third.void_draw(void)
            );
            let captured =
                [one, two].map(|each| each.map(|answer| answer.into_inner().draw.unwrap()));
            let outcomes =
                captured.iter().map(|draw| draw.as_ref().err()).chain([three.as_ref().err()]);
            let refused: Vec<_> = outcomes.flatten().map(reason).collect();
            assert_eq!(refused, ["DRAW_STATE", "DRAW_STATE"]);
            captured.into_iter().flatten().next().map(|draw| draw.invoice)
        }
    });
    let ended = futures::future::join_all(ends).await;
    let named: BTreeSet<String> = ended.into_iter().flatten().collect();
    let made = invoices(&credit, named.len()).await;
    assert_eq!(
        made.into_iter().map(|invoice| invoice.name).collect::<BTreeSet<_>>(),
        named,
        "those that were captured, and no other"
    );
    assert_eq!(credit.read().await.exposure, usd(i64::try_from(named.len()).unwrap()));
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn an_event_that_comes_again_makes_no_second_invoice(world: &World) {
    let credit = active(world, ROOM).await;
    let service = world.someone("SERVICE", None);
    let draw =
        service.draws().authorize_draw(one(&credit)).await.unwrap().into_inner().draw.unwrap();
    let capture =
        CaptureDrawRequest { request_id: request_id(), name: draw.name, lines: Vec::new() };
    service.draws().capture_draw(capture).await.unwrap();
    let made = invoices(&credit, 1).await;
    // Invoicing forgets that it has heard of it, and hears of it again.
    let (conn, i) = world.rows("invoicing").await;
    conn.execute_unprepared(&format!(
        "DELETE FROM {i}inbox_heads WHERE aggregate_type = 'purchase'"
    ))
    .await
    .unwrap();
    let again = world
        .someone("OPERATOR", None)
        .operations("credit")
        .republish(republish("purchase"))
        .await
        .unwrap();
    assert_eq!(again.into_inner().snapshot_count, 1);
    let heard = format!(
        "SELECT aggregate_type FROM {i}inbox_heads WHERE aggregate_type = 'purchase' AND version > 0"
    );
    until(async || Ok(selected(&conn, &heard).await), |heard| heard.len() == 1).await;
    assert_eq!(invoices(&credit, 1).await, made);
    credit_agrees(world).await;
    invariants::hold(world).await;
}
