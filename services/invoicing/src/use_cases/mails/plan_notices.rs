//! What is mailed when a payment plan moves, when an instalment comes near, when one could not be
//! collected.

use super::{
    collection_notices::PlannedBecause,
    plan_standing::{after_breach, declined_method, freed_invoices, has_no_method, is_disputed},
    write::{Letter, flag, method, tried_method, write_to_customer, write_to_tenant},
};
use crate::{
    documents::wording::Language,
    store::{customers, method_copies, tenants},
    use_cases::collections::{follow_method::last_day, outlook::collection_method},
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, instant_of, money_of},
};
use payterms_invoicing_domain::{Customer, MailKind};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::{
    google::r#type::Money,
    plans::v1::{Instalment, Plan, PlanChanged, PlanHistoryEntry},
};
use prost_types::Timestamp;
use serde_json::{Value, json};

/// Who is told of an edge, and with which mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Notice {
    Customer(MailKind),
    Tenant(MailKind),
}

fn notices_of_verb(verb: &str) -> &'static [Notice] {
    match verb {
        "SEND" => &[Notice::Tenant(MailKind::PlanReceived)],
        "COUNTER" => &[Notice::Customer(MailKind::PlanCountered)],
        "DECLINE_COUNTER" | "WITHDRAW" => &[Notice::Tenant(MailKind::PlanAnswered)],
        "APPROVE" => &[Notice::Customer(MailKind::PlanApproved)],
        "ACCEPT_COUNTER" => {
            &[Notice::Customer(MailKind::PlanApproved), Notice::Tenant(MailKind::PlanAnswered)]
        }
        "REFUSE" => &[Notice::Customer(MailKind::PlanRefused)],
        "LAPSE" => &[Notice::Customer(MailKind::PlanLapsed)],
        "MISS" => &[Notice::Customer(MailKind::PlanLate)],
        "CATCH_UP" | "REINSTATE" => &[Notice::Customer(MailKind::PlanResumed)],
        "BREACH" => &[Notice::Customer(MailKind::PlanBreached)],
        "UNDO_BREACH" => &[Notice::Customer(MailKind::PlanBreachUndone)],
        "REOPEN" => &[Notice::Customer(MailKind::PlanReopened)],
        "CANCEL" => &[Notice::Customer(MailKind::PlanCancelled)],
        "COMPLETE" => &[Notice::Customer(MailKind::PlanCompleted)],
        _ => &[],
    }
}

/// Mails what a plan's event tells. A snapshot tells no edge.
///
/// # Errors
/// `Fault` for a name that is none.
pub async fn mail_plan(tx: &mut WriteTx, event: &PlanChanged) -> Result<(), AppError> {
    let Some(plan) = &event.plan else { return Ok(()) };
    let name = names::parse(&plan.name, &["customers", "plans"])
        .ok_or_else(|| AppError::Fault(format!("plan {:?}", plan.name)))?;
    let customer: Id<Customer> = Id::from_uuid(name.id(0));
    let page = format!("/plans/{}", name.id(1));
    // What was late for a moment only, because it ended or was paid at once, is not told as late.
    let is_over = |verb: &str| {
        verb == "MISS"
            && event.edges.iter().any(|edge| matches!(edge.verb.as_str(), "BREACH" | "CATCH_UP"))
    };
    for edge in event.edges.iter().filter(|edge| !is_over(&edge.verb)) {
        for notice in notices_of_verb(&edge.verb) {
            match notice {
                Notice::Customer(kind) => {
                    notify_customer(tx, customer, &page, *kind, plan, None).await?;
                }
                Notice::Tenant(kind) => notify_tenant(tx, customer, *kind, plan, edge).await?,
            }
        }
    }
    if let Some(instalment) = event.announced.clone() {
        let on = event.announced_date.as_ref().or(instalment.due_date.as_ref()).and_then(date_of);
        notify_customer(tx, customer, &page, MailKind::InstalmentDue, plan, Some((instalment, on)))
            .await?;
    }
    let tried = names::parse(&event.collection_method, &["customers", "paymentMethods"])
        .map(|method| method.id(1));
    let tried = match tried {
        Some(method) => method_copies::find(tx.conn(), &tx.call().tenant, customer, method).await?,
        None => None,
    };
    let next = plan
        .collection
        .as_ref()
        .and_then(|plan_collection| plan_collection.next_attempt_time.as_ref())
        .and_then(instant_of);
    if let Some(day) = next.map(|at| day_in(tx.time().zone, at)).filter(|_| event.tries_new_method)
    {
        notify_of_collection(
            tx,
            customer,
            &page,
            plan,
            day,
            PlannedBecause::NewMethod(tried.clone()),
        )
        .await?;
    }
    if let Some(day) = event.collection_goes_on_date.as_ref().and_then(date_of) {
        let because = if event.collection_has_method {
            PlannedBecause::Waited(tried)
        } else {
            PlannedBecause::WaitedInVain
        };
        notify_of_collection(tx, customer, &page, plan, day, because).await?;
    }
    if event.collection_failed {
        notify_customer(tx, customer, &page, MailKind::InstalmentFailed, plan, None).await?;
    }
    Ok(())
}

