//! An issuer takes a charge back: what it had paid is open and blocked until that is decided; won,
//! all is as before; lost, it is collected after notice, by another method.

use crate::{
    chargebacks::{charges, methods, take_back},
    clocks::{advance, start},
    collections::{DAY, DUE, Desk, START, desk},
    documents::{acme, business, receipts_of, taxed_sale},
    invariants,
    invariants_of_plans::plans_agree,
    invariants_of_provider::clearing_agrees,
    invoices::{read, taxed},
    mails::{mails, mails_of, text},
    payments::{by, till},
    plans,
    rig::until,
    top_ups::{buy, card, shop},
    wallets::debit,
};
use payterms_proto::{
    google::r#type::Money,
    invoicing::v1::{
        BlockInvoiceRequest, CreatePaymentRequest, ExplainInvoiceRequest, Invoice, InvoiceToPay,
        ListPaymentsRequest, ListRefundsRequest, MailKind, Payment, block::Reason, collection,
        invoice::State,
    },
    plans::v1::plan::State as PlanState,
    wallet::v1::{
        AutoRecharge, Dispute, GetAutoRechargeRequest, GetBalanceRequest, GetDisputeRequest,
        GetTopUpRequest, ListDisputesRequest, ListEntriesRequest, ListTopUpsRequest,
        LoseDisputeRequest, WinDisputeRequest, auto_recharge::ThresholdRecharge, dispute,
        entry::Kind as EntryKind, payment_method::Kind, top_up,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop as shops,
};
use payterms_testkit::{World, on_both, reason};
use tonic::Code;

on_both!(
    an_open_dispute_blocks_and_a_lost_one_is_collected_after_notice,
    people_decide_where_the_provider_does_not_tell,
    a_top_up_that_is_won_has_its_credit_tax_and_receipt_again,
    a_payment_that_is_won_after_it_was_paid_otherwise_becomes_credit,
    a_debit_that_a_bank_returns_is_final,
    nothing_is_recharged_before_the_notice,
    the_instalments_of_a_plan_wait,
);

/// The issuer decides, and the provider tells of it.
pub(crate) async fn decide(simulator: &str, charge: &str, outcome: &str) {
    let page = format!("{simulator}/simulator/acme/charges/{charge}/dispute/{outcome}");
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
}

pub(crate) async fn list(session: &Session, parent: &str, filter: &str) -> Vec<Dispute> {
    let list =
        ListDisputesRequest { parent: parent.into(), filter: filter.into(), ..Default::default() };
    session.disputes().list_disputes(list).await.unwrap().into_inner().disputes
}

/// Waits for the one dispute of the tenant that is in a state.
pub(crate) async fn disputed(session: &Session, state: dispute::State) -> Dispute {
    let all = async || Ok(list(session, "tenants/acme/customers/-", "").await);
    until(all, |found| found.len() == 1 && found[0].state() == state).await.remove(0)
}

pub(crate) async fn pay_by(
    admin: &Session,
    customer: &str,
    invoice: &Invoice,
    method: &str,
) -> Payment {
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: None }],
        tenders: vec![by(method, None)],
        ..Default::default()
    };
    admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
}

pub(crate) async fn until_invoice(
    session: &Session,
    invoice: &Invoice,
    awaited: impl Fn(&Invoice) -> bool,
) -> Invoice {
    until(async || read(session, &invoice.name).await, awaited).await
}

pub(crate) async fn posted(session: &Session, wallet: &str) -> Option<Money> {
    let get = GetBalanceRequest { name: wallet.into(), as_of: None };
    session.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap().posted
}

pub(crate) fn next_attempt(invoice: &Invoice) -> Option<i64> {
    invoice.collection.as_ref().and_then(|own| own.next_attempt_time).map(|at| at.seconds)
}

pub(crate) async fn all_holds(world: &World) {
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    clearing_agrees(world).await;
}

/// A desk with two cards, whose invoice was paid by the first, on 1 January.
async fn paid_by_visa(world: &World) -> (Desk, String, String) {
    let desk = desk(world, Some("tok_visa")).await;
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    let master = card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &visa).await;
    until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Paid).await;
    (desk, visa, master)
}

