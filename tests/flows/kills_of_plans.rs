//! Plans or invoicing is killed with SIGKILL at each point of propose, approve and refuse, each in
//! a process of its own: no invoice is ever blocked without a plan, no plan lives without its
//! blocks.

use crate::{
    invariants,
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line, read},
    plans::{allow, monthly, proposal},
    rig::{self, People, Rig, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    invoicing::v1::{
        BlockInvoiceRequest, Invoice, InvoiceToPay, RecordOutsidePaymentRequest, block::Reason,
    },
    plans::v1::{
        ApprovePlanRequest, ListPlansRequest, Plan, PlanSettings, RefusePlanRequest, plan::State,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::reason;

/// The verbs whose flows are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Propose,
    Approve,
    Refuse,
}

/// Every point that each flow passes, by the service that dies there.
const POINTS: [(Verb, &str, &str); 21] = [
    (Verb::Propose, "plans", "plan.before_intent"),
    (Verb::Propose, "plans", "plan.after_intent"),
    (Verb::Propose, "plans", "plan.after_block"),
    (Verb::Propose, "plans", "plan.before_record"),
    (Verb::Propose, "plans", "plan.after_record"),
    (
        Verb::Propose,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Verb::Propose,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (Verb::Approve, "plans", "commit.before /payterms.plans.v1.PlanService/ApprovePlan"),
    (Verb::Approve, "plans", "plan.after_answer"),
    (Verb::Approve, "plans", "plan.after_block"),
    (Verb::Approve, "plans", "plan.before_record"),
    (Verb::Approve, "plans", "plan.after_record"),
    (
        Verb::Approve,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Verb::Approve,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (Verb::Refuse, "plans", "commit.before /payterms.plans.v1.PlanService/RefusePlan"),
    (Verb::Refuse, "plans", "plan.after_answer"),
    (Verb::Refuse, "plans", "plan.after_unblock"),
    (Verb::Refuse, "plans", "plan.before_record"),
    (Verb::Refuse, "plans", "plan.after_record"),
    (
        Verb::Refuse,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/UnblockForOwner",
    ),
    (
        Verb::Refuse,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/UnblockForOwner",
    ),
];

/// Scenarios at once: most of their time they wait for a lease to lapse.
pub(crate) const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_a_kill_of_either_service_on_sqlite() {
    futures::stream::iter(POINTS)
        .for_each_concurrent(AT_ONCE, |(verb, service, point)| {
            scenario(verb, service, point, false)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_a_kill_of_either_service_on_postgres() {
    futures::stream::iter(POINTS)
        .for_each_concurrent(AT_ONCE, |(verb, service, point)| scenario(verb, service, point, true))
        .await;
}

pub(crate) async fn prepare(rig: &Rig) -> (People, [Invoice; 2]) {
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    allow(&owner, PlanSettings::default(), &[]).await;
    let one = async |units| {
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", units, 0))]))
            .await
    };
    let invoices = [one(100).await, one(20).await];
    (people, invoices)
}

/// Why both invoices are blocked, and by whom.
pub(crate) async fn blocks(rig: &Rig, invoices: &[Invoice; 2]) -> [Option<(Reason, String)>; 2] {
    let owner = rig.someone("OWNER", None);
    let block = async |name: &str| {
        until(async || read(&owner, name).await, |_| true)
            .await
            .block
            .map(|block| (block.reason(), block.owner))
    };
    [block(&invoices[0].name).await, block(&invoices[1].name).await]
}

async fn scenario(verb: Verb, service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let staff = rig.someone("STAFF", None);
    let sent = match verb {
        Verb::Propose => None,
        _ => people.admin.plans().propose_plan(request.clone()).await.unwrap().into_inner().plan,
    };
    let mut services = Services::of(rig).await;
    let name = sent.as_ref().map(|plan| plan.name.clone()).unwrap_or_default();
    let yes = ApprovePlanRequest {
        request_id: request_id(),
        name: name.clone(),
        total_seen: amount("USD", 120, 0),
        etag: String::new(),
    };
    let no = RefusePlanRequest { request_id: request_id(), name, explanation: "No.".into() };
    let act = {
        let (admin, staff, request, yes, no) =
            (people.admin.clone(), staff.clone(), request.clone(), yes.clone(), no.clone());
        async move || {
            let plan = match verb {
                Verb::Propose => {
                    admin.plans().propose_plan(request.clone()).await?.into_inner().plan
                }
                Verb::Approve => staff.plans().approve_plan(yes.clone()).await?.into_inner().plan,
                Verb::Refuse => staff.plans().refuse_plan(no.clone()).await?.into_inner().plan,
            };
            Ok::<Plan, tonic::Status>(plan.unwrap())
        }
    };
    let doomed = act.clone();
    services.die_at(service, point, async move { doomed().await }).await;
    let plan = retry(&act).await;
    assert_eq!(retry(&act).await, plan, "{verb:?} {point}: one answer");
    let (state, block) = match verb {
        Verb::Propose => (State::Proposed, Some((Reason::PaymentPlanProposed, plan.name.clone()))),
        Verb::Approve => (State::Active, Some((Reason::PaymentPlanActive, plan.name.clone()))),
        Verb::Refuse => (State::Refused, None),
    };
    assert_eq!(plan.state(), state, "{verb:?} {point}");
    assert_eq!(blocks(services.rig(), &invoices).await, [block.clone(), block], "{verb:?} {point}");
    let list = ListPlansRequest { parent: people.customer.clone(), ..ListPlansRequest::default() };
    let plans = until(async || people.admin.plans().list_plans(list.clone()).await, |_| true)
        .await
        .into_inner()
        .plans;
    assert_eq!(plans.len(), 1, "{verb:?} {point}: one plan");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

/// What was blocked by another while plans lay dead is refused, nothing stays behind, and the same
/// request id is judged anew.
async fn refused_after_the_intent(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let owner = rig.someone("OWNER", None);
    let mut services = Services::of(rig).await;
    let (admin, sent) = (people.admin.clone(), request.clone());
    // It dies with its intent stored; the second invoice is disputed before it comes back.
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: invoices[1].name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    services
        .die_and_meanwhile(
            "plans",
            "plan.after_intent",
            async move { admin.plans().propose_plan(sent).await },
            async {
                retry(async || owner.collections().block_invoice(block.clone()).await).await;
            },
        )
        .await;
    if on_postgres {
        // The lease has not lapsed yet: whoever takes the flow over dies once more, before the
        // refusal is recorded.
        let (admin, sent) = (people.admin.clone(), request.clone());
        services
            .die_at("plans", "plan.before_refusal", async move {
                admin.plans().propose_plan(sent).await
            })
            .await;
    }
    let propose = async || people.admin.plans().propose_plan(request.clone()).await;
    let refused = until(
        async || Ok(propose().await),
        |answer| {
            answer.as_ref().is_err_and(|status| status.code() == tonic::Code::FailedPrecondition)
        },
    );
    assert_eq!(reason(&refused.await.unwrap_err()), "INVOICE_BLOCKED");
    let disputed = Some((Reason::Disputed, String::new()));
    assert_eq!(blocks(services.rig(), &invoices).await, [None, disputed], "all or none");
    let unblock = payterms_proto::invoicing::v1::UnblockInvoiceRequest {
        request_id: request_id(),
        name: invoices[1].name.clone(),
        ..Default::default()
    };
    owner.collections().unblock_invoice(unblock).await.unwrap();
    let plan = retry(propose).await.into_inner().plan.unwrap();
    assert_eq!(plan.state(), State::Proposed, "the same request id is judged anew");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_intent_leaves_nothing_on_sqlite() {
    Box::pin(refused_after_the_intent(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_intent_leaves_nothing_on_postgres() {
    Box::pin(refused_after_the_intent(true)).await;
}

/// The invoice is paid in part while the proposal's driver lies dead between the block and its
/// record: the step that is asked again says what it said before.
async fn paid_while_it_lay_dead(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let owner = rig.someone("OWNER", None);
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoices[0].name.clone(), amount: None }],
        amount: amount("USD", 40, 0),
        reference: "Cash".into(),
        receive_date: None,
        ..Default::default()
    };
    let mut services = Services::of(rig).await;
    let (admin, sent) = (people.admin.clone(), request.clone());
    let dying = async move { admin.plans().propose_plan(sent).await };
    services
        .die_and_meanwhile("plans", "plan.after_block", dying, async {
            retry(async || owner.payments().record_outside_payment(outside.clone()).await).await;
        })
        .await;
    let plan = retry(async || people.admin.plans().propose_plan(request.clone()).await)
        .await
        .into_inner()
        .plan
        .unwrap();
    assert_eq!(plan.state(), State::Proposed);
    let block = Some((Reason::PaymentPlanProposed, plan.name.clone()));
    assert_eq!(blocks(services.rig(), &invoices).await, [block.clone(), block]);
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    plans_agree_in(data, postgres).await;
    invariants::hold_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_between_block_and_record_does_no_harm_on_sqlite() {
    Box::pin(paid_while_it_lay_dead(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_between_block_and_record_does_no_harm_on_postgres() {
    Box::pin(paid_while_it_lay_dead(true)).await;
}
