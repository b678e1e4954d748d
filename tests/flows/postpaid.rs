//! Months of use on invoices: what deposits paid is taxed and paid already, what a postpaid wallet
//! used is to be transferred, once, and credit pays what it may.

use crate::{
    clocks::{advance, at, start},
    collections::START,
    documents::acme,
    invariants,
    invoices::{draft, issued, line, read},
    rig::{self, until},
    top_ups::{buy, card},
    wallets::grant,
};
use payterms_proto::{
    google::r#type::{Decimal, Money},
    invoicing::v1::{
        ApplyCreditRequest, CreateCreditNoteRequest, Invoice, InvoiceToPay, ListInvoicesRequest,
        ListPaymentsRequest, Tenant, UpdateTenantRequest, WriteOffInvoiceRequest, invoice::State,
        refund_part::Destination,
    },
    wallet::v1::{
        DecidePostpaidRequest, GetBalanceRequest, GetPostpaidAgreementRequest, PostFeeRequest,
        PostpaidAgreement, RecordUsageRequest, RequestPostpaidRequest,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{
    World, on_both, reason,
    world::{customer_of, wallet_of},
};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    a_month_that_deposits_paid_is_invoiced_with_tax_and_paid_already,
    credit_pays_of_a_mix_of_invoices_what_it_may,
);

/// 00:00 in Sydney on the first of a month of 2026, or on, in seconds: daylight saving ends on 5
/// April and begins on 4 October.
pub(crate) fn first_of(month: u32) -> i64 {
    let date = chrono::NaiveDate::from_ymd_opt(
        2026 + i32::try_from((month - 1) / 12).unwrap(),
        (month - 1) % 12 + 1,
        1,
    )
    .unwrap();
    payterms_kernel::calendar::start_of_day("Australia/Sydney".parse().unwrap(), date).timestamp()
}

pub(crate) struct Desk {
    pub customer: String,
    pub wallet: String,
    pub owner: Session,
    pub admin: Session,
    pub service: Session,
}

/// A tenant in Sydney on 1 January 2026, and a customer in Australia with a wallet.
pub(crate) async fn desk(world: &World) -> Desk {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "AUD").await;
    let owner = world.someone("OWNER", None);
    let tenant =
        Tenant { name: "tenants/acme".into(), business: Some(acme()), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["business".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    Desk { customer, wallet, owner, admin, service: world.someone("SERVICE", None) }
}

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn nanos(currency: &str, units: i64, nanos: i32) -> Option<Money> {
    Some(Money { currency_code: currency.into(), units, nanos })
}

pub(crate) async fn used(
    service: &Session,
    wallet: &str,
    product: &str,
    quantity: &str,
    price: Option<Money>,
) -> Result<(), Status> {
    let record = RecordUsageRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        product: product.into(),
        quantity: Some(Decimal { value: quantity.into() }),
        unit_price: price,
        usage_time: None,
        ..Default::default()
    };
    service.usage().record_usage(record).await.map(|_| ())
}

pub(crate) async fn invoices_of(session: &Session, customer: &str) -> Vec<Invoice> {
    let list = ListInvoicesRequest { parent: customer.into(), ..Default::default() };
    session.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

pub(crate) async fn posted(session: &Session, wallet: &str) -> Option<Money> {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().posted
}

impl Desk {
    pub(crate) fn ask(&self, commitment: i64, limit: i64) -> RequestPostpaidRequest {
        RequestPostpaidRequest {
            request_id: request_id(),
            parent: self.wallet.clone(),
            monthly_commitment: amount("AUD", commitment, 0),
            limit: amount("AUD", limit, 0),
            ..Default::default()
        }
    }

    pub(crate) async fn requested(&self) -> PostpaidAgreement {
        let answer = self.admin.postpaid().request_postpaid(self.ask(1_000, 3_000)).await.unwrap();
        answer.into_inner().postpaid_agreement.unwrap()
    }

    pub(crate) async fn approved(&self) -> PostpaidAgreement {
        decide(&self.owner, &self.requested().await.name, true).await.unwrap()
    }

    pub(crate) async fn agreement(&self, name: &str) -> PostpaidAgreement {
        let get = GetPostpaidAgreementRequest { name: name.into() };
        self.admin
            .postpaid()
            .get_postpaid_agreement(get)
            .await
            .unwrap()
            .into_inner()
            .postpaid_agreement
            .unwrap()
    }
}

pub(crate) async fn decide(
    session: &Session,
    name: &str,
    approve: bool,
) -> Result<PostpaidAgreement, Status> {
    let decide = DecidePostpaidRequest {
        request_id: request_id(),
        name: name.into(),
        approve,
        ..Default::default()
    };
    session
        .postpaid()
        .decide_postpaid(decide)
        .await
        .map(|answer| answer.into_inner().postpaid_agreement.unwrap())
}

async fn a_month_that_deposits_paid_is_invoiced_with_tax_and_paid_already(world: &World) {
    let desk = desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    let usd = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&usd, "", amount("USD", 50, 0))).await.unwrap();
    grant(world, &usd, amount("USD", 5, 0), 0).await;
    // Granted credit and deposits have the same priority; what is granted is taken first, and is no
    // invoice's.
    used(&desk.service, &usd, "calls", "1", amount("USD", 5, 0)).await.unwrap();
    used(&desk.service, &usd, "calls", "3", nanos("USD", 1, 2_345_000)).await.unwrap();
    used(&desk.service, &usd, "texts", "1", nanos("USD", 0, 4_000_000)).await.unwrap();
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: usd.clone(),
        amount: amount("USD", 10, 0),
        description: "Porting".into(),
        unlisted: true,
    };
    desk.owner.postings().post_fee(fee).await.unwrap();
    assert_eq!(posted(&desk.owner, &usd).await, nanos("USD", 36, 988_965_000));
    advance(world, first_of(2)).await;
    let invoice = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    let lines: Vec<_> =
        invoice.lines.iter().map(|line| (line.description.as_str(), line.amount.clone())).collect();
    // 3.007035 rounds to 3.01, 0.004 to nothing.
    assert_eq!(lines, [("Porting", amount("USD", 10, 0)), ("calls", amount("USD", 3, 1))]);
    assert_eq!(
        (invoice.state(), invoice.total.clone(), invoice.paid.clone()),
        (State::Paid, amount("USD", 13, 1), amount("USD", 13, 1))
    );
    assert_eq!(
        invoice.seller.as_ref().unwrap().bank_details,
        "",
        "deposits have paid it: nothing is to be transferred"
    );
    assert!(
        invoice.prices_include_tax && invoice.taxes[0].tax == amount("USD", 1, 18),
        "the tax in it: {:?}",
        invoice.taxes
    );
    assert_eq!(invoice.issue_date.as_ref().map(|day| (day.month, day.day)), Some((2, 1)));
    let bills = invoice.usage_month.as_ref().unwrap();
    assert_eq!((bills.wallet.as_str(), bills.postpaid_agreement.as_str()), (usd.as_str(), ""));
    let list = ListPaymentsRequest { parent: desk.customer.clone(), ..Default::default() };
    let payments = desk.admin.payments().list_payments(list).await.unwrap().into_inner().payments;
    assert!(payments.len() == 1 && payments[0].tenders[0].credit);
    assert_eq!(
        posted(&desk.owner, &usd).await,
        nanos("USD", 36, 990_000_000),
        "what is invoiced is taken once: 50.00 less 13.01"
    );
    advance(world, first_of(4)).await;
    assert_eq!(invoices_of(&desk.admin, &desk.customer).await.len(), 1, "nothing used, no invoice");
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name,
        amount: amount("USD", 3, 1),
        explanation: "Goodwill".into(),
    };
    let refund =
        desk.owner.invoices().create_credit_note(note).await.unwrap().into_inner().refund.unwrap();
    assert_eq!(refund.parts[0].destination(), Destination::Credit);
    assert_eq!(posted(&desk.owner, &usd).await, amount("USD", 40, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// Without an amount and without invoices, credit pays what it may pay, oldest due first: no
/// postpaid month, and nothing that was written off.
async fn credit_pays_of_a_mix_of_invoices_what_it_may(world: &World) {
    let desk = desk(world).await;
    desk.approved().await;
    used(&desk.service, &desk.wallet, "calls", "100", amount("AUD", 2, 0)).await.unwrap();
    advance(world, first_of(2) + 3 * 3_600).await;
    let month = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    assert!(month.usage_month.is_some());
    let mut plain = Vec::new();
    for units in [10, 15, 40] {
        plain.push(
            issued(
                &desk.owner,
                draft(&desk.customer, "AUD", vec![line("Plan", amount("AUD", units, 0))]),
            )
            .await,
        );
    }
    let write_off = WriteOffInvoiceRequest {
        request_id: request_id(),
        name: plain[0].name.clone(),
        ..Default::default()
    };
    desk.owner.invoices().write_off_invoice(write_off).await.unwrap();
    grant(world, &desk.wallet, amount("AUD", 25, 0), 0).await;
    let apply = || ApplyCreditRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        currency_code: "AUD".into(),
        ..ApplyCreditRequest::default()
    };
    let paid =
        desk.owner.payments().apply_credit(apply()).await.unwrap().into_inner().payment.unwrap();
    let parts: Vec<_> = paid
        .allocations
        .iter()
        .map(|payment_allocation| {
            (payment_allocation.invoice.as_str(), payment_allocation.amount.clone())
        })
        .collect();
    assert_eq!(
        parts,
        [
            (plain[1].name.as_str(), nanos("AUD", 16, 500_000_000)),
            (plain[2].name.as_str(), nanos("AUD", 8, 500_000_000))
        ]
    );
    for (invoice, open) in [
        (&month, month.open.clone()),
        (&plain[2], nanos("AUD", 35, 500_000_000)),
        (&plain[0], amount("AUD", 0, 0)),
    ] {
        assert_eq!(
            read(&desk.owner, &invoice.name).await.unwrap().open,
            open,
            "{}",
            invoice.number
        );
    }
    assert_eq!(
        reason(&desk.owner.payments().apply_credit(apply()).await.unwrap_err()),
        "INSUFFICIENT_FUNDS"
    );
    // Each may be named: a postpaid month is refused, a written-off invoice takes its part back.
    let named = |invoice: &Invoice| ApplyCreditRequest {
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        currency_code: String::new(),
        ..apply()
    };
    grant(world, &desk.wallet, amount("AUD", 4, 0), 0).await;
    assert_eq!(
        reason(&desk.owner.payments().apply_credit(named(&month)).await.unwrap_err()),
        "TRANSFER_ONLY"
    );
    let paid = desk
        .owner
        .payments()
        .apply_credit(named(&plain[0]))
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(paid.allocations[0].amount, amount("AUD", 4, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_billed_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_billed_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    for point in ["month.before_close", "month.after_close"] {
        Box::pin(killed(point, on_postgres)).await;
    }
}

async fn killed(point: &'static str, on_postgres: bool) {
    use payterms_proto::invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, test_clock,
    };
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    rig.prepare("tok_visa").await;
    let (owner, service) = (rig.someone("OWNER", None), rig.someone("SERVICE", None));
    let begin = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(begin).await.unwrap();
    // A wallet of the clock's time: what is recorded never goes back behind what was.
    let customer = customer_of(&owner, "acme", "GB").await;
    let wallet = wallet_of(&service, &customer, "USD").await;
    let admin = rig.someone("CUSTOMER_ADMIN", Some(&customer));
    shop::save_card(&admin, rig.gateway, &customer, "tok_visa").await.unwrap().unwrap();
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 50, 0))).await.unwrap();
    used(&service, &wallet, "calls", "3", nanos("USD", 1, 2_345_000)).await.unwrap();
    let advance = AdvanceTestClockRequest {
        request_id: request_id(),
        name: "tenants/acme/testClock".into(),
        target_time: at(first_of(2)),
    };
    let caller = owner.clone();
    rig.die_at(point, async move { caller.clock().advance_test_clock(advance).await }).await;
    let get = GetTestClockRequest { name: "tenants/acme/testClock".into() };
    let read = async || {
        owner
            .clock()
            .get_test_clock(get.clone())
            .await
            .map(|answer| answer.into_inner().test_clock.unwrap())
    };
    until(read, |clock| clock.state() == test_clock::State::Ready && clock.now == at(first_of(2)))
        .await;
    let all = invoices_of(&owner, &customer).await;
    assert_eq!(
        (all.len(), all[0].state(), all[0].total.clone()),
        (1, State::Paid, amount("USD", 3, 1)),
        "{point}"
    );
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
