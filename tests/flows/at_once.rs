//! The same request many times at once: one effect, and every answer is that effect's, byte for byte.

use crate::{
    invariants,
    invoices::read,
    payments::{Till, by, credit, till},
    top_ups::card,
};
use payterms_proto::invoicing::v1::{ApplyCreditRequest, InvoiceToPay, invoice::State};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};
use prost::Message;
use tonic::{Response, Status};

on_both!(one_payment_is_made_of_many_equal_requests, credit_is_applied_once_by_many_equal_requests,);

const AT_ONCE: usize = 16;

/// Sends the same call many times at once; all answers must be equal, and one alone is not a replay.
async fn at_once<M: Message + Default, F: Future<Output = Result<Response<M>, Status>> + Send + 'static>(call: impl Fn() -> F)
where
    M: 'static,
{
    let calls: Vec<_> = (0..AT_ONCE).map(|_| tokio::spawn(call())).collect();
    let answers = futures::future::join_all(calls).await.into_iter().map(Result::unwrap);
    let answers: Vec<_> = answers.map(|answer| answer.map_err(|status| format!("{status:?}"))).collect::<Result<_, _>>().unwrap();
    let replayed = answers.iter().filter(|answer| answer.metadata().contains_key("idempotent-replayed")).count();
    let bytes: Vec<_> = answers.iter().map(|answer| answer.get_ref().encode_to_vec()).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    assert_eq!(replayed, AT_ONCE - 1);
}

async fn one_payment_is_made_of_many_equal_requests(world: &World) {
    let till = till(world, 30).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let request = till.request(vec![by("", None), credit(amount("USD", 30, 0))]);
    let admin = till.admin.clone();
    at_once(move || {
        let (admin, request) = (admin.clone(), request.clone());
        async move { admin.payments().create_payment(request).await }
    })
    .await;
    ended(world, &till).await;
}

async fn credit_is_applied_once_by_many_equal_requests(world: &World) {
    let till = till(world, 100).await;
    let request = ApplyCreditRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: till.invoice.name.clone(), amount: None }],
        ..ApplyCreditRequest::default()
    };
    let staff = world.someone("STAFF", None);
    at_once(move || {
        let (staff, request) = (staff.clone(), request.clone());
        async move { staff.payments().apply_credit(request).await }
    })
    .await;
    ended(world, &till).await;
}

async fn ended(world: &World, till: &Till) {
    let invoice = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(invoice.state(), State::Paid);
    invariants::hold(world).await;
}
