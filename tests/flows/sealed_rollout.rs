//! While a key that seals is replaced, replicas that were started with the files of before and
//! after stand beside each other: what one of them seals, the other opens, at every step.

use crate::{
    applications::Desk,
    attachments::{attach, download, pdf},
    invariants,
    kills_of_stripe::prepare,
    lines::programme,
    rig::{self, BINARY, Services, retry},
    sealed::keys,
    stripe::{connect, connection},
    webhooks::create,
};
use payterms_proto::{
    credit::v1::Programme,
    invoicing::v1::CreateWebhookEndpointRequest,
    wallet::v1::{StartMethodSetupRequest, payment_method::Kind},
};
use payterms_suite::client::request_id;
use payterms_testkit::stripe::StripeServer;
use std::process::Command;

const SERVICES: [&str; 4] = ["wallet", "invoicing", "credit", "plans"];
/// How often each value is opened. Calls are spread over two replicas at random.
const LOOKS: usize = 6;

/// What was sealed so far.
struct Values {
    desk: Desk,
    application: String,
    /// Secrets of webhook endpoints, by the requests that made them.
    secrets: Vec<(CreateWebhookEndpointRequest, String)>,
    /// Attachments, by their hashes.
    files: Vec<(String, Vec<u8>)>,
}

impl Values {
    /// Seals one more of each kind: a secret of webhooks, an attachment, a tenant's key at Stripe.
    async fn seal(&mut self, step: &str) {
        let hook = create(&format!("https://hook.example/{}", self.secrets.len()), &[]);
        let made = retry(async || {
            self.desk.owner.webhook_endpoints().create_webhook_endpoint(hook.clone()).await
        })
        .await;
        self.secrets.push((hook, made.into_inner().secret));
        let content = pdf(3_000 + self.files.len(), step);
        let files =
            retry(async || attach(&self.desk, &self.application, &content).await).await.files;
        self.files.push((files.last().unwrap().sha256.clone(), content));
        let again = connection();
        retry(async || connect(&self.desk.owner, again.clone()).await).await;
    }

    /// Opens everything, again and again.
    async fn open(&self, step: &str) {
        for _ in 0..LOOKS {
            for (hook, secret) in &self.secrets {
                let again = retry(async || {
                    self.desk.owner.webhook_endpoints().create_webhook_endpoint(hook.clone()).await
                })
                .await;
                assert_eq!(&again.into_inner().secret, secret, "{step}");
            }
            for (sha256, content) in &self.files {
                let read =
                    retry(async || download(&self.desk.reviewer, &self.application, sha256).await)
                        .await;
                assert!(&read.1 == content, "{step}");
            }
            let start = StartMethodSetupRequest {
                request_id: request_id(),
                parent: self.desk.customer.clone(),
                kind: Kind::Card.into(),
                ..Default::default()
            };
            retry(async || self.desk.admin.methods().start_method_setup(start.clone()).await).await;
        }
    }
}

/// The exit code of an operator's command, and what it says.
async fn operator(services: &Services, command: &'static str) -> (Option<i32>, String) {
    let (data, gateway) = (services.rig().data().to_owned(), services.rig().gateway);
    let mut program = Command::new(BINARY);
    program
        .args([command, "--output", "json"])
        .env("PAYTERMS_GATEWAY", format!("http://{gateway}"))
        .env("PAYTERMS_DATA", data);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_open_what_others_seal_while_a_key_is_replaced() {
    let stripe = StripeServer::start().await;
    let options = [format!("--stripe={}", stripe.url())];
    let Some(rig) = rig::start_with(true, &options).await else { return };
    let people = prepare(&rig, &stripe).await;
    let (owner, reviewer) = (rig.someone("OWNER", None), rig.someone("ADMIN", None));
    let desk = Desk {
        programme: programme(&owner, Programme::default()).await,
        customer: people.customer.clone(),
        admin: people.admin.clone(),
        owner,
        reviewer,
    };
    let application = retry(async || desk.start().await).await.name;
    let mut values = Values { desk, application, secrets: Vec::new(), files: Vec::new() };
    let mut services = Services::twice(rig).await;
    values.seal("before").await;
    values.open("before").await;
    for step in ["rotate", "switch", "retire"] {
        if step == "retire" {
            let (code, said) = operator(&services, "reseal").await;
            assert_eq!(code, Some(0), "{said}");
        }
        keys(services.rig().data(), step);
        for name in SERVICES {
            services.stop_other(name);
            services.start_other(name).await;
        }
        // Some replicas have the files of before, and some those of after.
        values.seal(step).await;
        values.open(step).await;
        for name in SERVICES {
            services.restart(name, None).await;
        }
        values.seal(step).await;
        values.open(step).await;
    }
    let (code, said) = operator(&services, "sealed").await;
    assert_eq!(code, Some(0), "{said}");
    let rig = services.into_rig();
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}