async fn an_open_dispute_blocks_and_a_lost_one_is_collected_after_notice(world: &World) {
    let (desk, visa, master) = paid_by_visa(world).await;
    let simulator = world.suite.simulator.clone();
    let charge = charges(&simulator).await.remove(0);
    let page = format!(
        "{simulator}/simulator/acme/charges/{charge}/chargeback?reason=product_not_received&evidence_due=2026-01-20"
    );
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
    let blocked = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Open).await;
    let own = disputed(&desk.admin, dispute::State::Open).await;
    let block = blocked.block.clone().unwrap();
    assert_eq!(
        (block.reason(), block.owner.as_str(), blocked.disputed_by.as_str()),
        (Reason::Disputed, own.name.as_str(), own.name.as_str())
    );
    assert_eq!(
        (own.amount.clone(), own.from_invoices.clone(), own.provider_reason.as_str()),
        (amount("USD", 100, 0), amount("USD", 100, 0), "product_not_received")
    );
    assert_eq!(
        (own.payment_method.as_str(), own.evidence_due_date.unwrap().day, own.r#final),
        (visa.as_str(), 20, false)
    );
    let named = BlockInvoiceRequest {
        request_id: request_id(),
        name: desk.invoice.name.clone(),
        ..Default::default()
    };
    let refused = BlockInvoiceRequest { reason: Reason::Manual.into(), ..named };
    assert_eq!(
        reason(&desk.owner.collections().block_invoice(refused).await.unwrap_err()),
        "INVOICE_BLOCKED"
    );
    let opened = mails_of(&desk.owner, MailKind::DisputeOpened, 1).await.remove(0);
    let words = text(&desk.owner, &opened).await;
    assert!(
        words.contains("100.00")
            && words.contains("nothing was received for it")
            && words.contains("card ending in 4444"),
        "{words}"
    );
    let report = mails_of(&desk.owner, MailKind::DisputeReported, 1).await.remove(0);
    assert!(
        report.customer.is_empty() && text(&desk.owner, &report).await.contains("20 January 2026")
    );
    let explain = ExplainInvoiceRequest { name: desk.invoice.name.clone() };
    let told = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(
        told.facts.iter().any(|fact| fact.sentence.contains("disputed at its issuer")),
        "{told:?}"
    );
    // Past its due date nothing happens while it is open.
    advance(world, DUE + 10 * DAY).await;
    let still = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(
        (still.state(), still.open.clone(), next_attempt(&still)),
        (State::Open, amount("USD", 100, 0), None)
    );
    assert!(
        mails(&desk.owner, MailKind::Reminder).await.is_empty()
            && charges(&simulator).await.len() == 1
    );
    decide(&simulator, &charge, "lost").await;
    let lost = disputed(&desk.admin, dispute::State::Lost).await;
    assert_eq!((lost.provider_outcome(), lost.explanation.as_str()), (dispute::State::Lost, ""));
    // 11:00 or later in Sydney on 10 February: the second day after it is the 12th.
    let collected_at = DUE + 12 * DAY;
    let open = until_invoice(&desk.owner, &desk.invoice, |own| own.block.is_none()).await;
    assert_eq!((open.disputed_by.as_str(), next_attempt(&open)), ("", Some(collected_at)));
    assert_eq!(
        open.collection.as_ref().unwrap().state(),
        collection::State::Scheduled,
        "nobody has tried it: it is not called refused"
    );
    assert!(open.no_consequence_before.is_some());
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(
        words.contains("12 February 2026")
            && words.contains("card ending in 4444")
            && words.contains("4242"),
        "{words}"
    );
    mails_of(&desk.owner, MailKind::DisputeReported, 2).await;
    // What came before comes again, and changes nothing.
    take_back(&simulator, &charge).await;
    decide(&simulator, &charge, "lost").await;
    advance(world, collected_at - 1).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Open);
    advance(world, collected_at).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Paid);
    let payments = ListPaymentsRequest {
        parent: desk.customer.clone(),
        filter: "automatic = true".into(),
        ..Default::default()
    };
    let collected =
        desk.owner.payments().list_payments(payments).await.unwrap().into_inner().payments;
    assert!(
        collected.len() == 1
            && methods(&desk.admin, &desk.customer)
                .await
                .iter()
                .any(|own| own.name == master && own.collection_method)
    );
    assert_eq!(mails(&desk.owner, MailKind::DisputeLost).await.len(), 1);
    all_holds(world).await;
}

