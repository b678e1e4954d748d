//! Agreements of a postpaid wallet: somebody decides them, a month costs the commitment at least,
//! and who ends one early is invoiced for the rest of it.

use crate::{
    bank::{camt_in, import, paid},
    clocks::advance,
    collections::{DAY, START},
    invariants,
    invoices::read,
    postpaid::{decide, desk, first_of, invoices_of, nanos, posted, used},
    rig::until,
    wallets::grant,
};
use payterms_proto::{
    invoicing::v1::{GetOutstandingRequest, invoice::State},
    wallet::v1::{
        AutoRecharge, DecidePostpaidRequest, ListPostpaidAgreementsRequest, PostFeeRequest,
        RequestPostpaidRequest, TerminatePostpaidRequest, UpdateAutoRechargeRequest,
        postpaid_agreement,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};
use tonic::Code;

on_both!(
    a_postpaid_month_is_invoiced_at_its_commitment_at_least_and_twelve_end_it,
    a_termination_invoices_the_rest_of_the_commitment,
    somebody_decides_and_figures_must_fit,
);

async fn a_postpaid_month_is_invoiced_at_its_commitment_at_least_and_twelve_end_it(world: &World) {
    let desk = desk(world).await;
    let agreement = desk.approved().await;
    assert_eq!(agreement.state(), postpaid_agreement::State::Active);
    assert_eq!(
        agreement.first_month.as_ref().map(|day| (day.month, day.day)),
        Some((1, 1)),
        "today is a first in Sydney"
    );
    used(&desk.service, &desk.wallet, "calls", "100", nanos("AUD", 2, 501_230_000)).await.unwrap();
    let over =
        used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 2_750, 0)).await.unwrap_err();
    assert_eq!(reason(&over), "INSUFFICIENT_FUNDS", "down to the limit only");
    assert_eq!(posted(&desk.owner, &desk.wallet).await, nanos("AUD", -250, -123_000_000));
    let recharge = AutoRecharge {
        name: format!("{}/autoRecharge", desk.wallet),
        repair_negative: true,
        ..AutoRecharge::default()
    };
    let update = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(recharge),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.admin.recharges().update_auto_recharge(update).await.unwrap_err()),
        "POSTPAID_ACTIVE"
    );
    advance(world, first_of(2)).await;
    let january = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    let lines: Vec<_> =
        january.lines.iter().map(|line| (line.description.as_str(), line.amount.clone())).collect();
    assert_eq!(
        lines,
        [
            ("calls", amount("AUD", 250, 12)),
            ("Shortfall of the monthly commitment", amount("AUD", 749, 88))
        ]
    );
    assert_eq!(
        (january.net.clone(), january.total.clone()),
        (amount("AUD", 1_000, 0), amount("AUD", 1_100, 0)),
        "tax is added"
    );
    assert_eq!(
        (january.state(), january.due_date.as_ref().map(|day| (day.month, day.day))),
        (State::Open, Some((3, 3)))
    );
    let seller = january.seller.as_ref().unwrap();
    assert!(
        seller.bank_details.contains("account 1234 5678") && january.memo.is_empty(),
        "{seller:?} {}",
        january.memo
    );
    assert_eq!(
        january.usage_month.as_ref().map(|usage_month| usage_month.postpaid_agreement.clone()),
        Some(agreement.name.clone())
    );
    assert_eq!(
        posted(&desk.owner, &desk.wallet).await,
        amount("AUD", 0, 0),
        "closing leaves the wallet at zero"
    );
    let booked = invariants::booked(world).await;
    assert!(
        booked.contains(&("RECEIVABLE".to_owned(), -250)),
        "the part that was used: {booked:?}"
    );
    let answer =
        import(&desk.owner, camt_in("AUD", &[("1100.00", &january.number, "P1")])).await.unwrap();
    paid(&desk.owner, &answer.bank_lines[0].name).await;
    assert_eq!(read(&desk.owner, &january.name).await.unwrap().state(), State::Paid);
    used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 1_200, 50)).await.unwrap();
    advance(world, first_of(3)).await;
    let february = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    assert_eq!(
        (february.lines.len(), february.net.clone()),
        (1, amount("AUD", 1_200, 50)),
        "more than the commitment"
    );
    // A month without any use costs the commitment; after the twelfth it ends.
    advance(world, first_of(13)).await;
    let all = invoices_of(&desk.admin, &desk.customer).await;
    assert_eq!(
        (all.len(), all[0].net.clone(), all[0].lines.len()),
        (12, amount("AUD", 1_000, 0), 1)
    );
    let ended = desk.agreement(&agreement.name).await;
    assert_eq!((ended.state(), ended.billed_month_count), (postpaid_agreement::State::Ended, 12));
    let after =
        used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 1, 0)).await.unwrap_err();
    assert_eq!(reason(&after), "INSUFFICIENT_FUNDS");
    advance(world, first_of(15)).await;
    assert_eq!(invoices_of(&desk.admin, &desk.customer).await.len(), 12);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

