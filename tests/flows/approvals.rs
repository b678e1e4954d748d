//! What takes two people: one proposes, another decides.

use crate::{
    invariants,
    invoices::{draft, issued, line, read},
    payments::{by, till},
    rig::until,
    top_ups::card,
};
use payterms_proto::invoicing::v1::{
    Approval, CreateCreditNoteRequest, DecideApprovalRequest, ExplainInvoiceRequest,
    GetApprovalRequest, ListApprovalsRequest, ListRefundsRequest, ProposeCreditNoteRequest,
    ProposeWriteOffRequest, Tenant, UnapplyPaymentRequest, UpdateTenantRequest,
    UpdateTenantResponse, WriteOffInvoiceRequest,
    approval::{Kind, State},
    invoice, refund,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;
use tonic::{Code, Response, Status};

on_both!(
    above_the_limit_a_second_person_decides,
    a_refund_above_the_limit_is_proposed_and_given_back,
    nobody_decides_their_own,
    what_is_approved_says_what_was_written_off,
);

pub(crate) async fn limited(owner: &Session, units: i64) -> Response<UpdateTenantResponse> {
    let limits = vec![amount("USD", units, 0).unwrap()];
    let tenant =
        Tenant { name: "tenants/acme".into(), approval_limits: limits, ..Tenant::default() };
    let mask = FieldMask { paths: vec!["approval_limits".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap()
}

async fn write_off(session: &Session, name: &str) -> Result<(), Status> {
    let request = WriteOffInvoiceRequest {
        request_id: request_id(),
        name: name.into(),
        ..Default::default()
    };
    session.invoices().write_off_invoice(request).await.map(|_| ())
}

async fn propose(session: &Session, invoice: &str) -> Result<Approval, Status> {
    let request = ProposeWriteOffRequest {
        request_id: request_id(),
        invoice: invoice.into(),
        explanation: "Bankrupt".into(),
        ..Default::default()
    };
    session
        .approvals()
        .propose_write_off(request)
        .await
        .map(|answer| answer.into_inner().approval.unwrap())
}

async fn decide(session: &Session, name: &str, approve: bool) -> Result<Approval, Status> {
    let request = DecideApprovalRequest {
        request_id: request_id(),
        name: name.into(),
        approve,
        explanation: "Looked at".into(),
        ..Default::default()
    };
    session
        .approvals()
        .decide_approval(request)
        .await
        .map(|answer| answer.into_inner().approval.unwrap())
}

pub(crate) async fn above_the_limit_a_second_person_decides(world: &World) {
    let till = till(world, 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    limited(&till.owner, 50).await;
    assert_eq!(
        reason(&write_off(&admin, &till.invoice.name).await.unwrap_err()),
        "SECOND_PERSON_REQUIRED"
    );
    assert_eq!(
        write_off(&staff, &till.invoice.name).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let small = issued(
        &till.owner,
        draft(&till.customer, "USD", vec![line("Small", amount("USD", 50, 0))]),
    )
    .await;
    write_off(&admin, &small.name).await.unwrap();
    let proposed = propose(&staff, &till.invoice.name).await.unwrap();
    assert_eq!(
        (proposed.state(), proposed.kind(), proposed.amount.clone()),
        (State::Proposed, Kind::WriteOff, till.invoice.total.clone())
    );
    let refused = decide(&admin, &proposed.name, false).await.unwrap();
    assert_eq!(
        (refused.state(), refused.decision_explanation.as_str()),
        (State::Refused, "Looked at")
    );
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().state(), invoice::State::Open);
    assert_eq!(reason(&decide(&admin, &proposed.name, true).await.unwrap_err()), "APPROVAL_STATE");
    let again = propose(&staff, &till.invoice.name).await.unwrap();
    let list = |state: State| ListApprovalsRequest {
        parent: "tenants/acme".into(),
        state: state.into(),
        ..Default::default()
    };
    assert_eq!(
        staff
            .approvals()
            .list_approvals(list(State::Proposed))
            .await
            .unwrap()
            .into_inner()
            .approvals,
        std::slice::from_ref(&again)
    );
    assert_eq!(
        reason(&propose(&admin, &till.invoice.name).await.unwrap_err()),
        "APPROVAL_WAITS",
        "one write-off is enough"
    );
    let explain = ExplainInvoiceRequest { name: till.invoice.name.clone() };
    let facts = staff.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    assert!(
        facts.iter().any(|fact| fact.sentence.starts_with("A write-off of 100.00 USD is proposed")),
        "{facts:?}"
    );
    let done = decide(&admin, &again.name, true).await.unwrap();
    assert_eq!((done.state(), done.proposed_by != done.decided_by), (State::Approved, true));
    assert_eq!(
        read(&till.owner, &till.invoice.name).await.unwrap().state(),
        invoice::State::Uncollectible
    );
    let get = GetApprovalRequest { name: again.name.clone() };
    assert_eq!(
        staff.approvals().get_approval(get).await.unwrap().into_inner().approval.unwrap(),
        done
    );
    let foreign = GetApprovalRequest { name: again.name.replace("acme", "other") };
    assert_eq!(staff.approvals().get_approval(foreign).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        reason(&propose(&staff, &till.invoice.name).await.unwrap_err()),
        "INVOICE_STATE",
        "what could not be done is not proposed"
    );
    invariants::books_agree(world).await;
}

pub(crate) async fn a_refund_above_the_limit_is_proposed_and_given_back(world: &World) {
    let till = till(world, 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let paid = till
        .admin
        .payments()
        .create_payment(till.request(vec![by("", None)]))
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    limited(&till.owner, 20).await;
    let name = till.invoice.name.clone();
    let note = |units: i64| CreateCreditNoteRequest {
        request_id: request_id(),
        parent: name.clone(),
        amount: amount("USD", units, 0),
        explanation: "Goodwill".into(),
    };
    assert_eq!(
        reason(&admin.invoices().create_credit_note(note(21)).await.unwrap_err()),
        "SECOND_PERSON_REQUIRED"
    );
    admin.invoices().create_credit_note(note(20)).await.unwrap();
    assert_eq!(
        reason(&admin.invoices().create_credit_note(note(1)).await.unwrap_err()),
        "SECOND_PERSON_REQUIRED",
        "together 21"
    );
    let ask = ProposeCreditNoteRequest {
        request_id: request_id(),
        invoice: name.clone(),
        amount: amount("USD", 60, 0),
        explanation: "Goodwill".into(),
        ..Default::default()
    };
    let proposed =
        staff.approvals().propose_credit_note(ask).await.unwrap().into_inner().approval.unwrap();
    assert_eq!(
        (proposed.kind(), proposed.amount.clone()),
        (Kind::CreditNote, amount("USD", 60, 0))
    );
    decide(&admin, &proposed.name, true).await.unwrap();
    let list = ListRefundsRequest { parent: name.clone(), ..Default::default() };
    let refunds = async || {
        till.owner
            .refunds()
            .list_refunds(list.clone())
            .await
            .map(|answer| answer.into_inner().refunds)
    };
    let ended = until(refunds, |all| {
        all.len() == 2 && all.iter().all(|refund| refund.state() == refund::State::Succeeded)
    })
    .await;
    assert_eq!(ended.iter().map(|refund| refund.amount.as_ref().unwrap().units).sum::<i64>(), 80);
    let after = read(&till.owner, &name).await.unwrap();
    assert_eq!((after.credited, after.paid), (amount("USD", 80, 0), amount("USD", 20, 0)));
    // All that is taken back of one payment counts together, beside its credit notes.
    let unapply = |units: i64| {
        let (payment, invoice) = (paid.name.clone(), name.clone());
        UnapplyPaymentRequest {
            request_id: request_id(),
            payment,
            invoice,
            amount: amount("USD", units, 0),
        }
    };
    admin.refunds().unapply_payment(unapply(15)).await.unwrap();
    let more = admin.refunds().unapply_payment(unapply(6)).await.unwrap_err();
    let said = "More than 20.00 USD takes a second person, and all that is taken back of one payment without a credit note counts together: \
                15.00 USD so far, 21.00 USD with this.";
    assert!(
        reason(&more) == "SECOND_PERSON_REQUIRED" && more.message().starts_with(said),
        "{more:?}"
    );
    admin.refunds().unapply_payment(unapply(5)).await.unwrap();
    // An owner is trusted alone.
    till.owner.invoices().create_credit_note(note(20)).await.unwrap();
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn nobody_decides_their_own(world: &World) {
    let till = till(world, 0).await;
    let proposed = propose(&till.owner, &till.invoice.name).await.unwrap();
    // Of two equal proposals one is enough; another amount is another note.
    let note = async |units| {
        let name = till.invoice.name.clone();
        let ask = ProposeCreditNoteRequest {
            request_id: request_id(),
            invoice: name,
            amount: amount("USD", units, 0),
            explanation: "Goodwill".into(),
            ..Default::default()
        };
        till.owner
            .approvals()
            .propose_credit_note(ask)
            .await
            .map(|answer| answer.into_inner().approval.unwrap())
    };
    let thirty = note(30).await.unwrap();
    assert_eq!(reason(&note(30).await.unwrap_err()), "APPROVAL_WAITS");
    let forty = note(40).await.unwrap();
    assert_eq!(
        reason(&decide(&till.owner, &proposed.name, true).await.unwrap_err()),
        "SEPARATION_OF_DUTIES"
    );
    assert_eq!(
        decide(&world.someone("STAFF", None), &proposed.name, true).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let (one, two) = (world.someone("ADMIN", None), world.someone("ADMIN", None));
    let (one, two) =
        tokio::join!(decide(&one, &proposed.name, true), decide(&two, &proposed.name, true));
    assert!(one.is_ok() != two.is_ok(), "decided once");
    assert_eq!(
        read(&till.owner, &till.invoice.name).await.unwrap().state(),
        invoice::State::Uncollectible
    );
    // What a written-off invoice cannot take any more nobody is asked for.
    let list = ListApprovalsRequest {
        parent: "tenants/acme".into(),
        state: State::Superseded.into(),
        ..Default::default()
    };
    let ended = till.owner.approvals().list_approvals(list).await.unwrap().into_inner().approvals;
    assert_eq!(
        ended.iter().map(|approval| &approval.name).collect::<Vec<_>>(),
        [&forty.name, &thirty.name]
    );
    assert!(
        ended.iter().all(|approval| approval.decided_by.is_empty()
            && approval.superseded_sentence.contains("is written off")),
        "{ended:?}"
    );
    let late = decide(&world.someone("ADMIN", None), &forty.name, true).await.unwrap_err();
    assert!(
        reason(&late) == "APPROVAL_STATE"
            && late.message().ends_with("What was open of the invoice is written off."),
        "{late:?}"
    );
    let explain = ExplainInvoiceRequest { name: till.invoice.name.clone() };
    let this_answer = till.owner.invoices().explain_invoice(explain).await.unwrap().into_inner();
    assert!(
        this_answer
            .facts
            .iter()
            .chain(&this_answer.next)
            .all(|fact| !fact.sentence.contains("DecideApproval")),
        "{this_answer:?}"
    );
    invariants::books_agree(world).await;
}

/// 100.00 were open when it was proposed; a credit note takes 34.00 off before it is approved.
async fn what_is_approved_says_what_was_written_off(world: &World) {
    let till = till(world, 0).await;
    let (admin, staff) = (world.someone("ADMIN", None), world.someone("STAFF", None));
    let proposed = propose(&staff, &till.invoice.name).await.unwrap();
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 34, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    let explain = ExplainInvoiceRequest { name: till.invoice.name.clone() };
    let facts = staff.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    assert!(
        facts.iter().any(|fact| fact
            .sentence
            .starts_with("A write-off of 66.00 USD is proposed: a second person")),
        "{facts:?}"
    );
    let done = decide(&admin, &proposed.name, true).await.unwrap();
    assert_eq!((done.state(), done.amount.clone()), (State::Approved, amount("USD", 66, 0)));
    let written_off = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(
        (written_off.state(), written_off.written_off),
        (invoice::State::Uncollectible, amount("USD", 66, 0))
    );
    let get = GetApprovalRequest { name: proposed.name };
    assert_eq!(
        staff.approvals().get_approval(get).await.unwrap().into_inner().approval.unwrap(),
        done
    );
    invariants::books_agree(world).await;
}
