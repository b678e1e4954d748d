//! An issuer takes a part of a charge back, or several charges of one invoice: only what was taken
//! is open, and each dispute ends by itself.

use crate::{
    chargebacks::{charges, methods, take_back},
    clocks::advance,
    collections::{DAY, DUE, desk},
    disputes::{all_holds, decide, disputed, list, next_attempt, pay_by, posted, until_invoice},
    documents::{acme, business, receipts_of, taxed_sale},
    invoices::{read, taxed},
    mails::{mails_of, text},
    payments::{by, till},
    rig::until,
    top_ups::{buy, card, shop},
};
use payterms_proto::{
    invoicing::v1::{CreateCreditNoteRequest, ExplainInvoiceRequest, MailKind, invoice::State},
    wallet::v1::{GetTopUpRequest, SetCollectionMethodRequest, dispute, top_up},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    a_part_is_open_and_the_rest_stays_paid,
    a_part_that_is_lost_is_collected_and_no_more,
    several_disputes_over_one_invoice_hand_the_block_on,
    a_part_of_a_taxed_top_up_goes_with_its_tax_and_comes_back_with_it,
    what_was_credited_meanwhile_is_not_owed_again,
    after_a_won_dispute_the_same_charge_may_be_disputed_again,
);

/// The issuer takes a part of a charge back.
pub(crate) async fn take_part(simulator: &str, charge: &str, units: i64) {
    let page = format!("{simulator}/simulator/acme/charges/{charge}/chargeback?amount={units}");
    assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
}

/// The charge of so much.
pub(crate) async fn charge_of(simulator: &str, units: &str) -> String {
    let found: Vec<serde_json::Value> =
        reqwest::get(format!("{simulator}/v1/acme/charges")).await.unwrap().json().await.unwrap();
    let own = found
        .iter()
        .find(|value| value["amount"] == units)
        .unwrap_or_else(|| panic!("no charge of {units}: {found:?}"));
    own["id"].as_str().unwrap().to_owned()
}

async fn a_part_is_open_and_the_rest_stays_paid(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 40).await;
    let open =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Open).await;
    assert_eq!(
        (open.open.clone(), open.paid.clone()),
        (amount("USD", 40, 0), amount("USD", 60, 0))
    );
    let dispute = disputed(&till.owner, dispute::State::Open).await;
    assert_eq!(
        (dispute.amount.clone(), dispute.from_invoices.clone()),
        (amount("USD", 40, 0), amount("USD", 40, 0))
    );
    let opened = mails_of(&till.owner, MailKind::DisputeOpened, 1).await.remove(0);
    assert_eq!(opened.subject, "40.00 USD of your payment of 100.00 USD are disputed");
    let report = mails_of(&till.owner, MailKind::DisputeReported, 1).await.remove(0);
    assert!(
        report.subject.starts_with("Dispute opened: 40.00 USD of a payment of 100.00 USD by"),
        "{}",
        report.subject
    );
    // Nothing is collected by itself here, and the explanation says so throughout.
    let explain = ExplainInvoiceRequest { name: till.invoice.name.clone() };
    let answer = till.admin.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(
        answer
            .next
            .as_ref()
            .unwrap()
            .sentence
            .ends_with("or what is open is the customer's to pay."),
        "{answer:?}"
    );
    assert!(answer.facts.iter().all(|fact| !fact.sentence.contains("tenants/")), "{answer:?}");
    decide(&simulator, &charge, "won").await;
    let paid =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Paid).await;
    assert_eq!(
        (paid.paid, paid.block, paid.disputed_by.as_str()),
        (amount("USD", 100, 0), None, "")
    );
    assert_eq!(till.available().await, amount("USD", 0, 0), "nothing was paid twice");
    all_holds(world).await;
}

