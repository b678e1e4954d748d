//! Credit lines: offered, activated, drawn on, repaid, suspended, restored, put aside, closed.

use crate::{
    clocks::{advance, start},
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    invoices::{draft, issued, line as item, read},
    payments::by,
    rig::{retry, until},
    top_ups::card,
};
use payterms_proto::{
    credit::v1::{
        ActivateLineRequest, ChangeLimitRequest, CloseLineRequest, CreateProgrammeRequest,
        CreditLine, DeactivateLineRequest, DeclineLineRequest, GetCreditLineRequest,
        GetExposureRequest, ListCreditLinesRequest, ListDrawsRequest, ListLineHistoryRequest,
        OfferLineRequest, Programme, ReactivateLineRequest, RestoreLineRequest, SuspendLineRequest,
        credit_line::{State, Suspension},
        draw,
    },
    google::r#type::{Date, Money},
    invoicing::v1::{
        CreatePaymentRequest, Invoice, InvoiceToPay, PayLaterRequest, Payment, TenderToUse,
        invoice, payment, payment_tender,
    },
    wallet::v1::{
        ListPaymentMethodsRequest, RemovePaymentMethodRequest, SetCollectionMethodRequest,
        SetPurchaseDefaultRequest, payment_method::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    a_line_is_offered_activated_drawn_on_and_repaid,
    deactivating_needs_another_method,
    past_due_suspends_and_payment_restores,
    a_split_payment_is_one_intent,
    members_pay_later_only_where_the_line_is_the_default,
    what_cannot_be_deferred_is_refused_before_anything_moves,
    an_offer_expires_or_is_declined_and_a_line_closes_once_nothing_is_owed,
);

/// A shop in New York, a customer with a card and an offered line.
pub(crate) struct Credit {
    pub customer: String,
    pub owner: Session,
    pub admin: Session,
    pub line: CreditLine,
}

pub(crate) fn usd(units: i64) -> Option<Money> {
    amount("USD", units, 0)
}

pub(crate) async fn programme(owner: &Session, programme: Programme) -> Programme {
    let changed =
        Programme { title: "Pay later".into(), countries: vec!["GB".into()], ..programme };
    let request = CreateProgrammeRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        programme: Some(changed),
        ..Default::default()
    };
    // Credit may not have heard of the tenant yet.
    retry(async || owner.programmes().create_programme(request.clone()).await)
        .await
        .into_inner()
        .programme
        .unwrap()
}

pub(crate) async fn offer(
    owner: &Session,
    customer: &str,
    programme: &str,
    limit: i64,
) -> Result<CreditLine, Status> {
    let request = OfferLineRequest {
        request_id: request_id(),
        parent: customer.into(),
        programme: programme.into(),
        limit: usd(limit),
        explanation: "Known for years.".into(),
        ..Default::default()
    };
    Ok(owner.lines().offer_line(request).await?.into_inner().credit_line.unwrap())
}

pub(crate) async fn activate(session: &Session, name: &str) -> Result<CreditLine, Status> {
    let request = ActivateLineRequest { request_id: request_id(), name: name.into() };
    Ok(session.lines().activate_line(request).await?.into_inner().credit_line.unwrap())
}

/// Where the customer has a card of that kind, and a line with that limit, OFFERED.
pub(crate) async fn offered(world: &World, limit: i64, programme_of: Programme) -> Credit {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let owner = world.someone("OWNER", None);
    shop::open(&owner, "acme").await.unwrap();
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    world.wallet(&customer, "USD").await;
    card(world, &admin, &customer, "tok_visa").await;
    let programme = programme(&owner, programme_of).await;
    // Credit may not have heard of the customer yet.
    let line = retry(async || offer(&owner, &customer, &programme.name, limit).await).await;
    Credit { customer, owner, admin, line }
}

pub(crate) async fn active(world: &World, limit: i64) -> Credit {
    let credit = offered(world, limit, Programme::default()).await;
    let line = activate(&credit.admin, &credit.line.name).await.unwrap();
    Credit { line, ..credit }
}

impl Credit {
    pub(crate) async fn invoice(&self, units: i64) -> Invoice {
        let mut draft = draft(&self.customer, "USD", vec![item("Plan", usd(units))]);
        draft.invoice.as_mut().unwrap().collect_automatically = true;
        issued(&self.owner, draft).await
    }

