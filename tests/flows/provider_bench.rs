//! A payment provider's adapter for a test, and what it talks to: the simulator, or what answers as
//! Stripe does.

use chrono::{DateTime, TimeDelta, Utc};
use payterms_chassis::{Call, Db, db::DatabaseOptions, seal::Seal};
use payterms_kernel::{Clock, Currency, Id, Money, SystemClock, TenantId};
use payterms_testkit::{
    Database, postgres,
    process::free_address,
    stripe::{self as there, Card, StripeServer},
};
use payterms_wallet::{
    provider::{
        ChargeOrder, PaymentProvider, RefundOrder, SetupOrder,
        simulator::Simulator,
        stripe::{Stripe, client::Client},
    },
    store::settings,
};
use payterms_wallet_domain::{MethodKind, StripeConnection, method_setup::SavedCard};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A card, in the words of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TestCard {
    pub(crate) token: &'static str,
    pub(crate) card: Card,
}

pub(crate) const GOOD: TestCard = TestCard { token: "tok_visa", card: Card::Good };
pub(crate) const DECLINED: TestCard =
    TestCard { token: "tok_stolen", card: Card::Declined("stolen_card") };

pub(crate) const AUTHENTICATES: TestCard =
    TestCard { token: "tok_authenticate", card: Card::Authenticates };

pub(crate) const SLOW: TestCard = TestCard { token: "tok_slow", card: Card::Slow };

pub(crate) const ACCOUNT: TestCard = TestCard { token: "tok_bank", card: Card::Account };

pub(crate) const REFUSED_ACCOUNT: TestCard =
    TestCard { token: "tok_bank_refused", card: Card::Account };

pub(crate) const REFUND_FAILS: TestCard =
    TestCard { token: "tok_refund_fails", card: Card::RefundFails };

/// An adapter, and what it talks to.
pub(crate) struct Bench {
    pub(crate) provider: Box<dyn PaymentProvider>,
    pub(crate) tenant: TenantId,
    pub(crate) now: DateTime<Utc>,
    pub(crate) stripe: Option<StripeServer>,
    simulator: String,
    pub(crate) db: Option<Db>,
    pub(crate) folder: TempDir,
    stop: CancellationToken,
}

pub(crate) fn usd(text: &str) -> Money {
    Money::parse(Currency::parse("USD").unwrap(), text).unwrap()
}

pub(crate) async fn with_simulator() -> Bench {
    let (folder, at, stop) =
        (tempfile::tempdir().unwrap(), free_address(), CancellationToken::new());
    let listener = TcpListener::bind(at).await.unwrap();
    // Nobody takes its notifications.
    let options = payterms_simulator::Options {
        file: folder.path().join("s.db"),
        notify: "http://127.0.0.1:1".to_owned(),
        secret: vec![7; 32],
    };
    tokio::spawn(payterms_simulator::serve(listener, options, stop.clone()));
    let simulator = format!("http://{at}");
    Bench {
        provider: Box::new(Simulator::new(&simulator, vec![7; 32]).unwrap()),
        tenant: "acme".parse().unwrap(),
        now: SystemClock.now(),
        stripe: None,
        simulator,
        db: None,
        folder,
        stop,
    }
}

/// A clock that a test moves.
#[derive(Debug)]
pub(crate) struct Later(pub(crate) TimeDelta);

impl Clock for Later {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }
}

pub(crate) async fn wallet_of(
    folder: &TempDir,
    database: Database,
    clock: Arc<dyn Clock>,
) -> Option<Db> {
    if database == Database::Postgres {
        let place = postgres::database().await?;
        return Db::open_with(
            &format!("postgres://payterms_wallet@{place}"),
            "wallet",
            clock,
            &DatabaseOptions::default(),
        )
        .await
        .ok();
    }
    let file = format!("sqlite:{}", folder.path().join("wallet.db").display());
    let db = Db::open_with(&file, "wallet", clock, &DatabaseOptions::default()).await.unwrap();
    let schema = db.schema_connection().await.unwrap();
    payterms_migrations::migrate_sqlite(&schema, "wallet").await.unwrap();
    schema.close().await.unwrap();
    Some(db)
}

pub(crate) async fn with_stripe(database: Database, late: TimeDelta) -> Option<Bench> {
    let stripe = StripeServer::start().await;
    Some(Bench { stripe: Some(stripe.clone()), ..at_stripe(&stripe.url(), database, late).await? })
}

