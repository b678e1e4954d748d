//! Proposals of which no plan is made: every reason why not is named at once, and a schedule that
//! does not fit its kind is refused whole.

use crate::{
    collections::{Desk, desk},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::{draft, issued, line},
    plans::{allow, deferral, monthly, proposal, propose, usd},
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{
        BlockInvoiceRequest, CreatePaymentRequest, Invoice, InvoiceToPay,
        RecordOutsidePaymentRequest, TenderToUse, block::Reason, tender_to_use::Source,
    },
    plans::v1::{
        PlanSettings, PreviewPlanRequest, Schedule, WithdrawPlanRequest,
        plan::State,
        schedule::{Interval, Kind},
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason, violations};
use tonic_types::StatusExt;

on_both!(
    every_reason_why_not_comes_at_once,
    a_schedule_that_does_not_fit_its_kind_is_refused_whole,
);

pub(crate) async fn every_reason_why_not_comes_at_once(world: &World) {
    let desk = desk(world, None).await;
    let off =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], monthly(3, 31))).await;
    // Plans may not have heard of the tenant yet.
    assert!(off.is_err_and(|status| {
        ["FEATURE_DISABLED", "TENANT_UNKNOWN_YET"].contains(&reason(&status).as_str())
    }));
    let bounds = PlanSettings {
        max_instalments: 3,
        max_duration_days: 60,
        min_instalments: vec![usd(40, 0)],
        ..PlanSettings::default()
    };
    allow(&desk.owner, bounds, &["max_instalments", "max_duration_days", "min_instalments"]).await;
    let other =
        issued(&desk.owner, draft(&desk.customer, "AUD", vec![line("Other", amount("AUD", 7, 0))]))
            .await;
    let paid =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Paid", amount("USD", 5, 0))]))
            .await;
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: paid.name.clone(), amount: None }],
        amount: None,
        reference: "Cash".into(),
        receive_date: None,
        ..Default::default()
    };
    desk.owner.payments().record_outside_payment(outside).await.unwrap();
    let disputed = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Disputed", amount("USD", 6, 0))]),
    )
    .await;
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: disputed.name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    desk.owner.collections().block_invoice(block).await.unwrap();
    let announced = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay {
            invoice: desk.invoice.name.clone(),
            amount: amount("USD", 10, 0),
        }],
        tenders: vec![TenderToUse { source: Some(Source::BankTransfer(true)), amount: None }],
        ..Default::default()
    };
    desk.admin.payments().create_payment(announced).await.unwrap();
    let all = proposal(&desk.customer, &[&desk.invoice, &other, &paid, &disputed], monthly(4, 31));
    let refused = propose(&desk.admin, all).await.unwrap_err();
    let mut found: Vec<_> = refused
        .get_error_details()
        .precondition_failure()
        .unwrap()
        .violations
        .iter()
        .map(|precondition_violation| precondition_violation.r#type.clone())
        .collect();
    found.sort_unstable();
    let expected = [
        "CURRENCY_MISMATCH",
        "DURATION_TOO_LONG",
        "INSTALMENT_TOO_SMALL",
        "INVOICE_BLOCKED",
        "INVOICE_STATE",
        "PAYMENT_PENDING",
        "TOO_MANY_INSTALMENTS",
    ];
    assert_eq!(
        (reason(&refused).as_str(), found),
        ("INVOICE_STATE", expected.map(str::to_owned).to_vec())
    );
    invoices_of_another_customer_make_no_plan(world, &desk, &other).await;
    proposals_are_counted(&desk).await;
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn invoices_of_another_customer_make_no_plan(world: &World, desk: &Desk, other: &Invoice) {
    let staff = world.someone("STAFF", None);
    let another = world.customer("acme", "GB").await;
    let alien =
        issued(&desk.owner, draft(&another, "USD", vec![line("Other", amount("USD", 7, 0))])).await;
    let both = proposal(&desk.customer, &[other, &alien], monthly(2, 31));
    let preview = PreviewPlanRequest {
        parent: both.parent.clone(),
        invoices: both.invoices.clone(),
        schedule: both.schedule,
        ..Default::default()
    };
    let mixed = staff.plans().preview_plan(preview).await.unwrap_err();
    assert_eq!(violations(&mixed), ["invoices[1]: RESOURCE_NAME_INVALID"], "two customers");
    assert_eq!(
        reason(&propose(&desk.admin, both).await.unwrap_err()),
        "RESOURCE_NOT_FOUND",
        "who may not see it learns nothing"
    );
}

async fn proposals_are_counted(desk: &Desk) {
    let small = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Small", amount("USD", 80, 0))]),
    )
    .await;
    let two = || proposal(&desk.customer, &[&small], monthly(2, 15));
    for _ in 0..2 {
        let plan = propose(&desk.admin, two()).await.unwrap();
        let again = propose(&desk.admin, two()).await.unwrap_err();
        assert!(
            ["INVOICE_BLOCKED", "PROPOSAL_LIMIT"].contains(&reason(&again).as_str()),
            "{again:?}"
        );
        let withdraw = WithdrawPlanRequest { request_id: request_id(), name: plan.name };
        let withdrawn =
            desk.admin.plans().withdraw_plan(withdraw).await.unwrap().into_inner().plan.unwrap();
        assert_eq!(withdrawn.state(), State::Withdrawn);
    }
    assert_eq!(reason(&propose(&desk.admin, two()).await.unwrap_err()), "PROPOSAL_LIMIT");
    let late = propose(&desk.admin, proposal(&desk.customer, &[&small], deferral(2026, 1, 1)))
        .await
        .unwrap_err();
    assert_eq!(violations(&late), ["schedule.date: DATE_IN_PAST"]);
}

async fn a_schedule_that_does_not_fit_its_kind_is_refused_whole(world: &World) {
    let desk = desk(world, None).await;
    let wrong = async |schedule: Schedule| {
        violations(
            &propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], schedule))
                .await
                .unwrap_err(),
        )
    };
    let says = |fields: &[&str]| {
        fields.iter().map(|field| format!("schedule.{field}: SCHEDULE_INVALID")).collect::<Vec<_>>()
    };
    for count in [-1, 0, 1, 121] {
        assert_eq!(wrong(monthly(count, 1)).await, says(&["instalment_count"]), "{count}");
    }
    for day in [-1, 0, 32] {
        assert_eq!(wrong(monthly(2, day)).await, says(&["day_of_month"]), "{day}");
    }
    let both = Schedule {
        date: Some(Date { year: 2026, month: 5, day: 1 }),
        day_of_week: 1,
        ..monthly(0, 0)
    };
    assert_eq!(
        wrong(both).await,
        says(&["instalment_count", "date", "day_of_month", "day_of_week"]),
        "all at once"
    );
    let weekly = Schedule { interval: Interval::Weekly.into(), ..monthly(2, 5) };
    assert_eq!(wrong(weekly).await, says(&["day_of_month"]));
    let deferral =
        Schedule { date: None, ..Schedule { kind: Kind::SingleDeferral.into(), ..monthly(2, 5) } };
    assert_eq!(wrong(deferral).await, says(&["date", "instalment_count", "interval"]));
    let no_day = Schedule {
        kind: Kind::SingleDeferral.into(),
        date: Some(Date { year: 2026, month: 2, day: 30 }),
        ..Schedule::default()
    };
    assert_eq!(wrong(no_day).await, ["schedule.date: DATE_INVALID"]);
    let nothing = Schedule::default();
    assert!(wrong(nothing).await.contains(&"schedule.kind: ENUM_INVALID".to_owned()));
    invariants::hold(world).await;
}