    pub(crate) async fn pay(
        &self,
        invoices: &[&Invoice],
        tenders: Vec<TenderToUse>,
    ) -> Result<Payment, Status> {
        let invoices = invoices
            .iter()
            .map(|invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None })
            .collect();
        let request = CreatePaymentRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            invoices,
            tenders,
            ..Default::default()
        };
        Ok(self.admin.payments().create_payment(request).await?.into_inner().payment.unwrap())
    }

    pub(crate) async fn read(&self) -> CreditLine {
        let request = GetCreditLineRequest { name: self.line.name.clone() };
        self.admin.lines().get_credit_line(request).await.unwrap().into_inner().credit_line.unwrap()
    }

    /// Waits until so much is owed: what is paid is heard of by event.
    pub(crate) async fn owes(&self, units: i64) {
        until(async || Ok(self.read().await), |line| line.exposure == usd(units)).await;
    }

    pub(crate) async fn verbs(&self) -> Vec<String> {
        let list = ListLineHistoryRequest { parent: self.line.name.clone(), ..Default::default() };
        let entries =
            self.admin.lines().list_line_history(list).await.unwrap().into_inner().entries;
        entries.into_iter().map(|entry| entry.verb).collect()
    }

    /// The kinds of the purchase default and of the collection method.
    pub(crate) async fn pointers(&self) -> (Option<Kind>, Option<Kind>) {
        let list =
            ListPaymentMethodsRequest { parent: self.customer.clone(), ..Default::default() };
        let methods = self
            .admin
            .methods()
            .list_payment_methods(list)
            .await
            .unwrap()
            .into_inner()
            .payment_methods;
        let of = |pick: fn(&payterms_proto::wallet::v1::PaymentMethod) -> bool| {
            methods
                .iter()
                .find(|method| pick(method))
                .map(payterms_proto::wallet::v1::PaymentMethod::kind)
        };
        (of(|method| method.purchase_default), of(|method| method.collection_method))
    }

    /// The newest card's name.
    pub(crate) async fn card(&self) -> String {
        let list =
            ListPaymentMethodsRequest { parent: self.customer.clone(), ..Default::default() };
        let methods = self
            .admin
            .methods()
            .list_payment_methods(list)
            .await
            .unwrap()
            .into_inner()
            .payment_methods;
        methods.iter().find(|method| method.kind() == Kind::Card).unwrap().name.clone()
    }

    fn method(&self) -> String {
        self.line.name.replace("/creditLines/", "/paymentMethods/")
    }
}

const LAST_OF_FEBRUARY: Option<Date> = Some(Date { year: 2026, month: 2, day: 28 });

async fn a_line_is_offered_activated_drawn_on_and_repaid(world: &World) {
    let credit = offered(world, 1_000, Programme::default()).await;
    assert_eq!(
        (credit.line.state(), credit.line.limit.clone(), credit.line.available.clone()),
        (State::Offered, usd(1_000), usd(0))
    );
    assert_eq!(credit.pointers().await, (Some(Kind::Card), Some(Kind::Card)));
    let request = ActivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
    let line = credit
        .admin
        .lines()
        .activate_line(request.clone())
        .await
        .unwrap()
        .into_inner()
        .credit_line
        .unwrap();
    assert_eq!((line.state(), line.available.clone()), (State::Active, usd(1_000)));
    let again = credit.admin.lines().activate_line(request).await.unwrap();
    assert!(again.metadata().contains_key("idempotent-replayed"));
    assert_eq!(again.into_inner().credit_line, Some(line));
    assert_eq!(
        credit.pointers().await,
        (Some(Kind::CreditLine), Some(Kind::Card)),
        "two pointers: what is collected stays with the card"
    );

    // Bought in January, owed at the end of February.
    let invoice = credit.invoice(400).await;
    let payment = credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    assert_eq!(payment.state(), payment::State::Succeeded);
    assert_eq!(
        (payment.allocations[0].paid.clone(), payment.allocations[0].deferred.clone()),
        (usd(0), usd(400))
    );
    assert!(payment.tenders[0].credit_line);
    let deferred = read(&credit.owner, &invoice.name).await.unwrap();
    assert_eq!(
        (deferred.state(), deferred.open.clone(), deferred.due_date),
        (invoice::State::Open, usd(400), LAST_OF_FEBRUARY)
    );
    let deferral = deferred.deferral.clone().unwrap();
    assert_eq!(
        (deferral.credit_line, deferral.amount, deferral.purchase_date),
        (credit.line.name.clone(), usd(400), Some(Date { year: 2026, month: 1, day: 1 }))
    );
    let line = credit.read().await;
    assert_eq!(
        (line.exposure.clone(), line.available.clone(), line.next_due_date),
        (usd(400), usd(600), LAST_OF_FEBRUARY)
    );
    let draws = ListDrawsRequest { parent: line.name.clone(), ..Default::default() };
    let draws = credit.admin.draws().list_draws(draws).await.unwrap().into_inner().draws;
    assert_eq!(
        (draws.len(), draws[0].state(), draws[0].invoice.clone()),
        (1, draw::State::Captured, invoice.name.clone())
    );

    // On its due date it is collected from the card, and the limit is free again.
    advance(world, START + 59 * DAY).await;
    assert_eq!(read(&credit.owner, &invoice.name).await.unwrap().state(), invoice::State::Paid);
    credit.owes(0).await;
    let then = GetExposureRequest {
        name: line.name.clone(),
        at_time: Some(prost_types::Timestamp { seconds: START + 30 * DAY, nanos: 0 }),
    };
    let was = credit.admin.lines().get_exposure(then).await.unwrap().into_inner();
    assert_eq!(
        (was.captured, was.repaid, was.exposure),
        (usd(400), usd(0), usd(400)),
        "what it was at a past instant"
    );
    assert_eq!(credit.verbs().await, ["OFFER", "ACTIVATE"]);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}

