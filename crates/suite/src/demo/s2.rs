//! S2: the customer proposes to pay in parts, the seller answers: refused with a word, countered,
//! approved; the instalments are collected month by month.

mod collected;

use super::{
    s3::mails,
    stage::{Stage, TENANT, must_hold, sentence_of, shown, shown_day},
};
use crate::client::{amount, request_id};
use chrono::TimeDelta;
use collected::collected;
use payterms_proto::{
    invoicing::v1::{
        CreateInvoiceRequest, CreatePaymentRequest, FinalizeInvoiceRequest, GetInvoiceRequest,
        Invoice, InvoiceLine, InvoiceToPay, ListInvoicesRequest, MailKind, PaymentTerm,
        TenderToUse, block::Reason, invoice, payment_term, tender_to_use::Source,
    },
    plans::v1::{
        AcceptCounterOfferRequest, CounterPlanRequest, GetPlanRequest, GetProposalOptionsRequest,
        ListPlanHistoryRequest, ListPlansRequest, Plan, PlanSettings, PreviewPlanRequest,
        ProposePlanRequest, RefusePlanRequest, Schedule, UpdatePlanSettingsRequest,
        plan::State,
        schedule::{Interval, Kind},
    },
};
use prost_types::FieldMask;

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title("S2  Pay in parts: the customer proposes, the seller answers.");
    let admin = stage.someone("CUSTOMER_ADMIN")?;
    let ask = GetProposalOptionsRequest { parent: stage.customer.clone() };
    let before = admin
        .plan_settings()
        .get_proposal_options(ask.clone())
        .await
        .map_err(sentence_of)?
        .into_inner();
    must_hold(!before.proposals_allowed, "proposals are off until the owner allows them")?;
    allow(stage).await?;
    let options =
        admin.plan_settings().get_proposal_options(ask).await.map_err(sentence_of)?.into_inner();
    must_hold(options.proposals_allowed, "the customer may propose now")?;
    stage.print_step(
        "Brightside admin",
        &format!(
            "sees that plans can be proposed: {} instalments, {} days at most.",
            options.max_instalments, options.max_duration_days
        ),
    );
    let invoices = [invoice(stage, 70, 1).await?, invoice(stage, 30, 0).await?];
    refused(stage, &invoices).await?;
    agreed(stage, &invoices).await
}

async fn allow(stage: &Stage) -> Result<(), String> {
    let settings = PlanSettings {
        name: format!("tenants/{TENANT}/planSettings"),
        proposals_allowed: true,
        ..PlanSettings::default()
    };
    let mask = FieldMask { paths: vec!["proposals_allowed".to_owned()] };
    let update = UpdatePlanSettingsRequest {
        request_id: request_id(),
        plan_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    stage
        .someone("OWNER")?
        .plan_settings()
        .update_plan_settings(update)
        .await
        .map_err(sentence_of)?;
    stage.print_step("Owner", "allows customers to propose payment plans.");
    Ok(())
}

async fn invoice(stage: &Stage, units: i64, cents: i32) -> Result<Invoice, String> {
    let owner = stage.someone("OWNER")?;
    let line = InvoiceLine {
        description: "Handsets".to_owned(),
        unit_price: amount("USD", units, cents),
        ..InvoiceLine::default()
    };
    let draft = Invoice {
        currency_code: "USD".to_owned(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 14 }),
        lines: vec![line],
        ..Invoice::default()
    };
    let create = CreateInvoiceRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoice: Some(draft),
        ..Default::default()
    };
    let draft = owner
        .invoices()
        .create_invoice(create)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .unwrap_or_default();
    let finalize = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: draft.name,
        etag: String::new(),
        ..Default::default()
    };
    owner
        .invoices()
        .finalize_invoice(finalize)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoice
        .ok_or_else(|| "no invoice came back".to_owned())
}

fn monthly(count: i32) -> Schedule {
    Schedule {
        kind: Kind::Instalments.into(),
        interval: Interval::Monthly.into(),
        instalment_count: count,
        day_of_month: 31,
        ..Schedule::default()
    }
}

fn dates(plan: &Plan) -> String {
    let part = |instalment: &payterms_proto::plans::v1::Instalment| {
        format!("{} on {}", shown(instalment.amount.as_ref()), shown_day(instalment.due_date))
    };
    plan.instalments.iter().map(part).collect::<Vec<_>>().join(", ")
}

async fn propose(stage: &Stage, invoices: &[Invoice], schedule: Schedule) -> Result<Plan, String> {
    let plans = stage.someone("CUSTOMER_ADMIN")?;
    let names: Vec<_> = invoices.iter().map(|invoice| invoice.name.clone()).collect();
    let note = "We wait for a payment ourselves.".to_owned();
    let preview = PreviewPlanRequest {
        parent: stage.customer.clone(),
        invoices: names.clone(),
        schedule: Some(schedule),
        collect_automatically: true,
        note: note.clone(),
    };
    let shown = plans
        .plans()
        .preview_plan(preview)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .unwrap_or_default();
    let request = ProposePlanRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoices: names,
        schedule: Some(schedule),
        collect_automatically: true,
        note,
        ..Default::default()
    };
    let plan = plans
        .plans()
        .propose_plan(request)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .unwrap_or_default();
    must_hold(
        shown.instalments == plan.instalments && plan.state() == State::Proposed,
        "what was previewed is stored",
    )?;
    stage.print_step("Brightside admin", &format!("proposes to pay {}.", dates(&plan)));
    Ok(plan)
}

