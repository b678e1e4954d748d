//! The line between two services breaks in every way and at every place of a call: whoever waits is
//! told to come again, no flow ends by it, nothing follows from it, and once the line is whole what
//! was begun is done.

use crate::{
    invariants,
    invariants_of_credit::credit_agrees_in,
    invoices::{draft, issued, line as item, read},
    lines::{offer, programme, usd},
    mails::mails,
    payments::{by, credit},
    rig::{self, People, Services, retry},
};
use payterms_proto::{
    credit::v1::{
        ActivateLineRequest, DeactivateLineRequest, Programme, ReactivateLineRequest, credit_line,
    },
    invoicing::v1::{CreatePaymentRequest, InvoiceToPay, MailKind, invoice, payment::State},
    wallet::v1::{GetWalletRequest, GrantCreditRequest},
};
use payterms_suite::client::request_id;
use payterms_testkit::faulty_line::{Cut, Fault, FaultyLine, PLACES, Place};
use std::time::Duration;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

/// What comes instead of an answer: errors of HTTP/2, and what a stranger on the way may say.
const SAID: [Cut; 16] = [
    Cut::Bytes(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"),
    Cut::Bytes(&[0xFF; 64]),
    Cut::GoAway(0),
    Cut::GoAway(2),
    Cut::GoAway(11),
    Cut::ResetStream(0),
    Cut::ResetStream(2),
    Cut::ResetStream(7),
    Cut::ResetStream(8),
    Cut::Foreign("1"),
    Cut::Foreign("3"),
    Cut::Foreign("5"),
    Cut::Foreign("9"),
    Cut::Foreign("12"),
    Cut::Foreign("13"),
    Cut::Foreign("16"),
];

/// Every way in which a line breaks; of each connection none, one or two calls pass before.
pub(crate) fn faults() -> Vec<Fault> {
    let ends = PLACES.into_iter().flat_map(|place| [Cut::Fin, Cut::Reset].map(|cut| (place, cut)));
    let faults = ends.chain(SAID.map(|cut| (Place::Answer, cut)));
    faults.enumerate().map(|(number, (place, cut))| ([1, 0, 2][number % 3], place, cut)).collect()
}

pub(crate) fn patient<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(Duration::from_millis(700));
    request
}

/// Whether the caller is to come again, as the suite says it.
fn comes_again(status: &Status) -> bool {
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => true,
        // The client's own timer was faster.
        Code::Cancelled => reason.is_none(),
        _ => false,
    }
}

/// Waits until something is as awaited; says what it is where it never comes to that.
pub(crate) async fn becomes<T: std::fmt::Debug>(
    what: &str,
    read: impl AsyncFn() -> Result<T, Status>,
    awaited: impl Fn(&T) -> bool,
) -> T {
    let mut last = None;
    for _ in 0..400 {
        last = Some(read().await);
        match last {
            Some(Ok(found)) if awaited(&found) => return found,
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    panic!("{what}: {last:?}");
}

/// Does the same until the fault was met, and after the line is whole again; answers what it came
/// to.
///
/// One call need not meet the fault: it may wait in the callee for an event that cannot come over
/// the broken line, and end with its deadline.
pub(crate) async fn survives<T>(
    line: &FaultyLine,
    fault: Fault,
    act: impl AsyncFn() -> Result<T, Status>,
) -> T {
    let before = line.cuts();
    line.breaks(fault).await;
    let mut tries = 0;
    while line.cuts() == before {
        assert!(tries < 100, "{fault:?}: never met, {before} before");
        tries += 1;
        if let Err(status) = act().await {
            assert!(comes_again(&status), "{fault:?}: {status:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    line.heals().await;
    for _ in 0..100 {
        match act().await {
            Ok(done) => return done,
            Err(status) => assert!(comes_again(&status), "after {fault:?}: {status:?}"),
        }
    }
    panic!("{fault:?}: it does not end");
}

/// Nothing was made or lost in the wallet and in invoicing, and their books agree.
pub(crate) async fn books_hold(services: &Services) {
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

/// Plays a scenario on each database.
macro_rules! on_both_in_processes {
    ($($scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                Box::pin(super::$scenario(false)).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                Box::pin(super::$scenario(true)).await;
            })+
        }
    };
}
pub(crate) use on_both_in_processes;

on_both_in_processes!(
    a_payment_outlives_its_line_to_the_wallet,
    a_payment_outlives_its_line_to_credit,
    a_credit_line_is_switched_whatever_becomes_of_the_line_to_the_wallet,
    a_call_through_the_door_is_done_once_whatever_becomes_of_its_line,
);

async fn funds(services: &Services, people: &People) {
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: usd(3_000),
        ..Default::default()
    };
    let staff = services.rig().someone("STAFF", None);
    retry(async || staff.lots().grant_credit(grant.clone()).await).await;
}

fn pays(
    people: &People,
    invoice: &str,
    tenders: Vec<payterms_proto::invoicing::v1::TenderToUse>,
) -> CreatePaymentRequest {
    CreatePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoice.to_owned(), amount: None }],
        tenders,
        ..Default::default()
    }
}

