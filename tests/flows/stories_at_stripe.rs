//! The stories whose cards are charged, over Stripe: a month of usage that is recharged by itself,
//! bills that are collected until a card fails for good, a credit line. What the ledger has in
//! clearing is then what Stripe lists.

use crate::{invariants, stripe::connection};
use futures::{FutureExt, future::BoxFuture};
use payterms_proto::wallet::v1::ConnectStripeRequest;
use payterms_suite::{
    demo::{
        CUSTOMERS, USAGE, account, bank, s1, s2, s3, s4, s5,
        stage::{Stage, TENANT, sentence_of},
    },
    shop::HostedPages,
};
use payterms_testkit::{
    Database, World,
    stripe::{Card, StripeServer},
};
use tonic::Status;

/// Stripe's pages, on which a token of the simulator stands for a card that behaves as it does
/// there.
#[derive(Debug)]
struct StripePages(StripeServer);

impl HostedPages for StripePages {
    fn provider(&self) -> &'static str {
        "stripe"
    }

    fn write<'a>(&'a self, url: &'a str, token: &'a str) -> BoxFuture<'a, Result<(), Status>> {
        let card = match token {
            "tok_visa" | "tok_mastercard" => Card::Good,
            "tok_declined" => Card::Declined("card_declined"),
            other => panic!("no story has saved {other} so far"),
        };
        let _ = self.0.save_card(url, card);
        async { Ok(()) }.boxed()
    }
}

async fn play(stage: &mut Stage, stripe: &StripeServer) -> Result<(), String> {
    stage.pages = Box::new(StripePages(stripe.clone()));
    stage.open().await?;
    let connect =
        ConnectStripeRequest { name: format!("tenants/{TENANT}/walletSettings"), ..connection() };
    stage.someone("OWNER")?.settings().connect_stripe(connect).await.map_err(sentence_of)?;
    stage.import(CUSTOMERS).await?;
    Box::pin(s4::play(stage)).await?;
    Box::pin(s5::play(stage, USAGE)).await?;
    Box::pin(s3::play(stage)).await?;
    Box::pin(s2::play(stage)).await?;
    Box::pin(bank::play(stage)).await?;
    Box::pin(account::play(stage)).await?;
    Box::pin(s1::play(stage)).await
}

async fn stories_run_over_stripe(database: Database) {
    let Some(world) = World::start(database).await else { return };
    let stripe = world.stripe.clone();
    let world = world.on_stage(async |stage| play(stage, &stripe).await).await;
    assert!(!stripe.objects("payment_intent").is_empty() && !stripe.objects("refund").is_empty());
    invariants::hold(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_run_over_stripe_on_sqlite() {
    Box::pin(stories_run_over_stripe(Database::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stories_run_over_stripe_on_postgres() {
    Box::pin(stories_run_over_stripe(Database::Postgres)).await;
}
