//! Ageing is exactly what is open, and what was open on any past day: over random histories,
//! against a model that adds up.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    invoices::{draft, issued, line},
    transfers,
};
use chrono::{DateTime, Days, NaiveDate};
use payterms_proto::{
    google::r#type::{Date, Money},
    invoicing::v1::{
        Ageing, BlockInvoiceRequest, CreateCreditNoteRequest, InvoiceToPay, ListAgeingRequest,
        PaymentTerm, RecordOutsidePaymentRequest, UnapplyPaymentRequest, WriteOffInvoiceRequest,
        block::Reason, payment_term::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, violations};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use tonic::Code;

on_both!(
    ageing_is_what_was_open_on_any_day_of_random_histories,
    ageing_counts_what_is_blocked_and_no_offer_of_credit,
    ageing_shows_members_their_own_and_nothing_of_tomorrow,
);

const EVERYONE: &str = "tenants/acme/customers/-";

fn date(day: NaiveDate) -> Date {
    use chrono::Datelike;
    let part = |number: u32| i32::try_from(number).unwrap();
    Date { year: day.year(), month: part(day.month()), day: part(day.day()) }
}

/// All rows, by pages of one.
async fn ageing(session: &Session, parent: &str, as_of: Option<NaiveDate>) -> Vec<Ageing> {
    let mut request = ListAgeingRequest {
        parent: parent.into(),
        page_size: 1,
        as_of: as_of.map(date),
        ..Default::default()
    };
    let mut rows = Vec::new();
    loop {
        let page = session.invoices().list_ageing(request.clone()).await.unwrap().into_inner();
        assert!(page.ageing.len() <= 1);
        rows.extend(page.ageing);
        if page.next_page_token.is_empty() {
            return rows;
        }
        request.page_token = page.next_page_token;
    }
}

fn units(money: Option<&Money>) -> i64 {
    let money = money.unwrap();
    assert_eq!(money.nanos, 0);
    money.units
}

/// A row as numbers: customer, currency, open, the five parts, how many invoices.
type Row = (String, String, [i64; 6], i32);

fn row(this_ageing: &Ageing) -> Row {
    let parts = [
        &this_ageing.open,
        &this_ageing.current,
        &this_ageing.past_due_1_to_30_days,
        &this_ageing.past_due_31_to_60_days,
        &this_ageing.past_due_61_to_90_days,
        &this_ageing.past_due_over_90_days,
    ];
    let currency = this_ageing.open.as_ref().unwrap().currency_code.clone();
    (
        this_ageing.customer.clone(),
        currency,
        parts.map(|money| units(money.as_ref())),
        this_ageing.invoice_count,
    )
}

/// An invoice of the model: what was open of it from which day on.
struct Modelled {
    name: String,
    customer: String,
    currency: &'static str,
    due: NaiveDate,
    open: BTreeMap<NaiveDate, i64>,
    payments: Vec<(String, i64)>,
    written_off: bool,
}

impl Modelled {
    fn now(&self) -> i64 {
        *self.open.values().last().unwrap()
    }
}

/// What the model says of a day.
fn expected(invoices: &[Modelled], day: NaiveDate) -> Vec<Row> {
    let mut rows: BTreeMap<(String, String), ([i64; 6], i32)> = BTreeMap::new();
    for modelled in invoices {
        let open = modelled.open.range(..=day).last().map_or(0, |(_, open)| *open);
        if open == 0 {
            continue;
        }
        let part = match (day - modelled.due).num_days() {
            ..=0 => 1,
            1..=30 => 2,
            31..=60 => 3,
            61..=90 => 4,
            _ => 5,
        };
        let (sums, count) =
            rows.entry((modelled.customer.clone(), modelled.currency.to_owned())).or_default();
        sums[0] += open;
        sums[part] += open;
        *count += 1;
    }
    rows.into_iter()
        .map(|((customer, currency), (sums, count))| (customer, currency, sums, count))
        .collect()
}

struct History<'a> {
    world: &'a World,
    owner: Session,
    customers: [String; 2],
    invoices: Vec<Modelled>,
    random: StdRng,
    now: i64,
}

