//! Invoices are collected by bank debit at Stripe, and the suite is killed around each request,
//! when a bank pays, refuses and returns, and started again: a bank is asked for an invoice once at
//! most, and the invoice stands as the bank has decided.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants,
    invoices::{draft, issued, line, read},
    rig::{self, Rig, retry, until},
    stripe::{open, setup, start_for},
    stripe_debits::{disputes, offer_debits},
};
use futures::StreamExt;
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, Invoice, StartTestClockRequest, collection, invoice::State,
    },
    wallet::v1::{dispute, payment_method::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    stripe::{Card, StripeServer},
    world::{customer_of, wallet_of},
};
use serde_json::Value;
use tonic::Status;

/// A country, its currency, and the scheme by which its banks are debited.
const SCHEMES: [[&str; 3]; 4] = [
    ["DE", "EUR", "sepa_debit"],
    ["US", "USD", "us_bank_account"],
    ["GB", "GBP", "bacs_debit"],
    ["AU", "AUD", "au_becs_debit"],
];
/// Around the requests of a collection: each scheme is killed at all of them.
const ASKED_AT: [&str; 3] =
    ["stripe.after_create", "stripe.before_confirm", "stripe.after_confirm"];
/// Around the collection itself, which is the same for all schemes: they take turns, here and
/// below.
const COLLECTED_AT: [&str; 3] =
    ["collection.after_intent", "charge.after payment_charge", "payment_charge.before_record"];
/// Where the bank's answer, days later, is booked.
const SETTLED_AT: [&str; 2] = ["settle_charge.before_record", "settle_charge.after_record"];
/// Where it is booked that a bank takes back what it has paid.
const RETURNED_AT: [&str; 3] =
    ["chargeback.before_commit", "chargeback.after_commit", "dispute.before_taken_in"];
/// Schemes at once: much of their time they wait for a lease to lapse.
const AT_ONCE: usize = 2;

/// A customer whose account is debited for its invoices.
struct Debited {
    rig: Rig,
    stripe: StripeServer,
    owner: Session,
    customer: String,
    currency: &'static str,
    /// The tenant's time.
    now: i64,
    /// How many invoices were to be collected.
    asked: usize,
}

/// The next notification may be the last thing that the gateway hears.
async fn tell(rig: &mut Rig, kill_at: &str, kind: &'static str, object: &Value) {
    let (gateway, told) = (rig.gateway, object.clone());
    rig.die_at(kill_at, async move { StripeServer::notify(gateway, "acme", kind, &told).await })
        .await;
    let status =
        async || Ok::<_, Status>(StripeServer::notify(gateway, "acme", kind, object).await);
    until(status, |status| *status == 204).await;
}