pub(crate) async fn deactivating_needs_another_method(world: &World) {
    let credit = active(world, 1_000).await;
    let off = async |session: &Session| {
        let request =
            DeactivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
        Ok::<_, Status>(
            session.lines().deactivate_line(request).await?.into_inner().credit_line.unwrap(),
        )
    };
    // A line is neither removed nor collected by.
    let remove = RemovePaymentMethodRequest {
        request_id: request_id(),
        name: credit.method(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.admin.methods().remove_payment_method(remove).await.unwrap_err()),
        "CREDIT_LINE_NOT_ALLOWED"
    );
    let collect = SetCollectionMethodRequest {
        request_id: request_id(),
        name: credit.method(),
        ..Default::default()
    };
    assert_eq!(
        reason(&credit.admin.methods().set_collection_method(collect).await.unwrap_err()),
        "CREDIT_LINE_NOT_ALLOWED"
    );
    let remove = RemovePaymentMethodRequest {
        request_id: request_id(),
        name: credit.card().await,
        ..Default::default()
    };
    credit.admin.methods().remove_payment_method(remove).await.unwrap();
    assert_eq!(credit.pointers().await, (Some(Kind::CreditLine), None));
    let refused = off(&credit.admin).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "OTHER_METHOD_REQUIRED".to_owned())
    );
    assert_eq!(
        credit.read().await.state(),
        State::Active,
        "refused after its intent: it stays as it was"
    );
    card(world, &credit.admin, &credit.customer, "tok_mastercard").await;
    assert_eq!(off(&credit.admin).await.unwrap().state(), State::Inactive);
    assert_eq!(credit.pointers().await, (Some(Kind::Card), Some(Kind::Card)));
    let invoice = credit.invoice(10).await;
    let refused = credit.pay(&[&invoice], vec![by(&credit.method(), None)]).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "what is put aside is no method");
    let on = ReactivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
    assert_eq!(
        credit
            .admin
            .lines()
            .reactivate_line(on)
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
            .state(),
        State::Active
    );
    assert_eq!(credit.pointers().await, (Some(Kind::CreditLine), Some(Kind::Card)));
    assert_eq!(credit.verbs().await, ["OFFER", "ACTIVATE", "DEACTIVATE", "REACTIVATE"]);
}

