//! Months of use on invoices: what deposits paid is taxed and paid already, what a postpaid wallet
//! used is to be transferred, at its commitment at least.

use crate::{
    bank::{camt_in, import, paid},
    clocks::{advance, at, start},
    collections::{DAY, START},
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
        ApplyCreditRequest, CreateCreditNoteRequest, GetOutstandingRequest, Invoice, InvoiceToPay,
        ListInvoicesRequest, ListPaymentsRequest, Tenant, UpdateTenantRequest,
        WriteOffInvoiceRequest, invoice::State, refund_part::Destination,
    },
    wallet::v1::{
        AutoRecharge, DecidePostpaidRequest, GetBalanceRequest, GetPostpaidAgreementRequest,
        ListPostpaidAgreementsRequest, PostFeeRequest, PostpaidAgreement, RecordUsageRequest,
        RequestPostpaidRequest, TerminatePostpaidRequest, UpdateAutoRechargeRequest,
        postpaid_agreement,
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
use tonic::{Code, Status};

on_both!(
    a_month_that_deposits_paid_is_invoiced_with_tax_and_paid_already,
    a_postpaid_month_is_invoiced_at_its_commitment_at_least_and_twelve_end_it,
    a_termination_invoices_the_rest_of_the_commitment,
    somebody_decides_and_figures_must_fit,
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
    (product, quantity, price): (&str, &str, Option<Money>),
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
    fn ask(&self, commitment: i64, limit: i64) -> RequestPostpaidRequest {
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

    async fn agreement(&self, name: &str) -> PostpaidAgreement {
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
    used(&desk.service, &usd, ("calls", "1", amount("USD", 5, 0))).await.unwrap();
    used(&desk.service, &usd, ("calls", "3", nanos("USD", 1, 2_345_000))).await.unwrap();
    used(&desk.service, &usd, ("texts", "1", nanos("USD", 0, 4_000_000))).await.unwrap();
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

async fn a_postpaid_month_is_invoiced_at_its_commitment_at_least_and_twelve_end_it(world: &World) {
    let desk = desk(world).await;
    let agreement = desk.approved().await;
    assert_eq!(agreement.state(), postpaid_agreement::State::Active);
    assert_eq!(
        agreement.first_month.as_ref().map(|day| (day.month, day.day)),
        Some((1, 1)),
        "today is a first in Sydney"
    );
    used(&desk.service, &desk.wallet, ("calls", "100", nanos("AUD", 2, 501_230_000)))
        .await
        .unwrap();
    let over = used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 2_750, 0)))
        .await
        .unwrap_err();
    assert_eq!(reason(&over), "INSUFFICIENT_FUNDS", "down to the limit only");
    assert_eq!(posted(&desk.owner, &desk.wallet).await, nanos("AUD", -250, -123_000_000));
    let recharge = AutoRecharge {
        name: format!("{}/autoRecharge", desk.wallet),
        repair_negative: true,
        ..AutoRecharge::default()
    };
    let update = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(recharge),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.admin.recharges().update_auto_recharge(update).await.unwrap_err()),
        "POSTPAID_ACTIVE"
    );
    advance(world, first_of(2)).await;
    let january = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    let lines: Vec<_> =
        january.lines.iter().map(|line| (line.description.as_str(), line.amount.clone())).collect();
    assert_eq!(
        lines,
        [
            ("calls", amount("AUD", 250, 12)),
            ("Shortfall of the monthly commitment", amount("AUD", 749, 88))
        ]
    );
    assert_eq!(
        (january.net.clone(), january.total.clone()),
        (amount("AUD", 1_000, 0), amount("AUD", 1_100, 0)),
        "tax is added"
    );
    assert_eq!(
        (january.state(), january.due_date.as_ref().map(|day| (day.month, day.day))),
        (State::Open, Some((3, 3)))
    );
    let seller = january.seller.as_ref().unwrap();
    assert!(
        seller.bank_details.contains("account 1234 5678") && january.memo.is_empty(),
        "{seller:?} {}",
        january.memo
    );
    assert_eq!(
        january.usage_month.as_ref().map(|usage_month| usage_month.postpaid_agreement.clone()),
        Some(agreement.name.clone())
    );
    assert_eq!(
        posted(&desk.owner, &desk.wallet).await,
        amount("AUD", 0, 0),
        "closing leaves the wallet at zero"
    );
    let booked = invariants::booked(world).await;
    assert!(
        booked.contains(&("RECEIVABLE".to_owned(), -250)),
        "the part that was used: {booked:?}"
    );
    let answer =
        import(&desk.owner, camt_in("AUD", &[("1100.00", &january.number, "P1")])).await.unwrap();
    paid(&desk.owner, &answer.bank_lines[0].name).await;
    assert_eq!(read(&desk.owner, &january.name).await.unwrap().state(), State::Paid);
    used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 1_200, 50))).await.unwrap();
    advance(world, first_of(3)).await;
    let february = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    assert_eq!(
        (february.lines.len(), february.net.clone()),
        (1, amount("AUD", 1_200, 50)),
        "more than the commitment"
    );
    // A month without any use costs the commitment; after the twelfth it ends.
    advance(world, first_of(13)).await;
    let all = invoices_of(&desk.admin, &desk.customer).await;
    assert_eq!(
        (all.len(), all[0].net.clone(), all[0].lines.len()),
        (12, amount("AUD", 1_000, 0), 1)
    );
    let ended = desk.agreement(&agreement.name).await;
    assert_eq!((ended.state(), ended.billed_month_count), (postpaid_agreement::State::Ended, 12));
    let after =
        used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 1, 0))).await.unwrap_err();
    assert_eq!(reason(&after), "INSUFFICIENT_FUNDS");
    advance(world, first_of(15)).await;
    assert_eq!(invoices_of(&desk.admin, &desk.customer).await.len(), 12);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

