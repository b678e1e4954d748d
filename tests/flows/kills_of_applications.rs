//! An application is submitted, decided and its line offered while credit is killed with SIGKILL at
//! each point: it is decided once, and one line is offered.

use crate::{
    invariants,
    invariants_of_credit::credit_agrees_in,
    lines::{programme, usd},
    rig::{self, People, Rig, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::credit::v1::{
    ClaimApplicationRequest, ConfirmBankLinkRequest, CreditApplication, DecideApplicationRequest,
    GetApplicationRequest, LinkBankAccountRequest, ListCreditLinesRequest, OfferLineRequest,
    Outcome, Programme, StartApplicationRequest, SubmitApplicationRequest,
    credit_application::State, credit_line,
};
use payterms_suite::{Session, client::request_id, shop};

/// Where a submission may die that the policy decides.
const SUBMITTED: [&str; 7] = [
    "application.before_intent",
    "application.after_intent",
    "application.after_read",
    "application.before_record",
    "application.after_record",
    "commit.before /payterms.credit.v1.ApplicationService/SubmitApplication",
    "commit.after /payterms.credit.v1.ApplicationService/SubmitApplication",
];

/// Where a person's decision may die.
const DECIDED: [&str; 2] = [
    "commit.before /payterms.credit.v1.ApplicationService/DecideApplication",
    "commit.after /payterms.credit.v1.ApplicationService/DecideApplication",
];

/// Where an offer without an application may die.
const OFFERED: [&str; 2] = [
    "commit.before /payterms.credit.v1.CreditLineService/OfferLine",
    "commit.after /payterms.credit.v1.CreditLineService/OfferLine",
];

/// Scenarios at once: most of their time they wait for a lease to lapse.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn an_application_survives_a_kill_of_credit_on_sqlite() {
    all(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_survives_a_kill_of_credit_on_postgres() {
    all(true).await;
}

async fn all(on_postgres: bool) {
    let submits = SUBMITTED.into_iter().map(|point| submits(point, on_postgres));
    futures::stream::iter(submits).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
    let decides = DECIDED.into_iter().map(|point| decides(point, on_postgres));
    futures::stream::iter(decides).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
    let offers = OFFERED.into_iter().map(|point| offers(point, on_postgres));
    futures::stream::iter(offers).for_each_concurrent(AT_ONCE, |scenario| scenario).await;
}

/// An application with an account at a test bank.
async fn linked(rig: &Rig, bank: &str) -> (People, Session, CreditApplication) {
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let programme = programme(&owner, Programme::default()).await;
    let start = StartApplicationRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        programme: programme.name,
        ..Default::default()
    };
    let start = async || people.admin.applications().start_application(start.clone()).await;
    let credit_application = retry(start).await.into_inner().credit_application.unwrap();
    let link =
        LinkBankAccountRequest { request_id: request_id(), name: credit_application.name.clone() };
    let link = people
        .admin
        .applications()
        .link_bank_account(link)
        .await
        .unwrap()
        .into_inner()
        .bank_link
        .unwrap();
    shop::sign_in(rig.gateway, &link.url, bank).await.unwrap();
    let confirm = ConfirmBankLinkRequest { request_id: request_id(), name: link.name };
    people.admin.applications().confirm_bank_link(confirm).await.unwrap();
    (people, owner, credit_application)
}

async fn one_line(services: &Services, people: &People, point: &str) {
    let list = ListCreditLinesRequest { parent: people.customer.clone(), ..Default::default() };
    let lines = retry(async || people.admin.lines().list_credit_lines(list.clone()).await)
        .await
        .into_inner()
        .credit_lines;
    let states: Vec<_> = lines.iter().map(payterms_proto::credit::v1::CreditLine::state).collect();
    assert_eq!(states, [credit_line::State::Offered], "{point}: one line is offered");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    credit_agrees_in(data, postgres).await;
    invariants::hold_in(data, postgres).await;
}

async fn submits(point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, _, credit_application) = linked(&rig, "bank_steady").await;
    let mut services = Services::of(rig).await;
    let request = SubmitApplicationRequest {
        request_id: request_id(),
        name: credit_application.name.clone(),
    };
    let (caller, sent) = (people.admin.clone(), request.clone());
    services
        .die_at(
            "credit",
            point,
            async move { caller.applications().submit_application(sent).await },
        )
        .await;
    let submit = async || {
        let answer = people.admin.applications().submit_application(request.clone()).await?;
        Ok(answer.into_inner().credit_application.unwrap())
    };
    let decided = retry(submit).await;
    assert_eq!(
        (decided.state(), retry(submit).await),
        (State::Approved, decided.clone()),
        "{point}: one answer"
    );
    let read = async || {
        let get = GetApplicationRequest { name: credit_application.name.clone() };
        people
            .admin
            .applications()
            .get_application(get)
            .await
            .map(|answer| answer.into_inner().credit_application.unwrap())
    };
    let read =
        until(read, |credit_application| credit_application.state() == State::Approved).await;
    assert_eq!((read.credit_line, read.files.len()), (decided.credit_line, 1), "{point}");
    one_line(&services, &people, point).await;
}

async fn decides(point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, owner, credit_application) = linked(&rig, "bank_one_payer").await;
    let submit = SubmitApplicationRequest {
        request_id: request_id(),
        name: credit_application.name.clone(),
    };
    people.admin.applications().submit_application(submit).await.unwrap();
    let claim = ClaimApplicationRequest {
        request_id: request_id(),
        name: credit_application.name.clone(),
        ..Default::default()
    };
    owner.applications().claim_application(claim).await.unwrap();
    let mut services = Services::of(rig).await;
    let request = DecideApplicationRequest {
        request_id: request_id(),
        name: credit_application.name,
        outcome: Outcome::Approve.into(),
        limit: usd(900),
        explanation: "Known for years.".into(),
        ..Default::default()
    };
    let (caller, sent) = (owner.clone(), request.clone());
    services
        .die_at(
            "credit",
            point,
            async move { caller.applications().decide_application(sent).await },
        )
        .await;
    let decide = async || {
        owner
            .applications()
            .decide_application(request.clone())
            .await
            .map(tonic::Response::into_inner)
    };
    let decided = retry(decide).await;
    assert_eq!(retry(decide).await, decided, "{point}: one answer");
    assert_eq!(decided.credit_application.unwrap().state(), State::Approved, "{point}");
    one_line(&services, &people, point).await;
}

async fn offers(point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let programme = programme(&owner, Programme::default()).await;
    let mut services = Services::of(rig).await;
    let request = OfferLineRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        programme: programme.name,
        limit: usd(900),
        explanation: "Known for years.".into(),
        ..Default::default()
    };
    let (caller, sent) = (owner.clone(), request.clone());
    services.die_at("credit", point, async move { caller.lines().offer_line(sent).await }).await;
    let offer =
        async || owner.lines().offer_line(request.clone()).await.map(tonic::Response::into_inner);
    let line = retry(offer).await;
    assert_eq!(retry(offer).await, line, "{point}: one answer");
    one_line(&services, &people, point).await;
}