impl History<'_> {
    fn today(&self) -> NaiveDate {
        DateTime::from_timestamp(self.now, 0)
            .unwrap()
            .with_timezone(&chrono_tz::Australia::Sydney)
            .date_naive()
    }

    async fn issue(&mut self) {
        let customer = self.customers[self.random.random_range(0..2)].clone();
        let currency = ["USD", "EUR"][self.random.random_range(0..2)];
        let (total, days) =
            (self.random.random_range(10..500_i64), self.random.random_range(0..60_u64));
        let mut request =
            draft(&customer, currency, vec![line("Plan", amount(currency, total, 0))]);
        let term = PaymentTerm { kind: Kind::NetDays.into(), days: i32::try_from(days).unwrap() };
        request.invoice.as_mut().unwrap().payment_term = Some(term);
        let made = issued(&self.owner, request).await;
        let today = self.today();
        let open = BTreeMap::from([(today, total)]);
        let due = today + Days::new(days);
        self.invoices.push(Modelled {
            name: made.name,
            customer,
            currency,
            due,
            open,
            payments: Vec::new(),
            written_off: false,
        });
    }

    /// Pays, credits, writes off or takes back a part of some invoice.
    async fn change(&mut self) {
        let today = self.today();
        let place = self.random.random_range(0..self.invoices.len());
        let verb = self.random.random_range(0..5);
        let owner = self.owner.clone();
        let part = self.random.random_range(1..=self.invoices[place].now().max(1));
        let modelled = &mut self.invoices[place];
        let (open, money) = (modelled.now(), |units: i64| amount(modelled.currency, units, 0));
        match verb {
            0 | 1 if open > 0 => {
                let pay = RecordOutsidePaymentRequest {
                    request_id: request_id(),
                    parent: modelled.customer.clone(),
                    invoices: vec![InvoiceToPay { invoice: modelled.name.clone(), amount: None }],
                    amount: money(part),
                    reference: "Cash".into(),
                    receive_date: None,
                    ..Default::default()
                };
                let paid = owner
                    .payments()
                    .record_outside_payment(pay)
                    .await
                    .unwrap()
                    .into_inner()
                    .payment
                    .unwrap();
                modelled.payments.push((paid.name, part));
                modelled.open.insert(today, open - part);
            }
            2 if open > 0 => {
                let (parent, explanation) = (modelled.name.clone(), "Discount".to_owned());
                let note = CreateCreditNoteRequest {
                    request_id: request_id(),
                    parent,
                    amount: money(part),
                    explanation,
                };
                owner.invoices().create_credit_note(note).await.unwrap();
                modelled.open.insert(today, open - part);
            }
            3 if open > 0 && modelled.payments.is_empty() => {
                let write_off = WriteOffInvoiceRequest {
                    request_id: request_id(),
                    name: modelled.name.clone(),
                    ..Default::default()
                };
                owner.invoices().write_off_invoice(write_off).await.unwrap();
                modelled.open.insert(today, 0);
                modelled.written_off = true;
            }
            4 if !modelled.payments.is_empty() && !modelled.written_off => {
                let (payment, paid) = modelled.payments.pop().unwrap();
                let back = UnapplyPaymentRequest {
                    request_id: request_id(),
                    payment,
                    invoice: modelled.name.clone(),
                    amount: None,
                };
                owner.refunds().unapply_payment(back).await.unwrap();
                modelled.open.insert(today, open + paid);
            }
            _ => {}
        }
    }

    async fn pass(&mut self) {
        self.now += self.random.random_range(2..25) * DAY;
        advance(self.world, self.now).await;
    }
}