pub(crate) async fn past_due_suspends_and_payment_restores(world: &World) {
    let credit = active(world, 1_000).await;
    let visa = credit.card().await;
    let bad = card(world, &credit.admin, &credit.customer, "tok_declined").await;
    let collect = |name: &str| SetCollectionMethodRequest {
        request_id: request_id(),
        name: name.to_owned(),
        ..Default::default()
    };
    credit.admin.methods().set_collection_method(collect(&bad)).await.unwrap();
    let invoice = credit.invoice(300).await;
    credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    advance(world, START + 59 * DAY).await;
    assert_eq!(
        credit.read().await.state(),
        State::Suspended,
        "1 March in New York is the day after"
    );
    let line = credit.read().await;
    assert_eq!(
        (line.suspensions(), line.available.clone()).0.collect::<Vec<_>>(),
        [Suspension::PastDue]
    );
    let another = credit.invoice(10).await;
    let refused = credit.pay(&[&another], vec![by("", None)]).await.unwrap_err();
    assert_eq!(reason(&refused), "LINE_STATE");
    // A second reason: both must go.
    let name = credit.line.name.clone();
    let suspend = SuspendLineRequest {
        request_id: request_id(),
        name: name.clone(),
        explanation: "We talk first.".into(),
        ..Default::default()
    };
    let line =
        credit.owner.lines().suspend_line(suspend).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!(line.suspensions().collect::<Vec<_>>(), [Suspension::PastDue, Suspension::ByTenant]);
    let paid = credit.pay(&[&invoice], vec![by(&visa, None)]).await.unwrap();
    assert_eq!(paid.state(), payment::State::Succeeded);
    credit.owes(0).await;
    assert_eq!(credit.read().await.state(), State::Suspended, "the tenant has not lifted its own");
    let restore = RestoreLineRequest {
        request_id: request_id(),
        name,
        explanation: String::new(),
        ..Default::default()
    };
    let line =
        credit.owner.lines().restore_line(restore).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!((line.state(), line.suspensions.len()), (State::Active, 0));
    credit.pay(&[&another], vec![by("", None)]).await.unwrap();
    assert_eq!(
        credit.verbs().await,
        ["OFFER", "ACTIVATE", "SUSPEND", "SUSPEND", "RESTORE", "RESTORE"]
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}

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

pub(crate) async fn an_offer_expires_or_is_declined_and_a_line_closes_once_nothing_is_owed(
    world: &World,
) {
    let credit = offered(world, 100, Programme::default()).await;
    let programme = credit.line.programme.clone();
    let twice = offer(&credit.owner, &credit.customer, &programme, 10).await.unwrap_err();
    assert_eq!(reason(&twice), "LINE_EXISTS");
    advance(world, START + 31 * DAY).await;
    assert_eq!(credit.read().await.state(), State::Expired);
    assert_eq!(
        reason(&activate(&credit.admin, &credit.line.name).await.unwrap_err()),
        "LINE_STATE"
    );
    let second = offer(&credit.owner, &credit.customer, &programme, 100).await.unwrap();
    let decline =
        DeclineLineRequest { request_id: request_id(), name: second.name, ..Default::default() };
    let declined =
        credit.admin.lines().decline_line(decline).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!(declined.state(), State::DeclinedByCustomer);
    let third = offer(&credit.owner, &credit.customer, &programme, 100).await.unwrap();
    let credit = Credit { line: activate(&credit.admin, &third.name).await.unwrap(), ..credit };
    let invoice = credit.invoice(60).await;
    credit.pay(&[&invoice], vec![by("", None)]).await.unwrap();
    let close = || CloseLineRequest {
        request_id: request_id(),
        name: credit.line.name.clone(),
        explanation: "We part.".into(),
    };
    let status = credit.owner.lines().close_line(close()).await.unwrap_err();
    assert_eq!(reason(&status), "LINE_IN_USE");
    let visa = credit.card().await;
    credit.pay(&[&invoice], vec![by(&visa, None)]).await.unwrap();
    credit.owes(0).await;
    assert_eq!(
        credit
            .owner
            .lines()
            .close_line(close())
            .await
            .unwrap()
            .into_inner()
            .credit_line
            .unwrap()
            .state(),
        State::Closed
    );
    assert_eq!(
        credit.pointers().await,
        (Some(Kind::Card), Some(Kind::Card)),
        "a card takes its place"
    );
    let list = ListCreditLinesRequest {
        parent: "tenants/acme".into(),
        states: vec![State::Closed.into()],
        ..Default::default()
    };
    assert_eq!(
        credit.owner.lines().list_credit_lines(list).await.unwrap().into_inner().credit_lines.len(),
        1
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    credit_agrees(world).await;
}