/// 100 = 30 credit + 70 card.
async fn a_payment_outlives_its_line_to_the_wallet(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let services = Services::on_lines(rig, &[("invoicing", "wallet")]).await;
    funds(&services, &people).await;
    for fault in faults() {
        let invoice =
            issued(&owner, draft(&people.customer, "USD", vec![item("Plan", usd(100))])).await;
        let request = pays(&people, &invoice.name, vec![credit(usd(30)), by("", None)]);
        let pay = async || people.admin.payments().create_payment(patient(request.clone())).await;
        let payment = survives(services.line("invoicing", "wallet"), fault, pay)
            .await
            .into_inner()
            .payment
            .unwrap();
        assert_eq!(payment.state(), State::Succeeded, "{fault:?}");
        let invoice = read(&owner, &invoice.name).await.unwrap();
        assert_eq!((invoice.state(), invoice.paid), (invoice::State::Paid, usd(100)), "{fault:?}");
    }
    assert_eq!(services.rig().charges().await, vec!["70"; faults().len()], "each once");
    assert!(mails(&owner, MailKind::CollectionFailed).await.is_empty());
    books_hold(&services).await;
}

/// All of it by the line.
async fn a_payment_outlives_its_line_to_credit(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let programme = programme(&owner, Programme::default()).await;
    let offered =
        retry(async || offer(&owner, &people.customer, &programme.name, 1_000).await).await;
    let activate = ActivateLineRequest { request_id: request_id(), name: offered.name.clone() };
    retry(async || people.admin.lines().activate_line(activate.clone()).await).await;
    let services = Services::on_lines(rig, &[("invoicing", "credit")]).await;
    for fault in faults() {
        let made = async || {
            Ok(issued(&owner, draft(&people.customer, "USD", vec![item("Plan", usd(10))])).await)
        };
        let invoice = retry(made).await;
        let request = pays(&people, &invoice.name, vec![by("", None)]);
        let pay = async || people.admin.payments().create_payment(patient(request.clone())).await;
        let payment = survives(services.line("invoicing", "credit"), fault, pay)
            .await
            .into_inner()
            .payment
            .unwrap();
        assert_eq!(payment.state(), State::Succeeded, "{fault:?}");
        assert!(read(&owner, &invoice.name).await.unwrap().deferral.is_some(), "{fault:?}");
    }
    credit_agrees_in(services.rig().data(), services.rig().postgres.as_deref()).await;
    books_hold(&services).await;
}