/// Where the provider tells nothing, people decide; what it tells later is noted.
pub(crate) async fn people_decide_where_the_provider_does_not_tell(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    card(world, &till.admin, &till.customer, "tok_visa").await;
    till.admin.payments().create_payment(till.request(vec![by("", None)])).await.unwrap();
    let bought = till
        .admin
        .top_ups()
        .create_top_up(buy(&till.wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let [first, second] = &charges(&simulator).await[..] else { panic!("two charges") };
    for charge in [first, second] {
        take_back(&simulator, charge).await;
    }
    let all = async || Ok(list(&till.owner, &till.customer, "state = OPEN").await);
    let open = until(all, |found| found.len() == 2).await;
    let of_top_up = open.iter().find(|own| own.top_up == bought.name).unwrap().clone();
    let of_payment = open.iter().find(|own| !own.payment.is_empty()).unwrap().clone();
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_some()).await;
    let (id, win_why, lose_why) =
        (request_id, "The bank has written to us.", "We sent no proof in time.");
    let win = |name: &str| WinDisputeRequest {
        request_id: id(),
        name: name.into(),
        explanation: win_why.into(),
        ..Default::default()
    };
    let lose = |name: &str| LoseDisputeRequest {
        request_id: id(),
        name: name.into(),
        explanation: lose_why.into(),
        ..Default::default()
    };
    let staff = world.someone("STAFF", None);
    assert_eq!(
        staff.disputes().win_dispute(win(&of_top_up.name)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let foreign = of_top_up.name.replace(&till.customer, &world.customer("acme", "GB").await);
    assert_eq!(
        till.owner.disputes().win_dispute(win(&foreign)).await.unwrap_err().code(),
        Code::NotFound
    );
    let won = till
        .owner
        .disputes()
        .win_dispute(win(&of_top_up.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(
        (won.state(), won.explanation.as_str(), won.provider_outcome()),
        (dispute::State::Won, "The bank has written to us.", dispute::State::Unspecified)
    );
    assert_eq!(posted(&till.admin, &till.wallet).await, amount("USD", 50, 0));
    let again = till
        .owner
        .disputes()
        .win_dispute(win(&of_top_up.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(again, won, "decided like this already");
    assert_eq!(
        reason(&till.owner.disputes().lose_dispute(lose(&of_top_up.name)).await.unwrap_err()),
        "DISPUTE_STATE"
    );
    let lost = till
        .owner
        .disputes()
        .lose_dispute(lose(&of_payment.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(lost.state(), dispute::State::Lost);
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_none()).await;
    let read = async |name: &str| {
        let get = GetDisputeRequest { name: name.into() };
        till.admin.disputes().get_dispute(get).await.map(|own| own.into_inner().dispute.unwrap())
    };
    let at = |top_up: bool| {
        if (of_top_up.from_credit.as_ref().unwrap().units == 50) == top_up {
            &of_top_up
        } else {
            &of_payment
        }
    };
    for charge in [first, second] {
        let of: Vec<serde_json::Value> = reqwest::get(format!("{simulator}/v1/acme/chargebacks"))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let is_top_up =
            of.iter().any(|own| own["charge"] == charge.as_str() && own["amount"] == "50");
        decide(&simulator, charge, if is_top_up { "won" } else { "lost" }).await;
        let told = until(
            async || read(&at(is_top_up).name).await,
            |own| own.provider_outcome() != dispute::State::Unspecified,
        )
        .await;
        assert_eq!(told.provider_outcome(), told.state());
    }
    assert_eq!(mails_of(&till.owner, MailKind::DisputeWon, 1).await.len(), 1, "told once");
    assert_eq!(list(&till.admin, &till.customer, "final = false AND amount > 60").await.len(), 1);
    all_holds(world).await;
}

async fn a_top_up_that_is_won_has_its_credit_tax_and_receipt_again(world: &World) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &admin, &customer, "tok_visa").await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 55, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&wallet, amount("USD", 30, 0)))
        .await
        .unwrap();
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    let open = disputed(&owner, dispute::State::Open).await;
    assert_eq!(
        (open.from_credit.clone(), open.from_tax.clone()),
        (amount("USD", 50, 0), amount("USD", 5, 0))
    );
    assert_eq!(posted(&admin, &wallet).await, amount("USD", -30, 0));
    let credited = async || Ok(receipts_of(&owner, &customer, 1).await.remove(0));
    let first = until(credited, |own| own.credit_notes.len() == 1).await;
    let note = &first.credit_notes[0];
    assert_eq!(
        (note.dispute.as_str(), note.amount.clone(), note.top_up_refund.as_str()),
        (open.name.as_str(), amount("USD", 55, 0), "")
    );
    let opened = mails_of(&owner, MailKind::DisputeOpened, 1).await.remove(0);
    assert_eq!(opened.attachments, std::slice::from_ref(&note.name));
    let words = text(&owner, &opened).await;
    assert!(
        words.contains("Your balance owes 30.00\u{a0}USD now: new credit pays that first."),
        "{words}"
    );
    assert!(!words.contains("recharged"), "there are no rules: {words}");
    let report =
        text(&owner, &mails_of(&owner, MailKind::DisputeReported, 1).await.remove(0)).await;
    assert!(report.contains("The balance of the customer owes 30.00\u{a0}USD now."), "{report}");
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 20, 0), "what was owed is cleared");
    let get = GetTopUpRequest { name: bought.name.clone() };
    assert_eq!(
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state(),
        top_up::State::Succeeded
    );
    let entries =
        ListEntriesRequest { parent: wallet.clone(), page_size: 100, ..Default::default() };
    let entries = admin.wallets().list_entries(entries).await.unwrap().into_inner().entries;
    assert_eq!(entries.iter().filter(|own| own.kind() == EntryKind::DisputeWon).count(), 1);
    let second = receipts_of(&owner, &customer, 2)
        .await
        .into_iter()
        .find(|own| own.name != first.name)
        .unwrap();
    assert_eq!(
        (second.dispute.as_str(), second.top_up.as_str(), second.amount.clone()),
        (open.name.as_str(), bought.name.as_str(), amount("USD", 55, 0))
    );
    assert_eq!(second.tax.as_ref().unwrap().tax, amount("USD", 5, 0));
    assert_ne!(second.number, first.number);
    let won = mails_of(&owner, MailKind::DisputeWon, 1).await.remove(0);
    assert_eq!(won.attachments, std::slice::from_ref(&second.name));
    let booked = invariants::booked(world).await;
    let at = |account: &str| booked.iter().find(|own| own.0 == account).map_or(0, |own| own.1);
    assert_eq!((at("PROVIDER_CLEARING"), at("TAX_PAYABLE")), (-55, 5), "{booked:?}");
    // Nobody has chosen another card meanwhile, so it is charged by itself again, and the mail says
    // so.
    assert!(
        methods(&admin, &customer)
            .await
            .iter()
            .all(|own| own.name == visa && !own.charged_back && own.collection_method)
    );
    assert!(
        text(&owner, &won)
            .await
            .contains("What is charged automatically is charged to your card ending in 4242.\n")
    );
    // Opened after it was won, and won twice: nothing changes.
    take_back(&simulator, &charge).await;
    decide(&simulator, &charge, "won").await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 20, 0));
    all_holds(world).await;
}