async fn a_part_that_is_lost_is_collected_and_no_more(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let simulator = world.suite.simulator.clone();
    let visa = methods(&desk.admin, &desk.customer).await.remove(0).name;
    card(world, &desk.admin, &desk.customer, "tok_mastercard").await;
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &visa).await;
    advance(world, DUE + DAY).await;
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 40).await;
    disputed(&desk.owner, dispute::State::Open).await;
    decide(&simulator, &charge, "lost").await;
    let open = until_invoice(&desk.owner, &desk.invoice, |invoice| {
        invoice.block.is_none() && invoice.state() == State::Open
    })
    .await;
    assert_eq!(
        (open.open.clone(), next_attempt(&open)),
        (amount("USD", 40, 0), Some(DUE + 3 * DAY))
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(words.contains("40.00\u{a0}USD of your payment of 100.00\u{a0}USD"), "{words}");
    advance(world, DUE + 3 * DAY).await;
    until_invoice(&desk.owner, &desk.invoice, |invoice| invoice.state() == State::Paid).await;
    charge_of(&simulator, "40").await;
    assert_eq!(charges(&simulator).await.len(), 2);
    all_holds(world).await;
}

/// 100.00 are paid by two cards in one payment. Both charges are disputed; the first is won, the
/// second lost.
async fn several_disputes_over_one_invoice_hand_the_block_on(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    let master = card(world, &till.admin, &till.customer, "tok_mastercard").await;
    let request =
        till.request(vec![by(&visa, amount("USD", 60, 0)), by(&master, amount("USD", 40, 0))]);
    till.admin.payments().create_payment(request).await.unwrap();
    let (sixty, forty) = (charge_of(&simulator, "60").await, charge_of(&simulator, "40").await);
    take_back(&simulator, &sixty).await;
    let first = disputed(&till.owner, dispute::State::Open).await;
    until_invoice(&till.owner, &till.invoice, |invoice| invoice.disputed_by == first.name).await;
    take_part(&simulator, &forty, 30).await;
    let both = until(
        async || Ok(list(&till.owner, &till.customer, "state = OPEN").await),
        |found| found.len() == 2,
    )
    .await;
    let second = both.into_iter().find(|dispute| dispute.name != first.name).unwrap();
    let open =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.open == amount("USD", 90, 0))
            .await;
    assert_eq!(
        (open.disputed_by.as_str(), open.block.unwrap().owner.as_str()),
        (first.name.as_str(), first.name.as_str())
    );
    decide(&simulator, &sixty, "won").await;
    let open =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.open == amount("USD", 30, 0))
            .await;
    assert_eq!(
        (open.disputed_by.as_str(), open.block.unwrap().owner.as_str()),
        (second.name.as_str(), second.name.as_str())
    );
    decide(&simulator, &forty, "lost").await;
    let open = until_invoice(&till.owner, &till.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!(
        (open.state(), open.open, open.paid),
        (State::Open, amount("USD", 30, 0), amount("USD", 70, 0))
    );
    // The card whose dispute was won may pay the rest.
    let point = SetCollectionMethodRequest {
        request_id: request_id(),
        name: visa.clone(),
        ..Default::default()
    };
    till.admin.methods().set_collection_method(point).await.unwrap();
    pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), State::Paid);
    all_holds(world).await;
}

