//! The adapter of Stripe at localstripe, a fake Stripe that others wrote: it has read Stripe's
//! documentation with other eyes than our stand-in. It knows no hosted pages, disputes, filters of
//! lists or idempotency keys, so that cards are saved by the API here.

use crate::{
    clients::python_with,
    provider_bench::{Bench, at_stripe},
};
use chrono::TimeDelta;
use payterms_testkit::{
    Database,
    process::free_address,
    receiver::Receiver,
    rig::until,
    stripe::{KEY, WEBHOOK_SECRET},
};
use payterms_wallet::provider::{News, Unread};
use payterms_wallet_domain::{refund::Refunded, top_up::Charged};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tonic::Status;

const GOOD: &str = "4242424242424242";
/// Saved, and declined when it is charged.
const DECLINED: &str = "4000000000000341";
const AUTHENTICATES: &str = "4000002500003155";

/// A running localstripe, which ends with the test.
struct Localstripe {
    process: Child,
    url: String,
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Localstripe {
    fn start() -> Option<Self> {
        let python = python_with("localstripe")?;
        let at = free_address();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/localstripe_server.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(at.port().to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "serves");
        Some(Self { process, url: format!("http://{at}") })
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&");
        let request = reqwest::Client::new().post(format!("{}{path}", self.url)).bearer_auth(KEY);
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url)).bearer_auth(KEY);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    /// Saves a method as Stripe's page does: a set-up intent that is confirmed. Answers the token
    /// that the suite keeps.
    async fn saved(&self, method: &[(&str, &str)]) -> String {
        let id = |object: Value| object["id"].as_str().unwrap().to_owned();
        let customer =
            id(self.post("/v1/customers", &[("metadata[payterms_tenant]", "acme")]).await);
        let method = id(self.post("/v1/payment_methods", method).await);
        let setup = id(self
            .post("/v1/setup_intents", &[("customer", &customer), ("usage", "off_session")])
            .await);
        self.post(&format!("/v1/setup_intents/{setup}/confirm"), &[("payment_method", &method)])
            .await;
        self.post(&format!("/v1/payment_methods/{method}/attach"), &[("customer", &customer)])
            .await;
        format!("{customer}/{method}")
    }

    async fn saved_card(&self, number: &str) -> String {
        let card = [
            ("type", "card"),
            ("card[number]", number),
            ("card[exp_month]", "12"),
            ("card[exp_year]", "2099"),
            ("card[cvc]", "123"),
        ];
        self.saved(&card).await
    }
}

macro_rules! at_localstripe {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::with(super::Database::Sqlite, async |there, bench| super::$story(there, bench).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                super::with(super::Database::Postgres, async |there, bench| super::$story(there, bench).await).await;
            })+
        }
    };
}

at_localstripe!(
    charges_are_made_declined_and_given_back,
    an_account_is_debited_later,
    what_it_signs_is_believed_and_nothing_else
);

async fn with(database: Database, story: impl AsyncFn(&Localstripe, &Bench)) {
    let Some(there) = Localstripe::start() else { return };
    let Some(bench) = at_stripe(&there.url, database, TimeDelta::zero()).await else { return };
    story(&there, &bench).await;
    bench.end().await;
}

async fn charges_are_made_declined_and_given_back(there: &Localstripe, bench: &Bench) {
    let (provider, tenant) = (&bench.provider, &bench.tenant);
    let mut charges = Vec::new();
    for (number, outcome, status) in [
        (GOOD, Charged::Succeeded, "succeeded"),
        (DECLINED, Charged::Declined("card_declined".to_owned()), "canceled"),
        (AUTHENTICATES, Charged::RequiresAction, "canceled"),
    ] {
        let order = bench.order(&there.saved_card(number).await, "20.00");
        let made = provider.charge(&order).await.unwrap();
        assert_eq!(made.outcome, outcome, "{number}");
        assert_eq!(provider.charge(&order).await.unwrap(), made, "{number}: once per key");
        assert_eq!(
            provider.find_charge(tenant, order.key, order.now).await.unwrap().as_ref(),
            Some(&made),
            "{number}"
        );
        let intent = there.get(&format!("/v1/payment_intents/{}", made.id)).await;
        let seen = (
            &intent["status"],
            &intent["amount"],
            &intent["currency"],
            &intent["metadata"]["payterms_step"],
        );
        assert_eq!(
            seen,
            (&status.into(), &2_000.into(), &"usd".into(), &order.key.to_string().into()),
            "{number}"
        );
        charges.push(made);
    }
    let order = bench.refund(&charges[0].id, "5.00");
    let made = provider.refund(&order).await.unwrap();
    assert_eq!(made.outcome, Refunded::Succeeded);
    assert_eq!(
        provider.refund(&order).await.unwrap(),
        made,
        "localstripe knows no keys: the refund is found by its mark"
    );
    assert_eq!(
        provider.refund(&bench.refund(&charges[0].id, "2.50")).await.unwrap().outcome,
        Refunded::Succeeded
    );
    let refunds = there.get(&format!("/v1/refunds?payment_intent={}", charges[0].id)).await;
    let mut amounts: Vec<_> = refunds["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| refund["amount"].as_i64().unwrap())
        .collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [250, 500]);
    let gone = provider.charge(&bench.order("cus_gone/pm_gone", "20.00")).await.unwrap();
    assert!(matches!(gone.outcome, Charged::Declined(_)), "{gone:?}");
}

async fn an_account_is_debited_later(there: &Localstripe, bench: &Bench) {
    for (iban, outcome) in [
        ("DE89370400440532013000", Charged::Succeeded),
        ("DE62370400440532013001", Charged::Declined("card_declined".to_owned())),
    ] {
        let account = there.saved(&[("type", "sepa_debit"), ("sepa_debit[iban]", iban)]).await;
        let order = bench.order_in("EUR", &format!("{account}/sepa_debit"), "20.00");
        bench.provider.charge(&order).await.unwrap();
        let ended = async || {
            let found = bench.provider.find_charge(&bench.tenant, order.key, order.now).await;
            found
                .map(|found| found.unwrap().outcome)
                .map_err(|unknown| Status::unavailable(unknown.to_string()))
        };
        let found = until(ended, |found| !matches!(found, Charged::Processing(_))).await;
        assert_eq!(found, outcome, "{iban}");
    }
}

async fn what_it_signs_is_believed_and_nothing_else(there: &Localstripe, bench: &Bench) {
    let receiver = Receiver::start().await;
    let endpoint = [("url", receiver.url("/stripe")), ("secret", WEBHOOK_SECRET.to_owned())];
    let form: Vec<_> = endpoint.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body =
        form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let register =
        reqwest::Client::new().post(format!("{}/_config/webhooks/own", there.url)).body(body);
    register
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let charge =
        bench.provider.charge(&bench.order(&there.saved_card(GOOD).await, "20.00")).await.unwrap();
    let is_told = |own: &[payterms_testkit::receiver::Received]| {
        own.iter().any(|own| own.event()["type"] == "payment_intent.succeeded")
    };
    let told = receiver.until("/stripe", is_told).await;
    let told = told.iter().find(|own| own.event()["type"] == "payment_intent.succeeded").unwrap();
    let read = async |body: &[u8]| {
        bench.provider.read_notification(&bench.tenant, body, told.header("stripe-signature")).await
    };
    assert_eq!(read(told.body.as_bytes()).await.unwrap(), Some(News::Charge(charge.id)));
    let changed = told.body.replace("succeeded", "canceled!");
    assert!(matches!(read(changed.as_bytes()).await, Err(Unread::Forged(_))));
}
