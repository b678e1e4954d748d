//! Credit lines: offered, activated, drawn on, repaid, suspended, restored.

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
        ActivateLineRequest, CreateProgrammeRequest, CreditLine, GetCreditLineRequest,
        GetExposureRequest, ListDrawsRequest, ListLineHistoryRequest, OfferLineRequest, Programme,
        RestoreLineRequest, SuspendLineRequest,
        credit_line::{State, Suspension},
        draw,
    },
    google::r#type::{Date, Money},
    invoicing::v1::{
        CreatePaymentRequest, Invoice, InvoiceToPay, Payment, TenderToUse, invoice, payment,
    },
    wallet::v1::{ListPaymentMethodsRequest, SetCollectionMethodRequest, payment_method::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(a_line_is_offered_activated_drawn_on_and_repaid, past_due_suspends_and_payment_restores);

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

    pub(crate) fn method(&self) -> String {
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