async fn a_payment_that_is_won_after_it_was_paid_otherwise_becomes_credit(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    let master = card(world, &till.admin, &till.customer, "tok_mastercard").await;
    let first = pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_some()).await;
    // The customer may always pay.
    pay_by(&till.admin, &till.customer, &till.invoice, &master).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), State::Paid);
    decide(&simulator, &charge, "won").await;
    disputed(&till.owner, dispute::State::Won).await;
    let credit =
        until(async || Ok(till.available().await), |own| *own == amount("USD", 100, 0)).await;
    assert_eq!(credit, amount("USD", 100, 0), "the surplus");
    let own = until_invoice(&till.owner, &till.invoice, |own| own.block.is_none()).await;
    assert_eq!(
        (own.state(), own.paid, own.disputed_by.as_str()),
        (State::Paid, amount("USD", 100, 0), "")
    );
    let refunds = ListRefundsRequest { parent: till.invoice.name.clone(), ..Default::default() };
    let refunds = async || {
        till.owner.refunds().list_refunds(refunds.clone()).await.map(|own| own.into_inner().refunds)
    };
    let refunds = until(refunds, |found| found.len() == 1).await;
    assert!(refunds[0].parts.iter().all(|part| part.payment == first.name), "{refunds:?}");
    let won = mails_of(&till.owner, MailKind::DisputeWon, 1).await.remove(0);
    let said = text(&till.owner, &won).await;
    assert!(
        said.contains("100.00\u{a0}USD that you paid otherwise meanwhile is given back as credit")
            && !said.contains("is in your balance"),
        "{said}"
    );
    until(async || Ok(invariants::open_flows(world).await), Vec::is_empty).await;
    all_holds(world).await;
}