async fn ageing_is_what_was_open_on_any_day_of_random_histories(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customers = [world.customer("acme", "GB").await, world.customer("acme", "GB").await];
    for customer in &customers {
        for currency in ["USD", "EUR"] {
            world.wallet(customer, currency).await;
        }
    }
    let (owner, random) = (world.someone("OWNER", None), StdRng::seed_from_u64(20));
    let mut history = History { world, owner, customers, invoices: Vec::new(), random, now: START };
    for _ in 0..10 {
        history.issue().await;
        for _ in 0..3 {
            history.change().await;
        }
        history.pass().await;
    }
    // What nobody touches any more grows old.
    history.now += 100 * DAY;
    advance(world, history.now).await;
    let History { owner, invoices, now, .. } = &history;
    let today = history.today();
    let first = DateTime::from_timestamp(START, 0).unwrap().date_naive();
    let found = |rows: Vec<Ageing>| rows.iter().map(row).collect::<Vec<_>>();
    assert_eq!(found(ageing(owner, EVERYONE, None).await), expected(invoices, today), "now, {now}");
    assert!(expected(invoices, today).len() >= 3, "several customers and currencies owe something");
    let (mut day, mut late) = (first, [false; 6]);
    while day <= today {
        let told = expected(invoices, day);
        assert_eq!(found(ageing(owner, EVERYONE, Some(day)).await), told, "on {day}");
        for (_, _, sums, _) in told {
            late.iter_mut().zip(sums).for_each(|(seen, sum)| *seen |= sum > 0);
        }
        day = day + Days::new(5);
    }
    assert_eq!(late, [true; 6], "every part was more than nothing on some day");
    assert!(ageing(owner, EVERYONE, Some(first - Days::new(1))).await.is_empty());
    invariants::hold(world).await;
}

async fn ageing_counts_what_is_blocked_and_no_offer_of_credit(world: &World) {
    let desk = transfers::desk(world).await;
    transfers::raise(&desk.owner, transfers::request(&desk.customer, amount("AUD", 220, 0)))
        .await
        .unwrap();
    assert!(
        ageing(&desk.owner, EVERYONE, None).await.is_empty(),
        "credit that is offered is no debt"
    );
    let made = issued(
        &desk.owner,
        draft(&desk.customer, "AUD", vec![line("Plan", amount("AUD", 100, 0))]),
    )
    .await;
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: made.name,
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    desk.owner.collections().block_invoice(block).await.unwrap();
    advance(world, START + 45 * DAY).await;
    let expected = vec![(desk.customer.clone(), "AUD".to_owned(), [110, 0, 110, 0, 0, 0], 1)];
    for as_of in [None, Some("2026-02-15".parse().unwrap())] {
        assert_eq!(
            ageing(&desk.owner, EVERYONE, as_of).await.iter().map(row).collect::<Vec<_>>(),
            expected,
            "{as_of:?}"
        );
    }
}

async fn ageing_shows_members_their_own_and_nothing_of_tomorrow(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let owner = world.someone("OWNER", None);
    let customers = [world.customer("acme", "GB").await, world.customer("acme", "GB").await];
    for customer in &customers {
        issued(&owner, draft(customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await;
    }
    assert_eq!(ageing(&owner, EVERYONE, None).await.len(), 2);
    assert_eq!(ageing(&owner, &customers[1], None).await.len(), 1);
    let member = world.someone("MEMBER", Some(&customers[0]));
    let ageings = ageing(&member, EVERYONE, None).await;
    assert_eq!(ageings.iter().map(|ageing| &ageing.customer).collect::<Vec<_>>(), [&customers[0]]);
    let other = ListAgeingRequest { parent: customers[1].clone(), ..Default::default() };
    assert_eq!(member.invoices().list_ageing(other).await.unwrap_err().code(), Code::NotFound);
    let tomorrow = ListAgeingRequest {
        parent: EVERYONE.into(),
        as_of: Some(date("2026-01-02".parse().unwrap())),
        ..Default::default()
    };
    assert_eq!(
        violations(&owner.invoices().list_ageing(tomorrow).await.unwrap_err()),
        ["as_of: DATE_IN_FUTURE"]
    );
}
