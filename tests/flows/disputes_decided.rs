//! Who decides a dispute: people where the provider tells nothing, whatever it says later, or the
//! bank at once.

use crate::{
    chargebacks::{charges, take_back},
    clocks::advance,
    collections::{DAY, DUE, START, desk},
    disputes::{all_holds, decide, disputed, list, next_attempt, pay_by, posted, until_invoice},
    disputes_given_back::{paid_and_disputed, read_dispute},
    invariants,
    invoices::read,
    mails::{mails, mails_of, text},
    payments::{Till, by, till},
    rig::until,
    top_ups::{buy, card},
};
use payterms_proto::{
    invoicing::v1::{MailKind, invoice::State},
    wallet::v1::{
        Dispute, GetDisputeRequest, LoseDisputeRequest, WinDisputeRequest, dispute,
        payment_method::Kind,
    },
};
use payterms_suite::{
    client::{amount, request_id},
    shop as shops,
};
use payterms_testkit::{World, on_both, reason};
use tonic::Code;

on_both!(
    people_decide_where_the_provider_does_not_tell,
    a_debit_that_a_bank_returns_is_final,
    the_tenant_is_told_where_the_provider_decides_otherwise,
);

fn win(name: &str) -> WinDisputeRequest {
    WinDisputeRequest {
        request_id: request_id(),
        name: name.into(),
        explanation: "The bank has written to us.".into(),
        ..Default::default()
    }
}

fn lose(name: &str) -> LoseDisputeRequest {
    LoseDisputeRequest {
        request_id: request_id(),
        name: name.into(),
        explanation: "We sent no proof in time.".into(),
        ..Default::default()
    }
}