async fn a_debit_that_a_bank_returns_is_final(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let simulator = world.suite.simulator.clone();
    let account = shops::save(
        &desk.admin,
        &world.suite.gateway,
        &desk.customer,
        (Kind::BankDebit, "tok_bank"),
    )
    .await
    .unwrap()
    .unwrap();
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &account).await;
    advance(world, START + 3 * DAY).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Paid);
    take_back(&simulator, &charges(&simulator).await[0]).await;
    let own = disputed(&desk.owner, dispute::State::Lost).await;
    assert!(
        own.r#final
            && own.provider_outcome() == dispute::State::Lost
            && own.end_time == own.create_time,
        "{own:?}"
    );
    let open = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Open).await;
    assert_eq!(
        (open.block, next_attempt(&read(&desk.owner, &desk.invoice.name).await.unwrap())),
        (None, Some(DUE)),
        "on its due date"
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(
        words.contains("The bank has returned") && words.contains("bank account ending in 3000"),
        "{words}"
    );
    let report =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeReported, 1).await.remove(0))
            .await;
    assert!(report.contains("That is final"), "{report}");
    assert!(mails(&desk.owner, MailKind::DisputeOpened).await.is_empty());
    let win = WinDisputeRequest {
        request_id: request_id(),
        name: own.name,
        explanation: "No.".into(),
        ..Default::default()
    };
    assert_eq!(reason(&desk.owner.disputes().win_dispute(win).await.unwrap_err()), "DISPUTE_STATE");
    all_holds(world).await;
}

async fn nothing_is_recharged_before_the_notice(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    shops::open(&owner, "acme").await.unwrap();
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    card(world, &admin, &customer, "tok_mastercard").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 60, 0))).await.unwrap();
    let rules = AutoRecharge {
        threshold: amount("USD", 50, 0),
        threshold_recharge: amount("USD", 40, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    crate::recharges::set(&admin, &wallet, rules).await.unwrap();
    take_back(&simulator, &charges(&simulator).await[0]).await;
    disputed(&owner, dispute::State::Open).await;
    let get = GetAutoRechargeRequest { name: format!("{wallet}/autoRecharge") };
    let paused = admin
        .recharges()
        .get_auto_recharge(get)
        .await
        .unwrap()
        .into_inner()
        .auto_recharge
        .unwrap()
        .paused_until_time;
    // It is 1 January in Sydney; the second day after it is the 3rd.
    let until_then = START + 2 * DAY - 11 * 3_600;
    assert_eq!(paused.map(|at| at.seconds), Some(until_then));
    let words = text(&owner, &mails_of(&owner, MailKind::DisputeOpened, 1).await.remove(0)).await;
    assert!(
        words.contains("before 3 January 2026") && words.contains("card ending in 4444"),
        "{words}"
    );
    let top_ups = async || {
        let list = ListTopUpsRequest { parent: wallet.clone(), ..Default::default() };
        admin.top_ups().list_top_ups(list).await.unwrap().into_inner().top_ups
    };
    advance(world, until_then - 1).await;
    assert_eq!(top_ups().await.len(), 1, "another card is not charged yet");
    advance(world, until_then).await;
    let bought = top_ups().await;
    assert_eq!((bought.len(), bought[0].source()), (2, top_up::Source::AutoRecharge));
    all_holds(world).await;
}

/// The first instalment was collected and is disputed. The plan's block stays; nothing is
/// collected, late or breached until it is decided.
async fn the_instalments_of_a_plan_wait(world: &World) {
    let (desk, plan) = plans::proposed(world, Some("tok_visa")).await;
    plans::approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    let simulator = world.suite.simulator.clone();
    advance(world, plans::MIDNIGHT + 31 * DAY).await;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    let own = until_invoice(&desk.owner, &desk.invoice, |own| !own.disputed_by.is_empty()).await;
    assert_eq!(
        (own.block.unwrap().owner, own.open),
        (plan.name.clone(), amount("USD", 100, 0)),
        "the plan's block stays"
    );
    plans::knows(&desk.admin, &plan.name, &plans::usd(100, 0)).await;
    advance(world, plans::MIDNIGHT + 80 * DAY).await;
    let now = plans::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), now.breach_after_date),
        (PlanState::Active, None),
        "two dates and their days of grace are over"
    );
    assert_eq!(charges(&simulator).await.len(), 1);
    decide(&simulator, &charge, "lost").await;
    until_invoice(&desk.owner, &desk.invoice, |own| own.disputed_by.is_empty()).await;
    advance(world, plans::MIDNIGHT + 81 * DAY).await;
    assert_eq!(charges(&simulator).await.len(), 1, "not before the second day");
    advance(world, plans::MIDNIGHT + 100 * DAY).await;
    let after = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Paid).await;
    assert_eq!(after.block, None);
    let now = until(
        async || Ok(plans::plan(&desk.admin, &plan.name).await),
        |own| own.state() == PlanState::Completed,
    )
    .await;
    assert_eq!(now.breach_count, 0);
    plans_agree(world).await;
    all_holds(world).await;
}
