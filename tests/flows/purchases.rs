//! Purchases on a credit line without an invoice: reserved with what is sold, captured into exactly
//! one invoice.

use crate::{
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    invoices::{line as item, read, taxed},
    lines::{Credit, active, usd},
    payments::by,
    rig::{retry, until},
};
use payterms_proto::{
    credit::v1::{
        AuthorizeDrawRequest, CaptureDrawRequest, ChangeLimitRequest, Draw, GetDrawRequest,
        LineToCapture, ListDrawsRequest, SuspendLineRequest, VoidDrawRequest, draw::State,
    },
    google::r#type::{Date, Decimal},
    invoicing::v1::{
        CreatePaymentRequest, Invoice, InvoiceLine, InvoiceToPay, ListInvoicesRequest, invoice,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::Timestamp;
use tonic::Status;

on_both!(
    a_purchase_makes_one_invoice_and_paying_it_frees_the_limit,
    a_part_is_captured_and_the_rest_released,
    a_purchase_is_voided_or_expires,
    each_verb_answers_again_and_acts_once,
    a_suspended_or_lowered_line_captures_what_stands,
);

/// Two lines, tax included: 3 × 20 and 1 × 40.
pub(crate) fn wanted(credit: &Credit) -> AuthorizeDrawRequest {
    let tea = InvoiceLine { quantity: Some(Decimal { value: "3".into() }), ..item("Tea", usd(20)) };
    bought(credit, vec![tea, item("Pot", usd(40))])
}

pub(crate) fn bought(credit: &Credit, lines: Vec<InvoiceLine>) -> AuthorizeDrawRequest {
    AuthorizeDrawRequest {
        request_id: request_id(),
        parent: credit.line.name.clone(),
        lines,
        description: "Order 7".into(),
        ..AuthorizeDrawRequest::default()
    }
}

pub(crate) async fn authorize(
    service: &Session,
    request: AuthorizeDrawRequest,
) -> Result<Draw, Status> {
    Ok(service.draws().authorize_draw(request).await?.into_inner().draw.unwrap())
}

pub(crate) async fn capture(
    service: &Session,
    draw: &Draw,
    lines: Vec<LineToCapture>,
) -> Result<Draw, Status> {
    let request = CaptureDrawRequest { request_id: request_id(), name: draw.name.clone(), lines };
    Ok(service.draws().capture_draw(request).await?.into_inner().draw.unwrap())
}

pub(crate) async fn void(service: &Session, draw: &Draw) -> Result<Draw, Status> {
    let request = VoidDrawRequest { request_id: request_id(), name: draw.name.clone() };
    Ok(service.draws().void_draw(request).await?.into_inner().draw.unwrap())
}

/// The invoice that a captured draw names; its event may be on its way.
async fn billed(credit: &Credit, draw: &Draw) -> Invoice {
    until(async || read(&credit.owner, &draw.invoice).await, |_| true).await
}

pub(crate) async fn invoices(credit: &Credit) -> Vec<Invoice> {
    let list =
        ListInvoicesRequest { parent: credit.customer.clone(), ..ListInvoicesRequest::default() };
    credit.owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

pub(crate) async fn ends(world: &World) {
    credit_agrees(world).await;
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

const LAST_OF_FEBRUARY: Option<Date> = Some(Date { year: 2026, month: 2, day: 28 });
const FIRST_OF_JANUARY: Option<Date> = Some(Date { year: 2026, month: 1, day: 1 });

async fn a_purchase_makes_one_invoice_and_paying_it_frees_the_limit(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    taxed(world, &[("GB", "", "25", false), ("GB", "books", "0", false)]).await;
    let book = InvoiceLine { tax_category: "books".into(), ..item("Book", usd(50)) };
    let request = AuthorizeDrawRequest {
        collect_automatically: true,
        ..bought(&credit, vec![item("Tea", usd(100)), book])
    };
    // Credit may not have heard of the new rules yet.
    let authorized = retry(async || authorize(&service, request.clone()).await).await;
    assert_eq!(
        (authorized.state(), authorized.amount.clone(), authorized.invoice.as_str()),
        (State::Authorized, usd(150), "")
    );
    assert_eq!(authorized.expire_time, Some(Timestamp { seconds: START + 7 * DAY, nanos: 0 }));
    assert_eq!(
        (credit.read().await.authorized, invoices(&credit).await.len()),
        (usd(150), 0),
        "nothing is sold yet"
    );
    // What holds then holds: neither another tax nor none at all changes what was authorised.
    taxed(world, &[("AU", "", "10", false)]).await;
    let captured = capture(&service, &authorized, Vec::new()).await.unwrap();
    assert_eq!(
        (captured.state(), captured.captured.clone(), captured.expire_time),
        (State::Captured, usd(150), None)
    );
    assert_eq!((captured.purchase_date, captured.due_date), (FIRST_OF_JANUARY, LAST_OF_FEBRUARY));

    let invoice = billed(&credit, &captured).await;
    assert_eq!(
        (invoice.state(), invoice.number.is_empty(), invoice.memo.as_str()),
        (invoice::State::Open, false, "Order 7")
    );
    assert!(invoice.prices_include_tax);
    let taxes: Vec<_> = invoice
        .taxes
        .iter()
        .map(|tax_amount| (tax_amount.net.clone(), tax_amount.tax.clone()))
        .collect();
    assert_eq!(taxes, [(usd(80), usd(20)), (usd(50), usd(0))], "the tax is inside");
    assert_eq!(
        (invoice.total.clone(), invoice.open.clone(), invoice.due_date),
        (usd(150), usd(150), LAST_OF_FEBRUARY)
    );
    let deferral = invoice.deferral.clone().unwrap();
    assert_eq!(
        (deferral.credit_line, deferral.draw),
        (credit.line.name.clone(), captured.name.clone())
    );
    assert_eq!((deferral.amount, deferral.purchase_date), (usd(150), FIRST_OF_JANUARY));
    let line = credit.read().await;
    assert_eq!(
        (line.exposure, line.authorized, line.next_due_date),
        (usd(150), usd(0), LAST_OF_FEBRUARY)
    );
    let whole = GetDrawRequest { name: captured.name.clone() };
    assert_eq!(
        credit.admin.draws().get_draw(whole).await.unwrap().into_inner().draw,
        Some(captured.clone())
    );
    let list = ListDrawsRequest { parent: credit.line.name.clone(), ..ListDrawsRequest::default() };
    let listed = credit.admin.draws().list_draws(list).await.unwrap().into_inner().draws;
    assert_eq!(listed, [Draw { lines: Vec::new(), ..captured }]);

    // A part by card now, the rest on the due date.
    let request = CreatePaymentRequest {
        request_id: request_id(),
        parent: credit.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.name.clone(), amount: usd(50) }],
        tenders: vec![by(&credit.card().await, None)],
        ..Default::default()
    };
    credit.admin.payments().create_payment(request).await.unwrap();
    credit.owes(100).await;
    advance(world, START + 59 * DAY).await;
    assert_eq!(read(&credit.owner, &invoice.name).await.unwrap().state(), invoice::State::Paid);
    credit.owes(0).await;
    assert_eq!(invoices(&credit).await.len(), 1, "one sale, one document");
    ends(world).await;
}

async fn a_part_is_captured_and_the_rest_released(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    let part = |place, quantity: Option<&str>| LineToCapture {
        place,
        quantity: quantity.map(|text| Decimal { value: text.into() }),
    };
    let draw = authorize(&service, wanted(&credit)).await.unwrap();
    for (lines, field) in [
        (vec![part(3, None)], "lines[0].place"),
        (vec![part(2, None), part(1, Some("3.5"))], "lines[1].quantity"),
    ] {
        let refused = capture(&service, &draw, lines).await.unwrap_err();
        assert_eq!(violations(&refused), [format!("{field}: FIELD_OUT_OF_RANGE")]);
    }
    let both =
        capture(&service, &draw, vec![part(1, Some("-1")), part(1, None)]).await.unwrap_err();
    assert_eq!(violations(&both).len(), 2, "all that is wrong at once: {both:?}");
    assert_eq!(
        reason(&capture(&service, &draw, vec![part(1, Some("0.0001"))]).await.unwrap_err()),
        "INVOICE_EMPTY"
    );
    let captured = capture(&service, &draw, vec![part(1, Some("1.5"))]).await.unwrap();
    assert_eq!((captured.amount.clone(), captured.captured.clone()), (usd(100), usd(30)));
    let line = credit.read().await;
    assert_eq!((line.exposure, line.authorized, line.available), (usd(30), usd(0), usd(970)));
    let invoice = billed(&credit, &captured).await;
    assert_eq!(
        (invoice.total, invoice.lines.len(), invoice.lines[0].quantity.clone()),
        (usd(30), 1, Some(Decimal { value: "1.5".into() }))
    );
    assert_eq!(
        reason(&capture(&service, &draw, Vec::new()).await.unwrap_err()),
        "DRAW_STATE",
        "what is left was released"
    );
    ends(world).await;
}

async fn a_purchase_is_voided_or_expires(world: &World) {
    let credit = active(world, 100).await;
    let service = world.someone("SERVICE", None);
    let draw = authorize(&service, wanted(&credit)).await.unwrap();
    let over = authorize(&service, bought(&credit, vec![item("Cup", amount("USD", 0, 1))]))
        .await
        .unwrap_err();
    assert_eq!(reason(&over), "CREDIT_LIMIT_EXCEEDED");
    assert_eq!(void(&service, &draw).await.unwrap().state(), State::Voided);
    assert_eq!(credit.read().await.available, usd(100));
    for refused in [void(&service, &draw).await, capture(&service, &draw, Vec::new()).await] {
        assert_eq!(reason(&refused.unwrap_err()), "DRAW_STATE");
    }
    let at = Some(Timestamp { seconds: START + 2 * DAY, nanos: 0 });
    let brief = authorize(&service, AuthorizeDrawRequest { expire_time: at, ..wanted(&credit) })
        .await
        .unwrap();
    advance(world, START + 2 * DAY).await;
    let read = credit
        .admin
        .draws()
        .get_draw(GetDrawRequest { name: brief.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .draw
        .unwrap();
    assert_eq!((read.state(), credit.read().await.exposure), (State::Expired, usd(0)));
    assert_eq!(reason(&capture(&service, &brief, Vec::new()).await.unwrap_err()), "DRAW_STATE");
    for (seconds, text) in
        [(START + 2 * DAY, "TIME_IN_PAST"), (START + 93 * DAY, "TIME_OUT_OF_RANGE")]
    {
        let expire_time = Some(Timestamp { seconds, nanos: 0 });
        let refused = authorize(&service, AuthorizeDrawRequest { expire_time, ..wanted(&credit) })
            .await
            .unwrap_err();
        assert_eq!(violations(&refused), [format!("expire_time: {text}")]);
    }
    assert_eq!(invoices(&credit).await.len(), 0);
    ends(world).await;
}

pub(crate) async fn each_verb_answers_again_and_acts_once(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    let request = wanted(&credit);
    let first = authorize(&service, request.clone()).await.unwrap();
    let again = service.draws().authorize_draw(request.clone()).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().draw, Some(first.clone()));
    let other = AuthorizeDrawRequest { description: "Order 8".into(), ..request };
    assert_eq!(reason(&authorize(&service, other).await.unwrap_err()), "REQUEST_ID_REUSED");
    let request = CaptureDrawRequest {
        request_id: request_id(),
        name: first.name.clone(),
        lines: Vec::new(),
    };
    let captured = service.draws().capture_draw(request.clone()).await.unwrap().into_inner();
    let again = service.draws().capture_draw(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner(), captured);
    let second = authorize(&service, wanted(&credit)).await.unwrap();
    let request = VoidDrawRequest { request_id: request_id(), name: second.name };
    let voided = service.draws().void_draw(request.clone()).await.unwrap().into_inner();
    assert_eq!(service.draws().void_draw(request).await.unwrap().into_inner(), voided);
    billed(&credit, &captured.draw.unwrap()).await;
    assert_eq!((invoices(&credit).await.len(), credit.read().await.exposure), (1, usd(100)));
    ends(world).await;
}

pub(crate) async fn a_suspended_or_lowered_line_captures_what_stands(world: &World) {
    let credit = active(world, 1_000).await;
    let service = world.someone("SERVICE", None);
    let [one, two] = [
        authorize(&service, wanted(&credit)).await.unwrap(),
        authorize(&service, wanted(&credit)).await.unwrap(),
    ];
    let cut = ChangeLimitRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        limit: usd(50),
        reasons: vec!["Less is bought.".into()],
        ..ChangeLimitRequest::default()
    };
    credit.owner.lines().change_limit(cut).await.unwrap();
    assert_eq!(
        reason(&authorize(&service, wanted(&credit)).await.unwrap_err()),
        "CREDIT_LIMIT_EXCEEDED"
    );
    capture(&service, &one, Vec::new()).await.unwrap();
    let suspend = SuspendLineRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        explanation: "We look.".into(),
        ..Default::default()
    };
    credit.owner.lines().suspend_line(suspend).await.unwrap();
    assert_eq!(reason(&authorize(&service, wanted(&credit)).await.unwrap_err()), "LINE_STATE");
    let captured = capture(&service, &two, Vec::new()).await.unwrap();
    billed(&credit, &captured).await;
    assert_eq!(credit.read().await.exposure, usd(200));
    ends(world).await;
}
