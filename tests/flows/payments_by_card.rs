//! Cards that decline, settle late or lose their answer: the payment is released, partial or open,
//! and nothing is charged twice.

use crate::{
    clocks::{advance, start},
    invariants,
    payments::{by, credit, pay, till, till_of},
    reversals::metadata,
    top_ups::card,
};
use payterms_proto::{
    invoicing::v1::{
        GetPaymentRequest, InvoiceToPay, WriteOffInvoiceRequest, invoice, payment::State,
        payment_tender,
    },
    wallet::v1::{ListHoldsRequest, VoidHoldRequest, hold},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(
    a_decline_releases_all_and_stays_a_result,
    two_cards_may_end_partial,
    a_slow_card_keeps_the_payment_open_until_it_settles,
    a_lost_answer_is_not_charged_again,
    two_browsers_pay_once,
);

async fn a_decline_releases_all_and_stays_a_result(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_declined").await;
    let request = till.request(vec![credit(amount("USD", 30, 0)), by("", None)]);
    for _ in 0..2 {
        let payment = pay(&till.admin, request.clone()).await.unwrap();
        assert_eq!(
            (payment.state(), payment.tenders[0].state()),
            (State::Failed, payment_tender::State::Released)
        );
        assert_eq!(payment.tenders[1].decline_code, "card_declined");
    }
    let invoice = till.invoice().await;
    assert_eq!(
        (invoice.state(), invoice.pending, invoice.paid),
        (invoice::State::Open, amount("USD", 0, 0), amount("USD", 0, 0))
    );
    assert_eq!(till.available().await, amount("USD", 30, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn two_cards_may_end_partial(world: &World) {
    let till = till(world, 0).await;
    let good = card(world, &till.admin, &till.customer, "tok_visa").await;
    let bad = card(world, &till.admin, &till.customer, "tok_declined").await;
    let payment = till.pay(vec![by(&good, amount("USD", 40, 0)), by(&bad, None)]).await.unwrap();
    assert_eq!(
        (payment.state(), payment.allocations[0].paid.clone()),
        (State::Partial, amount("USD", 40, 0))
    );
    let invoice = till.invoice().await;
    assert_eq!((invoice.state(), invoice.open), (invoice::State::Open, amount("USD", 60, 0)));
    let none = till.pay(vec![by(&bad, amount("USD", 10, 0)), by(&good, None)]).await.unwrap();
    assert_eq!(
        (none.state(), none.tenders[1].state()),
        (State::Failed, payment_tender::State::Released),
        "the first declines: nothing more"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_slow_card_keeps_the_payment_open_until_it_settles(world: &World) {
    const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let till = till_of(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_slow").await;
    let request = till.request(vec![credit(amount("USD", 30, 0)), by("", None)]);
    let payment = pay(&till.admin, request.clone()).await.unwrap();
    assert_eq!(
        (payment.state(), till.invoice().await.pending),
        (State::Processing, amount("USD", 100, 0))
    );
    assert_eq!(till.available().await, amount("USD", 0, 0));
    let service = world.someone("SERVICE", None);
    let holds = ListHoldsRequest { parent: till.wallet.clone(), ..Default::default() };
    let held = service.holds().list_holds(holds).await.unwrap().into_inner().holds.pop().unwrap();
    assert_eq!((held.state(), held.expire_time), (hold::State::Active, None));
    let void = VoidHoldRequest { request_id: request_id(), name: held.name };
    assert_eq!(reason(&service.holds().void_hold(void).await.unwrap_err()), "HOLD_OWNER");
    let write_off = WriteOffInvoiceRequest {
        request_id: request_id(),
        name: till.invoice.name.clone(),
        ..Default::default()
    };
    let pending = till.owner.invoices().write_off_invoice(write_off).await.unwrap_err();
    assert_eq!(
        (reason(&pending).as_str(), &metadata(&pending)["payment"]),
        ("PAYMENT_PENDING", &payment.name)
    );
    let mut twice = till.request(vec![by("", None)]);
    twice.invoices =
        vec![InvoiceToPay { invoice: till.invoice.name.clone(), amount: amount("USD", 1, 0) }];
    let twice = pay(&till.admin, twice).await.unwrap_err();
    let texts = metadata(&twice);
    assert_eq!(
        (reason(&twice).as_str(), &texts["payment"], &texts["invoice"]),
        ("PAYMENT_PENDING", &payment.name, &till.invoice.name)
    );
    advance(world, START + 2 * 3_600).await;
    let read = till
        .admin
        .payments()
        .get_payment(GetPaymentRequest { name: payment.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (read.payment.unwrap().state(), till.invoice().await.state()),
        (State::Succeeded, invoice::State::Paid)
    );
    assert_eq!(pay(&till.admin, request).await.unwrap(), payment, "the first answer is kept");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_lost_answer_is_not_charged_again(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_lost_answer").await;
    assert_eq!(till.pay(vec![by("", None)]).await.unwrap().state(), State::Succeeded);
    assert_eq!(till.invoice().await.state(), invoice::State::Paid);
    invariants::books_agree(world).await;
}

async fn two_browsers_pay_once(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let browsers = (0..8).map(|_| {
        let (admin, request) =
            (till.admin.clone(), till.request(vec![credit(amount("USD", 30, 0)), by("", None)]));
        tokio::spawn(async move { pay(&admin, request).await })
    });
    let mut paid = 0;
    for answer in futures::future::join_all(browsers).await {
        match answer.unwrap() {
            Ok(payment) => {
                assert_eq!(payment.state(), State::Succeeded);
                paid += 1;
            }
            Err(status) => {
                let texts =
                    ["NOTHING_PAYABLE", "INSUFFICIENT_FUNDS", "INVOICE_STATE", "CONCURRENT_UPDATE"];
                assert!(texts.contains(&reason(&status).as_str()), "{status:?}");
            }
        }
    }
    assert_eq!(paid, 1);
    assert_eq!(
        (till.invoice().await.state(), till.available().await),
        (invoice::State::Paid, amount("USD", 0, 0))
    );
    let request = till.request(vec![credit(amount("USD", 1, 0))]);
    assert_eq!(reason(&pay(&till.admin, request).await.unwrap_err()), "INVOICE_STATE");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