impl Debited {
    async fn start(
        [country, currency, scheme]: [&'static str; 3],
        on_postgres: bool,
    ) -> Option<Self> {
        let stripe = StripeServer::start().await;
        let rig = rig::start_with(on_postgres, &[format!("--stripe={}", stripe.url())]).await?;
        let owner = rig.someone("OWNER", None);
        let start = StartTestClockRequest {
            request_id: request_id(),
            parent: "tenants/acme".into(),
            now: at(START),
            seed: "seed".into(),
        };
        owner.clock().start_test_clock(start).await.unwrap();
        open(&owner).await;
        offer_debits(&owner, currency).await;
        let customer = customer_of(&owner, "acme", country).await;
        wallet_of(&rig.someone("SERVICE", None), &customer, currency).await;
        let admin = rig.someone("CUSTOMER_ADMIN", Some(&customer));
        let page = start_for(&admin, &customer, Kind::BankDebit).await.unwrap();
        let _ = stripe.save_card(&page.hosted_url, Card::Account);
        assert!(!setup(&admin, &page.name).await.payment_method.is_empty());
        let session = stripe.objects("checkout.session").pop().unwrap();
        assert_eq!(session["payment_method_types"][0], scheme);
        Some(Self { rig, stripe, owner, customer, currency, now: START, asked: 0 })
    }

    fn to(&self, seconds: i64) -> AdvanceTestClockRequest {
        AdvanceTestClockRequest {
            request_id: request_id(),
            name: "tenants/acme/testClock".into(),
            target_time: at(self.now + seconds),
        }
    }

    async fn advance(&mut self, seconds: i64) {
        let request = self.to(seconds);
        retry(async || self.owner.clock().advance_test_clock(request.clone()).await).await;
        self.now += seconds;
    }

    async fn advance_killed(&mut self, seconds: i64, kill_at: Option<&str>) {
        if let Some(point) = kill_at {
            let (owner, request) = (self.owner.clone(), self.to(seconds));
            self.rig
                .die_at(point, async move { owner.clock().advance_test_clock(request).await })
                .await;
        }
        self.advance(seconds).await;
    }

    /// Issues an invoice that is due at once, and lets the notice of its debit be mailed.
    async fn announce(&mut self) -> Invoice {
        let mut request =
            draft(&self.customer, self.currency, vec![line("Plan", amount(self.currency, 100, 0))]);
        let asked = request.invoice.as_mut().unwrap();
        asked.collect_automatically = true;
        asked.payment_term.as_mut().unwrap().days = 0;
        let invoice = issued(&self.owner, request).await;
        self.asked += 1;
        self.advance(60).await;
        invoice
    }

    /// Lets an invoice be debited, whoever dies meanwhile.
    async fn collect(&mut self, kill_at: Option<&str>) -> Invoice {
        let invoice = self.announce().await;
        self.advance_killed(4 * DAY, kill_at).await;
        let waiting = self.until_invoice(&invoice, |own| own.pending == invoice.open).await;
        assert_eq!(waiting.state(), State::Open, "the bank has not decided: {kill_at:?}");
        let intents = self.stripe.objects("payment_intent");
        let waiting = intents.iter().filter(|own| own["status"] == "processing").count();
        assert_eq!(
            (intents.len(), waiting),
            (self.asked, 1),
            "one debit for each invoice: {kill_at:?}"
        );
        invoice
    }

    fn intent(&self) -> Value {
        self.stripe.objects("payment_intent").pop().unwrap()
    }

    /// The bank decides the last debit, and Stripe tells of it; whoever dies, the debit ends so.
    async fn decided(&mut self, declined: Option<&str>, kill_at: Option<&str>) {
        self.stripe.settle(declined);
        let (kind, intent) = (
            if declined.is_some() {
                "payment_intent.payment_failed"
            } else {
                "payment_intent.succeeded"
            },
            self.intent(),
        );
        // What is due on a test clock is done when it moves, or at the next start: whoever dies is
        // told first.
        let (gateway, owner, request, told) =
            (self.rig.gateway, self.owner.clone(), self.to(60), intent.clone());
        let act = async move {
            StripeServer::notify(gateway, "acme", kind, &told).await;
            owner.clock().advance_test_clock(request).await
        };
        match kill_at {
            Some(point) => self.rig.die_at(point, act).await,
            None => drop(act.await),
        }
        assert_eq!(StripeServer::notify(gateway, "acme", kind, &intent).await, 204);
        self.advance(60).await;
    }

    async fn until_invoice(
        &self,
        invoice: &Invoice,
        awaited: impl Fn(&Invoice) -> bool,
    ) -> Invoice {
        until(async || read(&self.owner, &invoice.name).await, awaited).await
    }

    async fn paid(&self, invoice: &Invoice) {
        let paid = self.until_invoice(invoice, |own| own.state() == State::Paid).await;
        assert_eq!(
            (&paid.paid, paid.pending),
            (&invoice.open, amount(self.currency, 0, 0)),
            "the whole of it, once"
        );
    }
}

async fn scheme(turn: usize, scheme: [&'static str; 3], on_postgres: bool) {
    let Some(mut desk) = Debited::start(scheme, on_postgres).await else { return };
    let in_turn = |points: &[&'static str], turn: usize| points[turn % points.len()];
    let mut paid = Vec::new();
    for point in ASKED_AT.into_iter().chain([in_turn(&COLLECTED_AT, turn)]) {
        let invoice = desk.collect(Some(point)).await;
        desk.decided(None, None).await;
        desk.paid(&invoice).await;
        paid.push((invoice, desk.intent()));
    }
    let invoice = desk.collect(None).await;
    desk.decided(None, Some(in_turn(&SETTLED_AT, turn))).await;
    desk.paid(&invoice).await;
    paid.push((invoice, desk.intent()));

    let invoice = desk.collect(None).await;
    desk.decided(Some("bank_account_closed"), Some(in_turn(&SETTLED_AT, turn + 1))).await;
    let failed = |own: &Invoice| {
        own.collection.as_ref().is_some_and(|own| own.state() == collection::State::Failed)
    };
    let refused = desk.until_invoice(&invoice, failed).await;
    assert_eq!((refused.state(), refused.pending), (State::Open, amount(desk.currency, 0, 0)));
    assert_eq!(
        (refused.collection.unwrap().failure_reason.as_str(), &desk.intent()["status"]),
        ("account_closed", &"canceled".into())
    );

    let (invoice, intent) = paid.last().unwrap();
    let dispute = desk.stripe.dispute(
        intent["id"].as_str().unwrap(),
        intent["amount"].as_i64().unwrap(),
        "lost",
    );
    tell(&mut desk.rig, in_turn(&RETURNED_AT, turn), "charge.dispute.created", &dispute).await;
    assert_eq!(
        StripeServer::notify(desk.rig.gateway, "acme", "charge.dispute.closed", &dispute).await,
        204
    );
    desk.until_invoice(invoice, |own| own.state() == State::Open && own.open == invoice.open).await;
    let found = disputes(&desk.owner).await;
    let [dispute] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((dispute.state(), dispute.r#final), (dispute::State::Lost, true));

    desk.advance(DAY).await;
    let intents = desk.stripe.objects("payment_intent");
    let succeeded = intents.iter().filter(|own| own["status"] == "succeeded").count();
    assert_eq!(
        (intents.len(), succeeded),
        (desk.asked, paid.len()),
        "no bank was asked twice for an invoice"
    );
    invariants::hold_in(desk.rig.data(), desk.rig.postgres.as_deref()).await;
    invariants::books_agree_in(desk.rig.data(), desk.rig.postgres.as_deref()).await;
}

async fn a_debit_survives_a_kill(on_postgres: bool) {
    let schemes =
        SCHEMES.into_iter().enumerate().map(|(turn, debit)| scheme(turn, debit, on_postgres));
    futures::stream::iter(schemes).for_each_concurrent(AT_ONCE, |own| own).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_survives_a_kill_on_sqlite() {
    Box::pin(a_debit_survives_a_kill(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_survives_a_kill_on_postgres() {
    Box::pin(a_debit_survives_a_kill(true)).await;
}