/// A line is put aside and made a method again.
async fn a_credit_line_is_switched_whatever_becomes_of_the_line_to_the_wallet(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let programme = programme(&owner, Programme::default()).await;
    let offered =
        retry(async || offer(&owner, &people.customer, &programme.name, 1_000).await).await;
    let activate = ActivateLineRequest { request_id: request_id(), name: offered.name.clone() };
    retry(async || people.admin.lines().activate_line(activate.clone()).await).await;
    let services = Services::on_lines(rig, &[("credit", "wallet")]).await;
    for (number, (_, place, cut)) in faults().into_iter().enumerate() {
        let (id, name) = (request_id(), offered.name.clone());
        let off = DeactivateLineRequest { request_id: id.clone(), name: name.clone() };
        let on = ReactivateLineRequest { request_id: id, name };
        let switch = async || {
            let switched = if number % 2 == 0 {
                people
                    .admin
                    .lines()
                    .deactivate_line(patient(off.clone()))
                    .await?
                    .into_inner()
                    .credit_line
            } else {
                people
                    .admin
                    .lines()
                    .reactivate_line(patient(on.clone()))
                    .await?
                    .into_inner()
                    .credit_line
            };
            Ok::<_, Status>(switched.unwrap())
        };
        // There is one call: none passes before it.
        let state =
            survives(services.line("credit", "wallet"), (0, place, cut), switch).await.state();
        let should =
            if number % 2 == 0 { credit_line::State::Inactive } else { credit_line::State::Active };
        assert_eq!(state, should, "{place:?} {cut:?}");
    }
    credit_agrees_in(services.rig().data(), services.rig().postgres.as_deref()).await;
}

/// Through the door a cut call may end without a word of the suite's; with one, it is to come
/// again.
async fn a_call_through_the_door_is_done_once_whatever_becomes_of_its_line(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let services = Services::on_lines(
        rig,
        &[
            ("gateway", "wallet"),
            ("gateway", "invoicing"),
            ("gateway", "credit"),
            ("gateway", "plans"),
        ],
    )
    .await;
    let (staff, line) = (services.rig().someone("STAFF", None), services.line("gateway", "wallet"));
    for (_, place, cut) in faults() {
        let grant = GrantCreditRequest {
            request_id: request_id(),
            wallet: people.wallet.clone(),
            amount: usd(1),
            ..Default::default()
        };
        line.breaks((0, place, cut)).await;
        if let Err(status) = staff.lots().grant_credit(patient(grant.clone())).await {
            let said = status.get_error_details().error_info().is_some();
            assert!(
                comes_again(&status) || !said || matches!(cut, Cut::Foreign(_)),
                "{place:?} {cut:?}: {status:?}"
            );
        }
        line.heals().await;
        retry(async || staff.lots().grant_credit(patient(grant.clone())).await).await;
    }
    let wallet = async || {
        people.admin.wallets().get_wallet(GetWalletRequest { name: people.wallet.clone() }).await
    };
    let posted = retry(wallet).await.into_inner().wallet.unwrap().balance.unwrap().posted;
    assert_eq!(posted, usd(i64::try_from(faults().len()).unwrap()), "each once");
    for callee in ["invoicing", "credit", "plans"] {
        let line = services.line("gateway", callee);
        for (_, place, cut) in faults() {
            line.breaks((0, place, cut)).await;
            let sent = match callee {
                "invoicing" => staff
                    .customers()
                    .get_customer(patient(payterms_proto::invoicing::v1::GetCustomerRequest {
                        name: people.customer.clone(),
                    }))
                    .await
                    .map(|_| ()),
                "credit" => staff
                    .programmes()
                    .list_programmes(patient(payterms_proto::credit::v1::ListProgrammesRequest {
                        parent: "tenants/acme".into(),
                        ..Default::default()
                    }))
                    .await
                    .map(|_| ()),
                _ => staff
                    .plan_settings()
                    .get_plan_settings(patient(payterms_proto::plans::v1::GetPlanSettingsRequest {
                        name: "tenants/acme/planSettings".into(),
                    }))
                    .await
                    .map(|_| ()),
            };
            if let Err(status) = sent {
                let said = status.get_error_details().error_info().is_some();
                assert!(
                    comes_again(&status) || !said || matches!(cut, Cut::Foreign(_)),
                    "{callee} {place:?} {cut:?}: {status:?}"
                );
            }
            line.heals().await;
        }
    }
}
