//! Applications by linked bank accounts: the policy decides by itself, a person where it refers,
//! nobody where the bank does not let us in.

use crate::{
    applications::{Desk, desk},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invariants_of_credit::credit_agrees,
    lines::activate,
    mails::mails_of,
};
use payterms_proto::{
    credit::v1::{
        BankLink, ConfirmBankLinkRequest, CreditApplication, GetCreditLineRequest,
        LinkBankAccountRequest, Outcome, Programme, SubmitApplicationRequest, bank_link,
        credit_application::State, credit_line,
    },
    invoicing::v1::MailKind,
};
use payterms_suite::{client::request_id, shop};
use payterms_testkit::{World, on_both, reason};
use sea_orm::{ConnectionTrait, Statement};
use tonic::Status;

on_both!(
    a_linked_account_is_decided_by_the_policy,
    a_policy_that_declines_tells_why_and_the_cool_down_runs,
    what_the_policy_refers_goes_to_a_person,
    a_bank_that_does_not_tell_leaves_the_application_as_it_was,
    a_page_that_nobody_comes_back_from_is_asked_about,
);

async fn link(desk: &Desk, name: &str) -> Result<BankLink, Status> {
    let request = LinkBankAccountRequest { request_id: request_id(), name: name.to_owned() };
    Ok(desk.admin.applications().link_bank_account(request).await?.into_inner().bank_link.unwrap())
}

async fn confirm(desk: &Desk, link: &BankLink) -> Result<CreditApplication, Status> {
    let request = ConfirmBankLinkRequest { request_id: request_id(), name: link.name.clone() };
    Ok(desk
        .admin
        .applications()
        .confirm_bank_link(request)
        .await?
        .into_inner()
        .credit_application
        .unwrap())
}

/// An application with an account linked at a test bank.
pub(crate) async fn linked(world: &World, desk: &Desk, bank: &str) -> CreditApplication {
    let name = desk.start().await.unwrap().name;
    let made = link(desk, &name).await.unwrap();
    shop::sign_in(world.suite.gateway, &made.url, bank).await.unwrap();
    confirm(desk, &made).await.unwrap()
}

/// How many accounts the simulator would still let us read.
async fn open_banks(world: &World) -> i64 {
    let page = format!("{}/v1/acme/bank/pages", world.suite.simulator);
    reqwest::get(page).await.unwrap().json().await.unwrap()
}

async fn a_linked_account_is_decided_by_the_policy(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let started = desk.start().await.unwrap();
    let request = LinkBankAccountRequest { request_id: request_id(), name: started.name.clone() };
    let made =
        desk.admin.applications().link_bank_account(request.clone()).await.unwrap().into_inner();
    let again = desk.admin.applications().link_bank_account(request).await.unwrap();
    assert_eq!(
        again
            .metadata()
            .get("idempotent-replayed")
            .map(|metadata_value| metadata_value.to_str().unwrap()),
        Some("true")
    );
    assert_eq!(again.into_inner(), made);
    let bank_link = made.bank_link.unwrap();
    assert_eq!(
        (bank_link.state(), made.credit_application.unwrap().state()),
        (bank_link::State::Pending, State::AwaitingBankData)
    );
    assert_eq!(
        desk.read(&desk.reviewer, &started.name).await.links[0].url,
        "",
        "the page is the customer's"
    );
    assert_eq!(reason(&confirm(&desk, &bank_link).await.unwrap_err()), "BANK_LINK_PENDING");
    assert_eq!(reason(&desk.submit(&started.name).await.unwrap_err()), "BANK_DATA_REQUIRED");
    shop::sign_in(world.suite.gateway, &bank_link.url, "bank_steady").await.unwrap();
    let ready = confirm(&desk, &bank_link).await.unwrap();
    assert_eq!(
        (ready.links[0].state(), ready.links[0].institution.as_str()),
        (bank_link::State::Linked, "Steady Bank")
    );
    assert_eq!(
        confirm(&desk, &bank_link).await.unwrap().links,
        ready.links,
        "again changes nothing"
    );
    let (conn, credit) = world.rows("credit").await;
    let sealed = format!("SELECT token FROM {credit}bank_links");
    let row = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), sealed))
        .await
        .unwrap()
        .unwrap();
    let token: Vec<u8> = row.try_get("", "token").unwrap();
    assert!(
        !token.is_empty() && !String::from_utf8_lossy(&token).contains("access"),
        "what opens accounts is sealed"
    );
    let submit = SubmitApplicationRequest { request_id: request_id(), name: started.name.clone() };
    let approved =
        desk.admin.applications().submit_application(submit.clone()).await.unwrap().into_inner();
    assert_eq!(
        desk.admin.applications().submit_application(submit).await.unwrap().into_inner(),
        approved,
        "one answer"
    );
    let approved = approved.credit_application.unwrap();
    assert_eq!((approved.state(), approved.reasons.len()), (State::Approved, 0));
    assert!(approved.files[0].linked && approved.files[0].booking_count > 50);
    let advice = approved.advice.clone().unwrap();
    assert_eq!(
        (advice.outcome(), advice.limit.clone()),
        (Outcome::Approve, approved.limit.clone())
    );
    assert!(approved.limit.as_ref().is_some_and(|amount| (1..=50_000).contains(&amount.units)));
    let line = GetCreditLineRequest { name: approved.credit_line.clone() };
    let line =
        desk.admin.lines().get_credit_line(line).await.unwrap().into_inner().credit_line.unwrap();
    assert_eq!(
        (line.state(), line.limit, line.application),
        (credit_line::State::Offered, approved.limit, started.name.clone())
    );
    mails_of(&desk.owner, MailKind::LineOffered, 1).await;
    assert_eq!(
        activate(&desk.admin, &line.name).await.unwrap().state(),
        credit_line::State::Active
    );
    // Nothing stays open to us once it is decided.
    advance(world, START + DAY).await;
    assert_eq!(
        desk.read(&desk.admin, &started.name).await.links[0].state(),
        bank_link::State::Removed
    );
    assert_eq!(open_banks(world).await, 0);
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn a_policy_that_declines_tells_why_and_the_cool_down_runs(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let credit_application = linked(world, &desk, "bank_overdrawn").await;
    let declined = desk.submit(&credit_application.name).await.unwrap();
    assert_eq!(declined.state(), State::Declined);
    let texts: Vec<_> =
        declined.reasons.iter().map(|principal_reason| principal_reason.code.clone()).collect();
    assert!(texts.contains(&"DAYS_NEGATIVE".to_owned()) && texts.len() <= 4, "{texts:?}");
    assert!(
        declined.advice.unwrap().would_pass.is_empty(),
        "what would have passed is the tenant's"
    );
    assert!(
        !desk
            .read(&desk.reviewer, &credit_application.name)
            .await
            .advice
            .unwrap()
            .would_pass
            .is_empty()
    );
    mails_of(&desk.owner, MailKind::CreditDeclined, 1).await;
    assert_eq!(reason(&desk.start().await.unwrap_err()), "COOL_DOWN_ACTIVE");
    credit_agrees(world).await;
    invariants::hold(world).await;
}