async fn notify_customer(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    page: &str,
    kind: MailKind,
    plan: &Plan,
    announced: Option<(Instalment, Option<NaiveDate>)>,
) -> Result<(), AppError> {
    let zone = tx.time().zone;
    let day =
        |time: Option<Timestamp>| time.as_ref().and_then(instant_of).map(|at| day_in(zone, at));
    let (answer_by, next_try) = (
        day(plan.answer_before_time),
        day(plan.collection.as_ref().and_then(|plan_collection| plan_collection.next_attempt_time)),
    );
    let (announced, announced_on) = announced.unzip();
    let next = announced.or_else(|| plan.next_instalment.clone());
    let seller = tenants::find(tx.conn(), &tx.call().tenant).await?;
    let due = announced_on
        .flatten()
        .or(next.as_ref().and_then(|instalment| instalment.due_date.as_ref()).and_then(date_of));
    let failure = plan
        .collection
        .as_ref()
        .map(|plan_collection| plan_collection.failure_reason.clone())
        .unwrap_or_default();
    let no_method = has_no_method(tx, customer, kind, due, &failure).await?;
    let payment_methods_changed =
        method_copies::of_customer(tx.conn(), &tx.call().tenant, customer)
            .await?
            .unwrap_or_default();
    let planned = collection_method(&payment_methods_changed)
        .filter(|payment_method| next_try.is_some_and(|day| day <= last_day(payment_method)))
        .cloned();
    let freed =
        if kind == MailKind::PlanBreached { freed_invoices(tx, plan).await? } else { Vec::new() };
    // Who is told that it is taken by itself is not told where to transfer it.
    let is_taken = match kind {
        MailKind::InstalmentDue => plan.collect_automatically && !no_method,
        MailKind::InstalmentFailed | MailKind::PlanLate => planned.is_some(),
        MailKind::PlanBreached => freed.iter().all(|(_, outlook)| outlook.takes()),
        _ => false,
    };
    let bank_details =
        seller.filter(|_| !is_taken).map(|tenant| tenant.business.bank_details).unwrap_or_default();
    let disputed = kind == MailKind::PlanReopened && is_disputed(tx, plan).await?;
    let named = match kind {
        MailKind::InstalmentFailed => declined_method(tx, customer, plan).await?,
        MailKind::PlanApproved | MailKind::InstalmentDue => {
            collection_method(&payment_methods_changed).cloned()
        }
        _ => None,
    };
    let pay_by = plan.breach_after_date.as_ref().and_then(date_of);
    let tries_new_method = pay_by.is_none_or(|last| tx.today() < last);
    let letter = Letter {
        kind,
        variables: |language| {
            let mut variables = common(plan, language);
            let shown = |day: Option<NaiveDate>| {
                Value::from(day.map(|day| language.date(day)).unwrap_or_default())
            };
            let left =
                next.as_ref().and_then(unpaid).map(|left| language.money(left)).unwrap_or_default();
            let offered = plan.counter_offer.as_ref().filter(|_| kind == MailKind::PlanCountered);
            if let Some(offer) = offered {
                variables.push(("instalments", parts(&offer.instalments, language)));
            }
            variables.extend([
                ("answer_by", shown(answer_by)),
                ("next_amount", left.into()),
                ("next_date", shown(due)),
                ("bank_details", bank_details.into()),
                ("grace_end", shown(plan.grace_end_date.as_ref().and_then(date_of))),
                ("next_try", shown(next_try)),
                (
                    "planned_method",
                    planned
                        .as_ref()
                        .map(|payment_method| method(language, Some(payment_method)))
                        .unwrap_or_default()
                        .into(),
                ),
                ("pay_by", shown(pay_by)),
                ("tries_new_method", flag(tries_new_method).into()),
                ("reason", language.failure(&failure).into()),
                ("no_method", flag(no_method).into()),
                ("disputed", flag(disputed).into()),
                ("method", tried_method(language, named.as_ref()).into()),
            ]);
            if kind == MailKind::PlanBreached {
                variables.extend(after_breach(&freed, language));
            }
            variables
        },
        page: page.to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
}

/// Instalments are collected on a day that could not be collected, or waited.
async fn notify_of_collection(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    page: &str,
    plan: &Plan,
    day: NaiveDate,
    because: PlannedBecause,
) -> Result<(), AppError> {
    let due = plan.instalments.iter().filter(|instalment| {
        instalment.due_date.as_ref().and_then(date_of).is_some_and(|due| due <= day)
    });
    let mut sum: Option<payterms_kernel::Money> = None;
    for left in due.filter_map(unpaid) {
        sum = Some(sum.map_or(Ok(left), |sum| sum.plus(left))?);
    }
    let numbers = plan
        .invoices
        .iter()
        .map(|covered_invoice| covered_invoice.number.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let bank_details = because.bank_details(tx).await?;
    let letter = Letter {
        kind: MailKind::CollectionPlanned,
        variables: |language| {
            let amount = sum.map(|sum| language.money(sum)).unwrap_or_default();
            let mut variables = vec![
                ("items", json!([{ "name": numbers, "amount": amount }])),
                ("date", language.date(day).into()),
            ];
            variables.extend(because.variables(language));
            variables.push(("bank_details", bank_details.into()));
            variables
        },
        page: page.to_owned(),
        attachments: Vec::new(),
    };
    write_to_customer(tx, customer, letter).await
}

/// The tenant reads English.
async fn notify_tenant(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    kind: MailKind,
    plan: &Plan,
    edge: &PlanHistoryEntry,
) -> Result<(), AppError> {
    let language = Language::English;
    let tenant = tx.call().tenant.clone();
    let buyer = customers::find(tx.conn(), &tenant, customer)
        .await?
        .map(|customer| customer.legal_name)
        .unwrap_or_default();
    let answer_by = plan
        .answer_before_time
        .as_ref()
        .and_then(instant_of)
        .map(|at| language.date(day_in(tx.time().zone, at)))
        .unwrap_or_default();
    let mut variables = common(plan, language);
    variables.extend([
        ("buyer", buyer.into()),
        ("note", plan.note.clone().into()),
        ("answer_by", answer_by.into()),
        ("answer", edge.verb.clone().into()),
    ]);
    write_to_tenant(tx, kind, variables).await
}

fn common(plan: &Plan, language: Language) -> Vec<(&'static str, Value)> {
    let numbers = plan
        .invoices
        .iter()
        .map(|covered_invoice| covered_invoice.number.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let open =
        plan.open.as_ref().and_then(money_of).map(|open| language.money(open)).unwrap_or_default();
    let flag = |holds: bool| Value::from(flag(holds));
    vec![
        ("invoices", numbers.into()),
        ("open", open.into()),
        ("instalments", parts(&plan.instalments, language)),
        ("explanation", plan.explanation.clone().into()),
        ("automatic", flag(plan.collect_automatically)),
        ("accelerates", flag(plan.due_at_once_on_breach)),
        (
            "nothing_open",
            flag(plan.open.as_ref().and_then(money_of).is_some_and(|open| !open.is_positive())),
        ),
    ]
}

fn parts(instalments: &[Instalment], language: Language) -> Value {
    let part = |instalment: &Instalment| {
        let amount = instalment
            .amount
            .as_ref()
            .and_then(money_of)
            .map(|amount| language.money(amount))
            .unwrap_or_default();
        json!({ "date": instalment.due_date.as_ref().and_then(date_of).map(|day| language.date(day)).unwrap_or_default(), "amount": amount })
    };
    instalments.iter().map(part).collect::<Vec<_>>().into()
}

fn unpaid(instalment: &Instalment) -> Option<payterms_kernel::Money> {
    let part = |money: &Option<Money>| money.as_ref().and_then(money_of);
    part(&instalment.amount)?.minus(part(&instalment.paid)?).ok()
}
