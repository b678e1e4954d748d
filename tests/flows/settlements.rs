//! The steps of a payment at the wallet's own port, as the peer that drives it takes them.

use crate::{invariants, payments::till, top_ups::card, wallets::grant};
use payterms_proto::wallet::peers::v1::{
    ChargeForPaymentRequest, HoldForPaymentRequest, SettlePaymentRequest,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use sea_orm::ConnectionTrait;

on_both!(steps_outlive_their_stored_answers, a_hold_once_refused_stays_refused);

async fn forget_answers(world: &World) {
    let (conn, s) = world.rows("wallet").await;
    conn.execute_unprepared(&format!("DELETE FROM {s}requests")).await.unwrap();
    conn.close().await.unwrap();
}

pub(crate) async fn steps_outlive_their_stored_answers(world: &World) {
    let peer = world.peer("invoicing", "wallet");
    let till = till(world, 30).await;
    let method = card(world, &till.admin, &till.customer, "tok_visa").await;
    let payment = format!("{}/payments/01890000-0000-7000-8000-000000000001", till.customer);
    let (parent, payment) = (till.customer.clone(), payment);
    let hold = HoldForPaymentRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: payment.clone(),
        amount: amount("USD", 30, 0),
        taxed: false,
    };
    let charge = ChargeForPaymentRequest {
        request_id: request_id(),
        parent: parent.clone(),
        payment: payment.clone(),
        payment_method: method,
        amount: amount("USD", 75, 0),
    };
    let settle = SettlePaymentRequest {
        request_id: request_id(),
        parent,
        payment,
        currency_code: "USD".into(),
        surplus: amount("USD", 5, 0),
        credit: true,
    };
    // Everything is forgotten that is kept for a month only: each step is still taken once.
    let mut charges = Vec::new();
    for _ in 0..2 {
        peer.settlements().hold_for_payment(hold.clone()).await.unwrap();
        charges.push(
            peer.settlements()
                .charge_for_payment(charge.clone())
                .await
                .unwrap()
                .into_inner()
                .charge
                .unwrap(),
        );
        peer.settlements().settle_payment(settle.clone()).await.unwrap();
        forget_answers(world).await;
    }
    assert_eq!(charges[0], charges[1]);
    assert_eq!(till.available().await, amount("USD", 5, 0));
    let booked = invariants::booked(world).await;
    let stands =
        |account: &str| booked.iter().find(|(text, _)| text == account).map(|(_, stands)| *stands);
    assert_eq!((stands("PROVIDER_CLEARING"), stands("INVOICE_SETTLEMENT")), (Some(-75), Some(100)));
    invariants::hold(world).await;
}

async fn a_hold_once_refused_stays_refused(world: &World) {
    let peer = world.peer("invoicing", "wallet");
    let till = till(world, 10).await;
    let payment = format!("{}/payments/01890000-0000-7000-8000-000000000002", till.customer);
    let hold = HoldForPaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        payment,
        amount: amount("USD", 30, 0),
        taxed: false,
    };
    assert_eq!(
        reason(&peer.settlements().hold_for_payment(hold.clone()).await.unwrap_err()),
        "INSUFFICIENT_FUNDS"
    );
    grant(world, &till.wallet, amount("USD", 50, 0), 0).await;
    let again = peer.settlements().hold_for_payment(hold).await.unwrap_err();
    assert_eq!(
        reason(&again),
        "INSUFFICIENT_FUNDS",
        "whoever drives the payment next gets the same answer"
    );
    assert_eq!(till.available().await, amount("USD", 60, 0));
}
