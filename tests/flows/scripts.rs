//! Random scripts through the gateway: whatever people, jobs, banks and issuers do, and in which
//! order, the books add up. Two scripts at a time on the same customers; a seed plays the same
//! moves again.

use crate::{
    bank::{camt_in, import},
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    invariants_of_plans::plans_agree,
    invariants_of_provider::clearing_agrees,
    invoices::{draft, line},
    lines::offer,
    payments::{by, credit},
    plans::allow,
    rig::retry,
    scripts_of_credit::{lines_were_played, programme_in_australia},
    top_ups::{buy, card},
};
use payterms_proto::{
    google::r#type::{Decimal, Money},
    invoicing::v1::{
        BlockInvoiceRequest, CreateCreditNoteRequest, CreatePaymentRequest, FinalizeInvoiceRequest,
        Invoice, InvoiceToPay, ListInvoicesRequest, ListPaymentsRequest, Payment,
        UnapplyPaymentRequest, UnblockInvoiceRequest, VoidInvoiceRequest, WriteOffInvoiceRequest,
        block::Reason,
    },
    plans::v1::PlanSettings,
    wallet::v1::{PostFeeRequest, RecordUsageRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tonic::{Code, Status};

on_both!(the_books_add_up_after_random_scripts);

/// Moves of one script.
const MOVES: usize = 54;

/// Waits until the provider has told all it has to tell, and no flow is open.
async fn quiet(world: &World) {
    let (mut open, mut untold) = (Vec::new(), 0);
    for _ in 0..1_200 {
        let page = format!("{}/v1/notifications", world.suite.simulator);
        untold = reqwest::get(page).await.unwrap().json::<usize>().await.unwrap();
        open = invariants::open_flows(world).await;
        if open.is_empty() && untold == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("flows that do not end: {open:?}; notifications that nobody takes: {untold}");
}

pub(crate) struct Player<'a> {
    pub world: &'a World,
    pub dice: StdRng,
    pub customers: &'a [(String, String, Session)],
    pub programme: &'a str,
    pub owner: Session,
    pub seed: u64,
}

/// A refusal is an answer; a fault is not.
pub(crate) fn answered<T>(what: &str, seed: u64, outcome: &Result<T, Status>) -> bool {
    if let Err(status) = outcome {
        let expected = [
            Code::FailedPrecondition,
            Code::Aborted,
            Code::NotFound,
            Code::InvalidArgument,
            Code::Unavailable,
        ];
        assert!(expected.contains(&status.code()), "seed {seed}: {what}: {status:?}");
    }
    outcome.is_ok()
}

impl Player<'_> {
    pub(crate) fn money(&mut self, most: i64) -> Option<Money> {
        amount("USD", self.dice.random_range(1..=most), self.dice.random_range(0..100))
    }

    pub(crate) async fn an_invoice(&mut self, customer: &str) -> Option<Invoice> {
        let list =
            ListInvoicesRequest { parent: customer.into(), page_size: 100, ..Default::default() };
        let found = self.owner.invoices().list_invoices(list).await.ok()?.into_inner().invoices;
        found.choose(&mut self.dice).cloned()
    }

    async fn a_payment(&mut self, customer: &str) -> Option<Payment> {
        let list =
            ListPaymentsRequest { parent: customer.into(), page_size: 100, ..Default::default() };
        let found = self.owner.payments().list_payments(list).await.ok()?.into_inner().payments;
        found.choose(&mut self.dice).cloned()
    }

    pub(crate) async fn issues(&mut self, customer: &str) -> bool {
        let price = self.money(200);
        let mut request = draft(customer, "USD", vec![line("Plan", price)]);
        let invoice = request.invoice.as_mut().unwrap();
        (invoice.prices_include_tax, invoice.collect_automatically) =
            (self.dice.random(), self.dice.random());
        if self.dice.random() {
            invoice.lines.push(line("Book", amount("USD", 7, 0)));
        }
        let Ok(made) = self.owner.invoices().create_invoice(request).await else { return false };
        let name = made.into_inner().invoice.unwrap().name;
        let finalize = FinalizeInvoiceRequest {
            request_id: request_id(),
            name,
            etag: String::new(),
            ..Default::default()
        };
        answered("finalize", self.seed, &self.owner.invoices().finalize_invoice(finalize).await)
    }

    async fn pays(&mut self, customer: &str, admin: &Session) -> bool {
        let invoices = match self.an_invoice(customer).await {
            Some(invoice) if self.dice.random() => {
                vec![InvoiceToPay { invoice: invoice.name, amount: None }]
            }
            _ => Vec::new(),
        };
        // By the purchase default, which may be a line, or by a card.
        let method =
            self.a_card(customer, admin).await.filter(|_| self.dice.random()).unwrap_or_default();
        let tenders = match self.dice.random_range(0..4) {
            0 => vec![credit(None)],
            1 => vec![by(&method, None)],
            2 => vec![by(&method, None), credit(self.money(40))],
            _ => vec![by(&method, self.money(300))],
        };
        let currency_code = if invoices.is_empty() { "USD".to_owned() } else { String::new() };
        let request = CreatePaymentRequest {
            request_id: request_id(),
            parent: customer.into(),
            invoices,
            tenders,
            currency_code,
            ..Default::default()
        };
        answered("pay", self.seed, &admin.payments().create_payment(request).await)
    }

    async fn takes_back(&mut self, customer: &str) -> bool {
        let Some(invoice) = self.an_invoice(customer).await else { return false };
        let (seed, name, mut invoices) = (self.seed, invoice.name.clone(), self.owner.invoices());
        match self.dice.random_range(0..6) {
            0 => {
                let void = VoidInvoiceRequest {
                    request_id: request_id(),
                    name,
                    explanation: "Wrong".into(),
                    ..Default::default()
                };
                answered("void", seed, &invoices.void_invoice(void).await)
            }
            1 => answered(
                "write off",
                seed,
                &invoices
                    .write_off_invoice(WriteOffInvoiceRequest {
                        request_id: request_id(),
                        name,
                        ..Default::default()
                    })
                    .await,
            ),
            2 => {
                let block = BlockInvoiceRequest {
                    request_id: request_id(),
                    name,
                    reason: Reason::Manual.into(),
                    ..Default::default()
                };
                answered("block", seed, &self.owner.collections().block_invoice(block).await)
            }
            3 => {
                let lift =
                    UnblockInvoiceRequest { request_id: request_id(), name, ..Default::default() };
                answered("unblock", seed, &self.owner.collections().unblock_invoice(lift).await)
            }
            4 => {
                let Some(payment) = self.a_payment(customer).await else { return false };
                let money = if self.dice.random() { None } else { self.money(20) };
                let back = UnapplyPaymentRequest {
                    request_id: request_id(),
                    payment: payment.name,
                    invoice: name,
                    amount: money,
                };
                answered("unapply", seed, &self.owner.refunds().unapply_payment(back).await)
            }
            _ => {
                let money = self.money(60);
                let note = CreateCreditNoteRequest {
                    request_id: request_id(),
                    parent: name,
                    amount: money,
                    explanation: "Goodwill".into(),
                };
                answered("credit note", seed, &invoices.create_credit_note(note).await)
            }
        }
    }

    async fn buys_and_uses(&mut self, wallet: &str, admin: &Session) -> bool {
        let service = self.world.someone("SERVICE", None);
        match self.dice.random_range(0..3) {
            0 => answered(
                "top up",
                self.seed,
                &admin.top_ups().create_top_up(buy(wallet, "", self.money(80))).await,
            ),
            1 => {
                let fee = PostFeeRequest {
                    request_id: request_id(),
                    wallet: wallet.into(),
                    amount: self.money(9),
                    description: "Number".into(),
                    unlisted: self.dice.random(),
                };
                answered("fee", self.seed, &self.owner.postings().post_fee(fee).await)
            }
            _ => {
                let price = Some(Money {
                    currency_code: "USD".into(),
                    units: 0,
                    nanos: self.dice.random_range(1..999_999) * 1_000,
                });
                let record = RecordUsageRequest {
                    request_id: request_id(),
                    wallet: wallet.into(),
                    product: ["calls", "texts"].choose(&mut self.dice).copied().unwrap().into(),
                    quantity: Some(Decimal { value: self.dice.random_range(1..40).to_string() }),
                    unit_price: price,
                    usage_time: None,
                    ..Default::default()
                };
                answered("use", self.seed, &service.usage().record_usage(record).await)
            }
        }
    }

    /// A transfer arrives for some invoice, or an issuer takes some charge back.
    async fn the_bank_moves(&mut self, customer: &str) -> bool {
        let simulator = self.world.suite.simulator.clone();
        if self.dice.random() {
            let list: Vec<serde_json::Value> = reqwest::get(format!("{simulator}/v1/acme/charges"))
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            let Some(charge) = list
                .choose(&mut self.dice)
                .and_then(|value| value["id"].as_str().map(str::to_owned))
            else {
                return false;
            };
            let page = format!("{simulator}/simulator/acme/charges/{charge}/chargeback");
            return reqwest::Client::new().post(page).send().await.unwrap().status().is_success();
        }
        let Some(invoice) = self.an_invoice(customer).await else { return false };
        let money = self.money(150).unwrap();
        let (sum, reference) =
            (format!("{}.{:02}", money.units, money.nanos / 10_000_000), request_id());
        let file = camt_in("USD", &[(&sum, &invoice.number, &reference)]);
        answered("bank line", self.seed, &import(&self.owner, file).await)
    }

    async fn plays(&mut self) -> usize {
        let mut done = 0;
        for _ in 0..MOVES {
            let (customer, wallet, admin) = self.customers.choose(&mut self.dice).unwrap();
            let moved = match self.dice.random_range(0..12) {
                0 | 1 => self.issues(customer).await,
                2..=4 => self.pays(customer, admin).await,
                5 | 6 => self.takes_back(customer).await,
                7 | 8 if self.dice.random() => self.plans(customer, admin).await,
                7 | 8 => self.buys_and_uses(wallet, admin).await,
                9 => self.the_bank_moves(customer).await,
                _ => Box::pin(self.borrows(customer, admin)).await,
            };
            done += usize::from(moved);
        }
        done
    }
}

async fn the_books_add_up_after_random_scripts(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    allow(&owner, PlanSettings::default(), &[]).await;
    let programme = programme_in_australia(&owner).await;
    let mut customers = Vec::new();
    for token in ["tok_visa", "tok_declined"] {
        let customer = world.customer("acme", "AU").await;
        let wallet = world.wallet(&customer, "USD").await;
        let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
        card(world, &admin, &customer, "tok_mastercard").await;
        card(world, &admin, &customer, token).await;
        if customers.is_empty() {
            // The other one is to apply. Credit may not have heard of the customer yet.
            retry(async || offer(&owner, &customer, &programme, 500).await).await;
        }
        customers.push((customer, wallet, admin));
    }
    for (round, seed) in (1_i64..).zip([7, 1_234, 99, 5_555, 31_337]) {
        let dice = StdRng::seed_from_u64;
        let player = |seed| Player {
            world,
            dice: dice(seed),
            customers: &customers,
            programme: &programme,
            owner: owner.clone(),
            seed,
        };
        let (mut one, mut two) = (player(seed), player(seed + 1));
        let (one, two) = tokio::join!(Box::pin(one.plays()), Box::pin(two.plays()));
        assert!(one + two > MOVES / 2, "seed {seed}: most moves are refused");
        // Everybody has gone home: the due dates, the month's end, and what was left to the
        // recovery.
        quiet(world).await;
        advance(world, START + round * 40 * DAY).await;
        quiet(world).await;
        advance(world, START + round * 40 * DAY + 3_600).await;
        quiet(world).await;
        invariants::hold(world).await;
        invariants::books_agree(world).await;
        clearing_agrees(world).await;
        plans_agree(world).await;
        credit_agrees(world).await;
    }
    lines_were_played(world).await;
}