/// Where the provider tells nothing, people decide; what it tells later is noted.
pub(crate) async fn people_decide_where_the_provider_does_not_tell(world: &World) {
    let till = till(world, 0).await;
    let simulator = world.suite.simulator.clone();
    card(world, &till.admin, &till.customer, "tok_visa").await;
    till.admin.payments().create_payment(till.request(vec![by("", None)])).await.unwrap();
    let bought = till
        .admin
        .top_ups()
        .create_top_up(buy(&till.wallet, "", amount("USD", 50, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let [first, second] = &charges(&simulator).await[..] else { panic!("two charges") };
    for charge in [first, second] {
        take_back(&simulator, charge).await;
    }
    let all = async || Ok(list(&till.owner, &till.customer, "state = OPEN").await);
    let open = until(all, |found| found.len() == 2).await;
    let of_top_up = open.iter().find(|own| own.top_up == bought.name).unwrap().clone();
    let of_payment = open.iter().find(|own| !own.payment.is_empty()).unwrap().clone();
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_some()).await;
    the_tenant_alone_decides(world, &till, &of_top_up).await;
    let won = till
        .owner
        .disputes()
        .win_dispute(win(&of_top_up.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(
        (won.state(), won.explanation.as_str(), won.provider_outcome()),
        (dispute::State::Won, "The bank has written to us.", dispute::State::Unspecified)
    );
    assert_eq!(posted(&till.admin, &till.wallet).await, amount("USD", 50, 0));
    let again = till
        .owner
        .disputes()
        .win_dispute(win(&of_top_up.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(again, won, "decided like this already");
    assert_eq!(
        reason(&till.owner.disputes().lose_dispute(lose(&of_top_up.name)).await.unwrap_err()),
        "DISPUTE_STATE"
    );
    let lost = till
        .owner
        .disputes()
        .lose_dispute(lose(&of_payment.name))
        .await
        .unwrap()
        .into_inner()
        .dispute
        .unwrap();
    assert_eq!(lost.state(), dispute::State::Lost);
    until_invoice(&till.owner, &till.invoice, |own| own.block.is_none()).await;
    let read = async |name: &str| {
        let get = GetDisputeRequest { name: name.into() };
        till.admin.disputes().get_dispute(get).await.map(|own| own.into_inner().dispute.unwrap())
    };
    let at = |top_up: bool| {
        if (of_top_up.from_credit.as_ref().unwrap().units == 50) == top_up {
            &of_top_up
        } else {
            &of_payment
        }
    };
    for charge in [first, second] {
        let of: Vec<serde_json::Value> = reqwest::get(format!("{simulator}/v1/acme/chargebacks"))
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let is_top_up =
            of.iter().any(|own| own["charge"] == charge.as_str() && own["amount"] == "50");
        decide(&simulator, charge, if is_top_up { "won" } else { "lost" }).await;
        let told = until(
            async || read(&at(is_top_up).name).await,
            |own| own.provider_outcome() != dispute::State::Unspecified,
        )
        .await;
        assert_eq!(told.provider_outcome(), told.state());
    }
    assert_eq!(mails_of(&till.owner, MailKind::DisputeWon, 1).await.len(), 1, "told once");
    assert_eq!(list(&till.admin, &till.customer, "final = false AND amount > 60").await.len(), 1);
    all_holds(world).await;
}

/// Staff may not decide, and nobody a dispute of another customer.
async fn the_tenant_alone_decides(world: &World, till: &Till, of_top_up: &Dispute) {
    let staff = world.someone("STAFF", None);
    assert_eq!(
        staff.disputes().win_dispute(win(&of_top_up.name)).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let foreign = of_top_up.name.replace(&till.customer, &world.customer("acme", "GB").await);
    assert_eq!(
        till.owner.disputes().win_dispute(win(&foreign)).await.unwrap_err().code(),
        Code::NotFound
    );
}

async fn a_debit_that_a_bank_returns_is_final(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let simulator = world.suite.simulator.clone();
    let account =
        shops::save(&desk.admin, &world.suite.gateway, &desk.customer, Kind::BankDebit, "tok_bank")
            .await
            .unwrap()
            .unwrap();
    pay_by(&desk.admin, &desk.customer, &desk.invoice, &account).await;
    advance(world, START + 3 * DAY).await;
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), State::Paid);
    take_back(&simulator, &charges(&simulator).await[0]).await;
    let own = disputed(&desk.owner, dispute::State::Lost).await;
    assert!(
        own.r#final
            && own.provider_outcome() == dispute::State::Lost
            && own.end_time == own.create_time,
        "{own:?}"
    );
    let open = until_invoice(&desk.owner, &desk.invoice, |own| own.state() == State::Open).await;
    assert_eq!(
        (open.block, next_attempt(&read(&desk.owner, &desk.invoice.name).await.unwrap())),
        (None, Some(DUE)),
        "on its due date"
    );
    let words =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeLost, 1).await.remove(0)).await;
    assert!(
        words.contains("The bank has returned") && words.contains("bank account ending in 3000"),
        "{words}"
    );
    let report =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::DisputeReported, 1).await.remove(0))
            .await;
    assert!(report.contains("That is final"), "{report}");
    assert!(mails(&desk.owner, MailKind::DisputeOpened).await.is_empty());
    let win = WinDisputeRequest {
        request_id: request_id(),
        name: own.name,
        explanation: "No.".into(),
        ..Default::default()
    };
    assert_eq!(reason(&desk.owner.disputes().win_dispute(win).await.unwrap_err()), "DISPUTE_STATE");
    all_holds(world).await;
}

/// A person has lost it; the provider says that it is won. Nothing changes, and the tenant is told
/// once.
async fn the_tenant_is_told_where_the_provider_decides_otherwise(world: &World) {
    let (till, _, charge) = paid_and_disputed(world).await;
    let dispute = disputed(&till.owner, dispute::State::Open).await;
    let lose = LoseDisputeRequest {
        request_id: request_id(),
        name: dispute.name.clone(),
        explanation: "We sent no proof in time.".into(),
        ..Default::default()
    };
    till.owner.disputes().lose_dispute(lose).await.unwrap();
    until_invoice(&till.owner, &till.invoice, |invoice| invoice.block.is_none()).await;
    mails_of(&till.owner, MailKind::DisputeReported, 2).await;
    for _ in 0..2 {
        decide(&world.suite.simulator, &charge, "won").await;
    }
    let all = mails_of(&till.owner, MailKind::DisputeReported, 3).await;
    let mut texts = Vec::new();
    for mail in &all {
        texts.push(text(&till.owner, mail).await);
    }
    let otherwise: Vec<_> = texts
        .iter()
        .filter(|words| words.contains("A person of yours had recorded that it is lost"))
        .collect();
    assert_eq!(otherwise.len(), 1, "{texts:?}");
    for named in ["is won.", "We sent no proof in time.", &dispute.name, &dispute.payment, &charge]
    {
        assert!(otherwise[0].contains(named), "{named}: {otherwise:?}");
    }
    let subjects: std::collections::HashSet<_> =
        all.iter().map(|mail| mail.subject.split(':').next()).collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    let known = read_dispute(&till.admin, &dispute.name).await;
    assert_eq!(
        (known.state(), known.provider_outcome()),
        (dispute::State::Lost, dispute::State::Won)
    );
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().open, amount("USD", 30, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