/// The adapter of Stripe for what answers at an address.
pub(crate) async fn at_stripe(url: &str, database: Database, late: TimeDelta) -> Option<Bench> {
    let folder = tempfile::tempdir().unwrap();
    let db = wallet_of(&folder, database, Arc::new(Later(late))).await?;
    let key = folder.path().join("webhooks.key");
    std::fs::write(&key, [9; 32]).unwrap();
    let provider = Stripe::new(Client::new(url).unwrap(), db.clone(), Seal::read(&key).unwrap());
    let tenant: TenantId = "acme".parse().unwrap();
    let (sealed_key, sealed_webhook_secret) =
        provider.seal_secrets(&tenant, there::KEY, there::WEBHOOK_SECRET).unwrap();
    let connection = StripeConnection {
        account: there::ACCOUNT.to_owned(),
        on_behalf: false,
        live: false,
        key_ending: "acme".to_owned(),
        return_url: "https://shop.example/back?a=b".to_owned(),
        sealed_key,
        sealed_webhook_secret,
        connected_at: SystemClock.now(),
    };
    let tx = db
        .begin_forward(&Call::internal("wallet", &tenant, "connect", Uuid::max(), None))
        .await
        .unwrap();
    let mut own = settings::lock(tx.conn(), &tenant).await.unwrap();
    own.stripe = Some(connection);
    settings::save(tx.conn(), &tenant, &own).await.unwrap();
    tx.commit_rows().await.unwrap();
    let (now, simulator, stop) = (SystemClock.now(), String::new(), CancellationToken::new());
    Some(Bench {
        provider: Box::new(provider),
        tenant,
        now,
        stripe: None,
        simulator,
        db: Some(db),
        folder,
        stop,
    })
}

impl Bench {
    pub(crate) async fn end(self) {
        self.stop.cancel();
        if let Some(db) = &self.db {
            db.close().await;
        }
    }

    pub(crate) fn setup(&self, kind: MethodKind) -> SetupOrder {
        let key = Uuid::from_u128(rand::random());
        SetupOrder {
            tenant: self.tenant.clone(),
            key,
            setup: Id::from_uuid(key),
            customer: Id::from_uuid(Uuid::max()),
            kind,
            country: "DE".to_owned(),
        }
    }

    /// A person saves a card on a page.
    pub(crate) async fn write_card(&self, page: &str, card: TestCard) {
        if let Some(stripe) = &self.stripe {
            let (back, _) = stripe.save_card(page, card.card);
            assert!(
                back.starts_with("https://shop.example/back?a=b&setup=")
                    && back.ends_with("&outcome=saved"),
                "{back}"
            );
            return;
        }
        let form = reqwest::Client::new()
            .post(format!("{}{page}", self.simulator))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", card.token));
        form.send().await.unwrap().error_for_status().unwrap();
    }

    pub(crate) async fn saved(&self, card: TestCard) -> String {
        self.saved_method(card).await.token
    }

    pub(crate) async fn saved_method(&self, card: TestCard) -> SavedCard {
        let kind =
            if card.card == Card::Account { MethodKind::BankDebit } else { MethodKind::Card };
        let page = self.provider.create_setup(&self.setup(kind)).await.unwrap();
        self.write_card(&page.url, card).await;
        self.provider.saved_card(&self.tenant, &page.setup_id).await.unwrap().unwrap()
    }

    pub(crate) fn order(&self, token: &str, amount: &str) -> ChargeOrder {
        self.order_in("USD", token, amount)
    }

    pub(crate) fn order_in(&self, currency: &str, token: &str, amount: &str) -> ChargeOrder {
        ChargeOrder {
            tenant: self.tenant.clone(),
            key: Uuid::from_u128(rand::random()),
            token: token.to_owned(),
            amount: Money::parse(Currency::parse(currency).unwrap(), amount).unwrap(),
            now: self.now,
        }
    }

    pub(crate) fn refund(&self, charge_id: &str, amount: &str) -> RefundOrder {
        RefundOrder {
            tenant: self.tenant.clone(),
            key: Uuid::from_u128(rand::random()),
            charge_id: charge_id.to_owned(),
            amount: usd(amount),
        }
    }

    /// What the provider lists, charges that succeeded alone.
    pub(crate) async fn listed(&self, what: &str) -> usize {
        let all = match &self.stripe {
            Some(stripe) => stripe.listed(what),
            None => reqwest::get(format!("{}/v1/acme/{what}", self.simulator))
                .await
                .unwrap()
                .json()
                .await
                .unwrap(),
        };
        all.iter().filter(|own| own["state"] == "succeeded").count()
    }

    /// The issuer takes a charge back, and the network decides; the provider does not tell.
    pub(crate) async fn issuer(&self, charge_id: &str, outcome: Option<&str>) {
        self.take_back(charge_id, outcome, false).await;
    }

    pub(crate) async fn take_back(&self, charge_id: &str, outcome: Option<&str>, is_account: bool) {
        match (&self.stripe, outcome) {
            // What a bank takes back is decided from the start.
            (Some(stripe), None) => drop(stripe.dispute(
                charge_id,
                2_000,
                if is_account { "lost" } else { "needs_response" },
            )),
            (Some(stripe), Some(outcome)) => {
                let dispute = stripe
                    .objects("dispute")
                    .into_iter()
                    .find(|own| own["payment_intent"] == charge_id)
                    .unwrap();
                drop(stripe.decide_dispute(&dispute, outcome));
            }
            (None, outcome) => {
                let act = outcome.map_or_else(
                    || "chargeback".to_owned(),
                    |outcome| format!("dispute/{outcome}"),
                );
                let url = format!(
                    "{}/simulator/acme/charges/{charge_id}/{act}?silent=true",
                    self.simulator
                );
                reqwest::Client::new().post(url).send().await.unwrap().error_for_status().unwrap();
            }
        }
    }
}