/// Of 55.00 with 10 % tax the issuer takes 22.00: 20.00 of credit and 2.00 of tax.
async fn a_part_of_a_taxed_top_up_goes_with_its_tax_and_comes_back_with_it(world: &World) {
    shop(world).await;
    business(world, acme()).await;
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    let (admin, owner) =
        (world.someone("CUSTOMER_ADMIN", Some(&customer)), world.someone("OWNER", None));
    let simulator = world.suite.simulator.clone();
    card(world, &admin, &customer, "tok_visa").await;
    let bought = admin
        .top_ups()
        .create_top_up(buy(&wallet, "", amount("USD", 55, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let charge = charges(&simulator).await.remove(0);
    take_part(&simulator, &charge, 22).await;
    let open = disputed(&owner, dispute::State::Open).await;
    assert_eq!(
        (open.from_credit.clone(), open.from_tax.clone()),
        (amount("USD", 20, 0), amount("USD", 2, 0))
    );
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 30, 0));
    let credited = async || Ok(receipts_of(&owner, &customer, 1).await.remove(0));
    let receipt = until(credited, |receipt| receipt.credit_notes.len() == 1).await;
    assert_eq!(receipt.credit_notes[0].amount, amount("USD", 22, 0));
    decide(&simulator, &charge, "won").await;
    disputed(&owner, dispute::State::Won).await;
    assert_eq!(posted(&admin, &wallet).await, amount("USD", 50, 0));
    let again = receipts_of(&owner, &customer, 2)
        .await
        .into_iter()
        .find(|each| each.name != receipt.name)
        .unwrap();
    assert_eq!(
        (again.amount.clone(), again.tax.as_ref().unwrap().tax.clone()),
        (amount("USD", 22, 0), amount("USD", 2, 0))
    );
    let get = GetTopUpRequest { name: bought.name };
    assert_eq!(
        admin.top_ups().get_top_up(get).await.unwrap().into_inner().top_up.unwrap().state(),
        top_up::State::Succeeded
    );
    all_holds(world).await;
}

/// While the dispute is open the invoice is credited: that lowers what is open, and what is won
/// then is surplus.
async fn what_was_credited_meanwhile_is_not_owed_again(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    let charge = charges(&simulator).await.remove(0);
    take_back(&simulator, &charge).await;
    disputed(&till.owner, dispute::State::Open).await;
    until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Open).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 25, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().open, amount("USD", 75, 0));
    decide(&simulator, &charge, "won").await;
    let paid =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Paid).await;
    assert_eq!((paid.paid, paid.credited), (amount("USD", 75, 0), amount("USD", 25, 0)));
    let credit =
        until(async || Ok(till.available().await), |each| *each == amount("USD", 25, 0)).await;
    assert_eq!(credit, amount("USD", 25, 0));
    all_holds(world).await;
}

/// The issuer takes a charge back once more, of which the first dispute was won: it is a dispute
/// like the first.
async fn after_a_won_dispute_the_same_charge_may_be_disputed_again(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    let visa = card(world, &till.admin, &till.customer, "tok_visa").await;
    pay_by(&till.admin, &till.customer, &till.invoice, &visa).await;
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 50, 0))).await.unwrap();
    let again = async |charge: &str, units: i64| {
        let page = format!(
            "{simulator}/simulator/acme/charges/{charge}/chargeback?again=true&amount={units}"
        );
        assert!(reqwest::Client::new().post(page).send().await.unwrap().status().is_success());
    };
    let count = async |state: dispute::State, expected: usize| {
        let all = async || Ok(list(&till.owner, "tenants/acme/customers/-", "").await);
        until(all, |found| {
            found.iter().filter(|dispute| dispute.state() == state).count() == expected
        })
        .await
    };
    let (paid, bought) = (charge_of(&simulator, "100").await, charge_of(&simulator, "50").await);
    for charge in [&paid, &bought] {
        take_part(&simulator, charge, 30).await;
        count(dispute::State::Open, 1).await;
        decide(&simulator, charge, "won").await;
        count(dispute::State::Open, 0).await;
    }
    until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Paid).await;
    assert_eq!(till.available().await, amount("USD", 50, 0));
    again(&paid, 45).await;
    let open =
        until_invoice(&till.owner, &till.invoice, |invoice| invoice.state() == State::Open).await;
    assert_eq!((open.open.clone(), open.block.is_some()), (amount("USD", 45, 0), true));
    again(&bought, 20).await;
    count(dispute::State::Open, 2).await;
    assert_eq!(till.available().await, amount("USD", 30, 0));
    // The provider tells of each again, and nothing more is taken.
    for charge in [&paid, &bought] {
        take_back(&simulator, charge).await;
    }
    decide(&simulator, &paid, "lost").await;
    decide(&simulator, &bought, "won").await;
    count(dispute::State::Won, 3).await;
    count(dispute::State::Lost, 1).await;
    let lost = until_invoice(&till.owner, &till.invoice, |invoice| invoice.block.is_none()).await;
    assert_eq!((lost.open, till.available().await), (amount("USD", 45, 0), amount("USD", 50, 0)));
    mails_of(&till.owner, MailKind::DisputeOpened, 4).await;
    all_holds(world).await;
}
