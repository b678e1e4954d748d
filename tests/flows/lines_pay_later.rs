//! Invoices are paid later by a line: beside other tenders, by whom, and what cannot be deferred.

use crate::{
    invariants,
    invariants_of_credit::credit_agrees,
    invoices::{draft, issued, line as item, read},
    lines::{active, usd},
    payments::by,
    top_ups::card,
};
use payterms_proto::{
    credit::v1::ChangeLimitRequest,
    invoicing::v1::{
        CreatePaymentRequest, Invoice, InvoiceToPay, PayLaterRequest, invoice, payment,
        payment_tender,
    },
    wallet::v1::SetPurchaseDefaultRequest,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    a_split_payment_is_one_intent,
    members_pay_later_only_where_the_line_is_the_default,
    what_cannot_be_deferred_is_refused_before_anything_moves,
);

async fn a_split_payment_is_one_intent(world: &World) {
    let credit = active(world, 1_000).await;
    let (one, two) = (credit.invoice(100).await, credit.invoice(50).await);
    let visa = credit.card().await;
    let payment = credit.pay(&[&one, &two], vec![by(&visa, usd(120)), by("", None)]).await.unwrap();
    assert_eq!(payment.state(), payment::State::Succeeded);
    let kept = async |invoice: &Invoice| read(&credit.owner, &invoice.name).await.unwrap();
    assert_eq!((kept(&one).await.state(), kept(&two).await.open), (invoice::State::Paid, usd(30)));
    assert_eq!(credit.read().await.exposure, usd(30));
    // A card that declines releases the line.
    let bad = card(world, &credit.admin, &credit.customer, "tok_declined").await;
    let three = credit.invoice(80).await;
    let failed = credit.pay(&[&three], vec![by(&bad, usd(20)), by("", None)]).await.unwrap();
    let states: Vec<_> =
        failed.tenders.iter().map(|tender| (tender.credit_line, tender.state())).collect();
    assert_eq!(failed.state(), payment::State::Failed);
    assert_eq!(
        states,
        [(false, payment_tender::State::Failed), (true, payment_tender::State::Released)]
    );
    assert_eq!((credit.read().await.exposure, kept(&three).await.deferral), (usd(30), None));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}

pub(crate) async fn members_pay_later_only_where_the_line_is_the_default(world: &World) {
    let credit = active(world, 1_000).await;
    let member = world.someone("MEMBER", Some(&credit.customer));
    let (one, two) = (credit.invoice(100).await, credit.invoice(50).await);
    let later = async |invoice: &Invoice| {
        let (parent, invoices) = (credit.customer.clone(), vec![invoice.name.clone()]);
        let request =
            PayLaterRequest { request_id: request_id(), parent, invoices, ..Default::default() };
        Ok::<_, Status>(member.payments().pay_later(request).await?.into_inner().payment.unwrap())
    };
    let payment = later(&one).await.unwrap();
    assert_eq!(
        (payment.state(), payment.allocations[0].deferred.clone()),
        (payment::State::Succeeded, usd(100))
    );
    // By nothing else.
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: credit.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: two.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    assert_eq!(
        member.payments().create_payment(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let visa = credit.card().await;
    let default =
        SetPurchaseDefaultRequest { request_id: request_id(), name: visa, ..Default::default() };
    credit.admin.methods().set_purchase_default(default).await.unwrap();
    assert_eq!(reason(&later(&two).await.unwrap_err()), "LINE_NOT_DEFAULT");
    let default = SetPurchaseDefaultRequest {
        request_id: request_id(),
        name: credit.method(),
        ..Default::default()
    };
    credit.admin.methods().set_purchase_default(default).await.unwrap();
    later(&two).await.unwrap();
    assert_eq!(credit.read().await.exposure, usd(150));
}

async fn what_cannot_be_deferred_is_refused_before_anything_moves(world: &World) {
    let credit = active(world, 100).await;
    let refused =
        async |invoices: &[&Invoice], tenders| credit.pay(invoices, tenders).await.unwrap_err();
    let (large, small) = (credit.invoice(101).await, credit.invoice(40).await);
    let status = refused(&[&large], vec![by("", None)]).await;
    let figures = status.get_error_details().error_info().unwrap().metadata.clone();
    assert_eq!(
        (reason(&status), figures["available"].as_str(), figures["asked"].as_str()),
        ("CREDIT_LIMIT_EXCEEDED".into(), "100", "101")
    );
    assert_eq!(
        reason(&refused(&[&small], vec![by("", usd(39))]).await),
        "TENDERS_MISMATCH",
        "the line covers all that is left"
    );
    let euros = issued(
        &credit.owner,
        draft(&credit.customer, "EUR", vec![item("Plan", amount("EUR", 10, 0))]),
    )
    .await;
    let status = refused(&[&euros], vec![by("", None)]).await;
    assert_eq!(
        (
            reason(&status),
            status.get_error_details().error_info().unwrap().metadata["currency"].as_str()
        ),
        ("CURRENCY_MISMATCH".into(), "USD")
    );
    credit.pay(&[&small], vec![by("", None)]).await.unwrap();
    let other = credit.invoice(5).await;
    let status = refused(&[&small, &other], vec![by("", None)]).await;
    assert_eq!(reason(&status), "INVOICE_DEFERRED");
    // A limit below what is owed bars new draws alone.
    let cut = ChangeLimitRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        limit: usd(30),
        reasons: Vec::new(),
        etag: String::new(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.owner.lines().change_limit(cut.clone()).await.unwrap_err()),
        "LIMIT_REASONS_REQUIRED"
    );
    let cut = ChangeLimitRequest { reasons: vec!["Less turnover.".into()], ..cut };
    let line =
        credit.owner.lines().change_limit(cut).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!(
        (line.exposure.clone(), line.available.clone(), line.limit_reasons.clone()),
        (usd(40), usd(0), vec!["Less turnover.".to_owned()])
    );
    assert_eq!(reason(&refused(&[&other], vec![by("", None)]).await), "CREDIT_LIMIT_EXCEEDED");
    let above = ChangeLimitRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        limit: usd(50_001),
        reasons: Vec::new(),
        etag: String::new(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.owner.lines().change_limit(above).await.unwrap_err()),
        "LIMIT_ABOVE_CAP"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}