/// The invoices that are blocked for a reason.
async fn blocked(stage: &Stage, reason: Reason) -> Result<Vec<Invoice>, String> {
    let list = ListInvoicesRequest {
        parent: stage.customer.clone(),
        block_reason: reason.into(),
        ..Default::default()
    };
    Ok(stage
        .someone("STAFF")?
        .invoices()
        .list_invoices(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoices)
}

/// The first proposal is refused with a word: the blocks fall, reminders go on.
async fn refused(stage: &mut Stage, invoices: &[Invoice]) -> Result<(), String> {
    let staff = stage.someone("STAFF")?;
    let plan = propose(stage, invoices, monthly(6)).await?;
    let held = blocked(stage, Reason::PaymentPlanProposed).await?;
    let owner =
        |invoice: &Invoice| invoice.block.as_ref().is_some_and(|block| block.owner == plan.name);
    must_hold(
        held.len() == 2 && held.iter().all(owner),
        "both invoices are blocked at once, and lead to the proposal",
    )?;
    let covering = ListPlansRequest {
        parent: format!("tenants/{TENANT}"),
        invoice: held.first().map(|invoice| invoice.name.clone()).unwrap_or_default(),
        ..Default::default()
    };
    let found = staff.plans().list_plans(covering).await.map_err(sentence_of)?.into_inner().plans;
    must_hold(
        found.first().is_some_and(|each| each.name == plan.name),
        "and the invoice is found from the plan",
    )?;
    stage.print_step("Support", "filters the invoices by PAYMENT_PLAN_PROPOSED: two, each names the plan; goes to the proposal.");
    let no = RefusePlanRequest {
        request_id: request_id(),
        name: plan.name,
        explanation: "Three months at most, please.".to_owned(),
    };
    let answer = staff
        .plans()
        .refuse_plan(no)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .unwrap_or_default();
    must_hold(
        answer.state() == State::Refused
            && blocked(stage, Reason::PaymentPlanProposed).await?.is_empty(),
        "a refusal lifts the blocks",
    )?;
    stage.print_step(
        "Support",
        &format!("refuses: “{}” The blocks are lifted, reminders go on.", answer.explanation),
    );
    let reminders = mails(stage, MailKind::Reminder).await?;
    stage.advance(stage.now + TimeDelta::days(17)).await?;
    must_hold(mails(stage, MailKind::Reminder).await? > reminders, "reminders have gone on")?;
    must_hold(
        mails(stage, MailKind::PlanRefused).await? == 1
            && mails(stage, MailKind::PlanReceived).await? == 1,
        "both sides had their mails",
    )
}

/// The second is countered, accepted, part-paid ahead, and collected to its end.
async fn agreed(stage: &mut Stage, invoices: &[Invoice]) -> Result<(), String> {
    let (admin, staff) = (stage.someone("CUSTOMER_ADMIN")?, stage.someone("STAFF")?);
    let plan = propose(stage, invoices, monthly(4)).await?;
    let offer = CounterPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        schedule: Some(monthly(3)),
        explanation: String::new(),
        ..Default::default()
    };
    let countered = staff
        .plans()
        .counter_plan(offer)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .unwrap_or_default();
    must_hold(countered.state() == State::Countered, "the seller offers another schedule")?;
    stage.print_step("Support", "offers three months instead.");
    let accept = AcceptCounterOfferRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: countered.open,
    };
    let active = admin
        .plans()
        .accept_counter_offer(accept)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .unwrap_or_default();
    must_hold(
        active.state() == State::Active && active.instalments.len() == 3,
        "accepted, it is active",
    )?;
    must_hold(
        blocked(stage, Reason::PaymentPlanActive).await?.len() == 2,
        "the blocks are replaced",
    )?;
    stage.print_step("Brightside admin", &format!("accepts: {}.", dates(&active)));
    let ahead = CreatePaymentRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoices: invoices
            .iter()
            .map(|invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None })
            .collect(),
        tenders: vec![TenderToUse {
            source: Some(Source::PaymentMethod(String::new())),
            amount: amount("USD", 10, 0),
        }],
        currency_code: String::new(),
        ..Default::default()
    };
    admin.payments().create_payment(ahead).await.map_err(sentence_of)?;
    stage.print_step("Brightside admin", "pays 10.00 USD ahead: it goes to the first instalment.");
    collected(stage, &active).await?;
    let done = read(stage, &plan.name).await?;
    must_hold(
        done.state() == State::Completed
            && blocked(stage, Reason::PaymentPlanActive).await?.is_empty(),
        "the plan is completed",
    )?;
    for invoice in invoices {
        let get = GetInvoiceRequest { name: invoice.name.clone() };
        let now = admin
            .invoices()
            .get_invoice(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .invoice
            .unwrap_or_default();
        must_hold(now.state() == invoice::State::Paid, "its invoices are paid")?;
    }
    let history = ListPlanHistoryRequest { parent: plan.name, ..ListPlanHistoryRequest::default() };
    let entries =
        staff.plans().list_plan_history(history).await.map_err(sentence_of)?.into_inner().entries;
    let verbs: Vec<_> = entries
        .iter()
        .map(|plan_history_entry| {
            format!(
                "{} ({})",
                plan_history_entry.verb,
                plan_history_entry.actor.rsplit(':').next().unwrap_or_default()
            )
        })
        .collect();
    must_hold(
        mails(stage, MailKind::InstalmentDue).await? == 3
            && mails(stage, MailKind::PlanCompleted).await? == 1,
        "each date is mailed ahead",
    )?;
    stage.print_step("Plan", &format!("is COMPLETED: {}.", verbs.join(", ")));
    Ok(())
}

async fn read(stage: &Stage, name: &str) -> Result<Plan, String> {
    let get = GetPlanRequest { name: name.to_owned() };
    stage
        .someone("STAFF")?
        .plans()
        .get_plan(get)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .plan
        .ok_or_else(|| "no plan came back".to_owned())
}