/// Without an amount and without invoices, credit pays what it may pay, oldest due first: no
/// postpaid month, and nothing that was written off.
async fn credit_pays_of_a_mix_of_invoices_what_it_may(world: &World) {
    let desk = desk(world).await;
    desk.approved().await;
    used(&desk.service, &desk.wallet, ("calls", "100", amount("AUD", 2, 0))).await.unwrap();
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

pub(crate) async fn a_termination_invoices_the_rest_of_the_commitment(world: &World) {
    let desk = desk(world).await;
    advance(world, START + 14 * DAY).await;
    let agreement = desk.approved().await;
    assert_eq!(
        agreement.first_month.as_ref().map(|day| (day.month, day.day)),
        Some((2, 1)),
        "the next first"
    );
    used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 40, 0))).await.unwrap();
    advance(world, first_of(2)).await;
    assert_eq!(
        invoices_of(&desk.admin, &desk.customer).await[0].net,
        amount("AUD", 40, 0),
        "not a committed month yet"
    );
    used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 400, 0))).await.unwrap();
    let end = TerminatePostpaidRequest {
        request_id: request_id(),
        name: agreement.name.clone(),
        explanation: "Moved away".into(),
        ..Default::default()
    };
    assert_eq!(
        desk.admin.postpaid().terminate_postpaid(end.clone()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let ended = desk
        .owner
        .postpaid()
        .terminate_postpaid(end.clone())
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(
        (ended.state(), ended.explanation.as_str()),
        (postpaid_agreement::State::Terminated, "Moved away")
    );
    let again = desk
        .owner
        .postpaid()
        .terminate_postpaid(end)
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(again, ended);
    let all =
        until(async || Ok(invoices_of(&desk.admin, &desk.customer).await), |all| all.len() == 2)
            .await;
    let last = all.into_iter().find(|invoice| invoice.lines.len() == 3).unwrap();
    let lines: Vec<_> = last.lines.iter().map(|line| line.amount.as_ref().unwrap().units).collect();
    assert_eq!((lines, last.net.clone()), (vec![400, 600, 11_000], amount("AUD", 12_000, 0)));
    assert_eq!(posted(&desk.owner, &desk.wallet).await, amount("AUD", 0, 0));
    let owed = desk
        .admin
        .invoices()
        .get_outstanding(GetOutstandingRequest { parent: desk.customer.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(owed.outstanding[0].open, amount("AUD", 13_244, 0));
    advance(world, first_of(4)).await;
    assert_eq!(invoices_of(&desk.admin, &desk.customer).await.len(), 2);
    let list = ListPostpaidAgreementsRequest { parent: desk.wallet.clone(), ..Default::default() };
    assert_eq!(
        desk.admin
            .postpaid()
            .list_postpaid_agreements(list)
            .await
            .unwrap()
            .into_inner()
            .postpaid_agreements,
        [ended]
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn somebody_decides_and_figures_must_fit(world: &World) {
    let desk = desk(world).await;
    let why = async |request: RequestPostpaidRequest| {
        reason(&desk.admin.postpaid().request_postpaid(request).await.unwrap_err())
    };
    assert_eq!(why(desk.ask(999, 3_000)).await, "BELOW_MINIMUM");
    assert_eq!(why(desk.ask(2_000, 1_999)).await, "FIELD_OUT_OF_RANGE");
    let foreign = RequestPostpaidRequest {
        parent: desk.wallet.replace("acme", "other"),
        ..desk.ask(1_000, 3_000)
    };
    assert_eq!(
        reason(&desk.owner.postpaid().request_postpaid(foreign).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    let requested = desk.requested().await;
    assert_eq!(why(desk.ask(1_000, 3_000)).await, "POSTPAID_STATE", "one at a time");
    for role in ["STAFF", "SERVICE"] {
        assert_eq!(
            decide(&world.someone(role, None), &requested.name, true).await.unwrap_err().code(),
            Code::PermissionDenied
        );
    }
    assert_eq!(
        decide(&desk.admin, &requested.name, true).await.unwrap_err().code(),
        Code::PermissionDenied,
        "never one's own"
    );
    let refused = decide(&desk.owner, &requested.name, false).await.unwrap();
    assert_eq!(refused.state(), postpaid_agreement::State::Refused);
    assert_eq!(
        reason(&decide(&desk.owner, &requested.name, true).await.unwrap_err()),
        "POSTPAID_STATE"
    );
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: desk.wallet.clone(),
        amount: amount("AUD", 10, 0),
        description: "Number".into(),
        unlisted: false,
    };
    desk.owner.postings().post_fee(fee).await.unwrap();
    let requested = desk.requested().await;
    assert_eq!(
        reason(&decide(&desk.owner, &requested.name, true).await.unwrap_err()),
        "BALANCE_NEGATIVE"
    );
    grant(world, &desk.wallet, amount("AUD", 15, 0), 0).await;
    let other = DecidePostpaidRequest {
        request_id: request_id(),
        name: requested.name,
        approve: true,
        monthly_commitment: amount("AUD", 1_500, 0),
        limit: amount("AUD", 2_000, 0),
        explanation: "A little more".into(),
        ..Default::default()
    };
    let decided = desk
        .owner
        .postpaid()
        .decide_postpaid(other)
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(
        (decided.monthly_commitment, decided.limit),
        (amount("AUD", 1_500, 0), amount("AUD", 2_000, 0))
    );
    // Credit that is there is used first, and new credit does not pay what accrues.
    used(&desk.service, &desk.wallet, ("calls", "1", amount("AUD", 8, 0))).await.unwrap();
    grant(world, &desk.wallet, amount("AUD", 100, 0), 0).await;
    assert_eq!(posted(&desk.owner, &desk.wallet).await, amount("AUD", 97, 0));
    invariants::hold(world).await;
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
    used(&service, &wallet, ("calls", "3", nanos("USD", 1, 2_345_000))).await.unwrap();
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