async fn what_the_policy_refers_goes_to_a_person(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let credit_application = linked(world, &desk, "bank_one_payer").await;
    let referred = desk.submit(&credit_application.name).await.unwrap();
    assert_eq!((referred.state(), referred.advice.is_none()), (State::InReview, true));
    desk.claim(&desk.reviewer, &credit_application.name).await.unwrap();
    let approved = desk.decide(&credit_application.name, Some(2_000)).await.unwrap();
    assert_eq!(approved.state(), State::Approved);
    let advice = desk.read(&desk.reviewer, &credit_application.name).await.advice.unwrap();
    assert_eq!(advice.outcome(), Outcome::Refer, "the policy's answer is kept beside the person's");
    invariants::hold(world).await;
}

async fn a_bank_that_does_not_tell_leaves_the_application_as_it_was(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let credit_application = linked(world, &desk, "bank_login_required").await;
    assert_eq!(
        reason(&desk.submit(&credit_application.name).await.unwrap_err()),
        "BANK_LINK_BROKEN"
    );
    let given_back = desk.read(&desk.admin, &credit_application.name).await;
    assert_eq!(
        (given_back.state(), given_back.links[0].state()),
        (State::AwaitingBankData, bank_link::State::Broken)
    );
    assert_eq!(
        reason(&confirm(&desk, &credit_application.links[0]).await.unwrap_err()),
        "BANK_LINK_BROKEN"
    );
    let euro = link(&desk, &credit_application.name).await.unwrap();
    shop::sign_in(world.suite.gateway, &euro.url, "bank_euro").await.unwrap();
    confirm(&desk, &euro).await.unwrap();
    assert_eq!(
        reason(&desk.submit(&credit_application.name).await.unwrap_err()),
        "BANK_DATA_REQUIRED",
        "nothing in the programme's currency"
    );
    // One that collects for a while, and one whose first answer is lost: both are asked again.
    for bank in ["bank_slow", "bank_lost_answer"] {
        let more = link(&desk, &credit_application.name).await.unwrap();
        shop::sign_in(world.suite.gateway, &more.url, bank).await.unwrap();
        confirm(&desk, &more).await.unwrap();
    }
    let approved = desk.submit(&credit_application.name).await.unwrap();
    assert_eq!((approved.state(), approved.bank_data.unwrap().account_count), (State::Approved, 2));
    assert_eq!(
        reason(&link(&desk, &credit_application.name).await.unwrap_err()),
        "APPLICATION_STATE"
    );
    invariants::hold(world).await;
}

async fn a_page_that_nobody_comes_back_from_is_asked_about(world: &World) {
    let desk = desk(world, Programme::default()).await;
    let name = desk.start().await.unwrap().name;
    let (left, done) = (link(&desk, &name).await.unwrap(), link(&desk, &name).await.unwrap());
    shop::sign_in(world.suite.gateway, &done.url, "bank_steady").await.unwrap();
    advance(world, START + DAY).await;
    let states: Vec<_> =
        desk.read(&desk.admin, &name).await.links.iter().map(BankLink::state).collect();
    assert_eq!(states, [bank_link::State::Expired, bank_link::State::Linked]);
    assert_eq!(reason(&confirm(&desk, &left).await.unwrap_err()), "BANK_LINK_BROKEN");
    for _ in 2..10 {
        link(&desk, &name).await.unwrap();
    }
    assert_eq!(reason(&link(&desk, &name).await.unwrap_err()), "TOO_MANY_ITEMS");
    // Taken back: what was opened is forgotten.
    desk.withdraw(&name).await;
    assert_eq!(open_banks(world).await, 1);
    advance(world, START + 2 * DAY).await;
    assert_eq!(open_banks(world).await, 0);
    invariants::hold(world).await;
}