pub(crate) async fn a_termination_invoices_the_rest_of_the_commitment(world: &World) {
    let desk = desk(world).await;
    advance(world, START + 14 * DAY).await;
    let agreement = desk.approved().await;
    assert_eq!(
        agreement.first_month.as_ref().map(|day| (day.month, day.day)),
        Some((2, 1)),
        "the next first"
    );
    used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 40, 0)).await.unwrap();
    advance(world, first_of(2)).await;
    assert_eq!(
        invoices_of(&desk.admin, &desk.customer).await[0].net,
        amount("AUD", 40, 0),
        "not a committed month yet"
    );
    used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 400, 0)).await.unwrap();
    let end = TerminatePostpaidRequest {
        request_id: request_id(),
        name: agreement.name.clone(),
        explanation: "Moved away".into(),
        ..Default::default()
    };
    assert_eq!(
        desk.admin.postpaid().terminate_postpaid(end.clone()).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let ended = desk
        .owner
        .postpaid()
        .terminate_postpaid(end.clone())
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(
        (ended.state(), ended.explanation.as_str()),
        (postpaid_agreement::State::Terminated, "Moved away")
    );
    let again = desk
        .owner
        .postpaid()
        .terminate_postpaid(end)
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(again, ended);
    let all =
        until(async || Ok(invoices_of(&desk.admin, &desk.customer).await), |all| all.len() == 2)
            .await;
    let last = all.into_iter().find(|invoice| invoice.lines.len() == 3).unwrap();
    let lines: Vec<_> = last.lines.iter().map(|line| line.amount.as_ref().unwrap().units).collect();
    assert_eq!((lines, last.net.clone()), (vec![400, 600, 11_000], amount("AUD", 12_000, 0)));
    assert_eq!(posted(&desk.owner, &desk.wallet).await, amount("AUD", 0, 0));
    let owed = desk
        .admin
        .invoices()
        .get_outstanding(GetOutstandingRequest { parent: desk.customer.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(owed.outstanding[0].open, amount("AUD", 13_244, 0));
    advance(world, first_of(4)).await;
    assert_eq!(invoices_of(&desk.admin, &desk.customer).await.len(), 2);
    let list = ListPostpaidAgreementsRequest { parent: desk.wallet.clone(), ..Default::default() };
    assert_eq!(
        desk.admin
            .postpaid()
            .list_postpaid_agreements(list)
            .await
            .unwrap()
            .into_inner()
            .postpaid_agreements,
        [ended]
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn somebody_decides_and_figures_must_fit(world: &World) {
    let desk = desk(world).await;
    let why = async |request: RequestPostpaidRequest| {
        reason(&desk.admin.postpaid().request_postpaid(request).await.unwrap_err())
    };
    assert_eq!(why(desk.ask(999, 3_000)).await, "BELOW_MINIMUM");
    assert_eq!(why(desk.ask(2_000, 1_999)).await, "FIELD_OUT_OF_RANGE");
    let foreign = RequestPostpaidRequest {
        parent: desk.wallet.replace("acme", "other"),
        ..desk.ask(1_000, 3_000)
    };
    assert_eq!(
        reason(&desk.owner.postpaid().request_postpaid(foreign).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    let requested = desk.requested().await;
    assert_eq!(why(desk.ask(1_000, 3_000)).await, "POSTPAID_STATE", "one at a time");
    for role in ["STAFF", "SERVICE"] {
        assert_eq!(
            decide(&world.someone(role, None), &requested.name, true).await.unwrap_err().code(),
            Code::PermissionDenied
        );
    }
    assert_eq!(
        decide(&desk.admin, &requested.name, true).await.unwrap_err().code(),
        Code::PermissionDenied,
        "never one's own"
    );
    let refused = decide(&desk.owner, &requested.name, false).await.unwrap();
    assert_eq!(refused.state(), postpaid_agreement::State::Refused);
    assert_eq!(
        reason(&decide(&desk.owner, &requested.name, true).await.unwrap_err()),
        "POSTPAID_STATE"
    );
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet: desk.wallet.clone(),
        amount: amount("AUD", 10, 0),
        description: "Number".into(),
        unlisted: false,
    };
    desk.owner.postings().post_fee(fee).await.unwrap();
    let requested = desk.requested().await;
    assert_eq!(
        reason(&decide(&desk.owner, &requested.name, true).await.unwrap_err()),
        "BALANCE_NEGATIVE"
    );
    grant(world, &desk.wallet, amount("AUD", 15, 0), 0).await;
    let other = DecidePostpaidRequest {
        request_id: request_id(),
        name: requested.name,
        approve: true,
        monthly_commitment: amount("AUD", 1_500, 0),
        limit: amount("AUD", 2_000, 0),
        explanation: "A little more".into(),
        ..Default::default()
    };
    let decided = desk
        .owner
        .postpaid()
        .decide_postpaid(other)
        .await
        .unwrap()
        .into_inner()
        .postpaid_agreement
        .unwrap();
    assert_eq!(
        (decided.monthly_commitment, decided.limit),
        (amount("AUD", 1_500, 0), amount("AUD", 2_000, 0))
    );
    // Credit that is there is used first, and new credit does not pay what accrues.
    used(&desk.service, &desk.wallet, "calls", "1", amount("AUD", 8, 0)).await.unwrap();
    grant(world, &desk.wallet, amount("AUD", 100, 0), 0).await;
    assert_eq!(posted(&desk.owner, &desk.wallet).await, amount("AUD", 97, 0));
    invariants::hold(world).await;
}
