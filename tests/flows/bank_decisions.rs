//! What people decide about bank lines: matches are taken back and made anew, doubtful lines wait,
//! and lines are split, credited and dismissed.

use crate::{
    bank::{another, camt, import, paid},
    invariants,
    invoices::read,
    payments::{Till, till},
    rig::{self, retry, until},
    wallets::debit,
};
use payterms_proto::invoicing::v1::{
    BankLine, CreateCreditNoteRequest, CreditBankLineRequest, DismissBankLineRequest,
    GetBankLineRequest, ImportBankStatementResponse, ListBankLinesRequest, MatchBankLineRequest,
    SplitBankLineRequest, Tenant, UnmatchBankLineRequest, UnmatchBankLineResponse,
    UpdateTenantRequest,
    bank_line::{DismissReason, State, SuggestReason},
    invoice,
    tenant::BankAutomation,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(
    a_line_pays_all_invoices_that_it_names,
    what_is_doubtful_waits_for_a_person,
    the_tenant_sets_how_far_automation_goes,
    a_match_is_taken_back_and_made_anew,
    what_was_given_back_or_is_under_way_is_not_taken_back,
    a_line_is_split_credited_or_dismissed,
);

pub(crate) async fn get(session: &Session, name: &str) -> BankLine {
    session
        .bank()
        .get_bank_line(GetBankLineRequest { name: name.into() })
        .await
        .unwrap()
        .into_inner()
        .bank_line
        .unwrap()
}

pub(crate) async fn unmatch(
    session: &Session,
    name: &str,
) -> Result<UnmatchBankLineResponse, Status> {
    let request = UnmatchBankLineRequest { request_id: request_id(), name: name.into() };
    session.bank().unmatch_bank_line(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn match_to(
    session: &Session,
    line: &str,
    invoices: &[&str],
) -> Result<BankLine, Status> {
    let request = MatchBankLineRequest {
        request_id: request_id(),
        name: line.into(),
        invoice: String::new(),
        invoices: invoices.iter().map(|name| (*name).to_owned()).collect(),
        returned_line: String::new(),
        ..Default::default()
    };
    session
        .bank()
        .match_bank_line(request)
        .await
        .map(|answer| answer.into_inner().bank_line.unwrap())
}

pub(crate) fn only(imported: &ImportBankStatementResponse) -> &BankLine {
    assert_eq!(imported.bank_lines.len(), 1);
    &imported.bank_lines[0]
}

async fn state_of(till: &Till, invoice: &str) -> invoice::State {
    read(&till.owner, invoice).await.unwrap().state()
}

async fn a_line_pays_all_invoices_that_it_names(world: &World) {
    let till = till(world, 0).await;
    let second = another(&till, 100).await;
    assert!(second.payment_reference.starts_with("RF"), "{second:?}");
    let text = format!("{} and {}", second.payment_reference, till.invoice.number);
    let imported = import(&till.owner, camt(&[("200.00", &text, "A1")])).await.unwrap();
    let line = only(&imported);
    assert_eq!(
        (line.state(), line.invoices.len(), line.customer.as_str()),
        (State::Matched, 2, till.customer.as_str())
    );
    let (_, payment) = paid(&till.owner, &line.name).await;
    assert_eq!((payment.allocations.len(), payment.surplus), (2, amount("USD", 0, 0)));
    for invoice in [&till.invoice.name, &second.name] {
        assert_eq!(state_of(&till, invoice).await, invoice::State::Paid);
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_is_doubtful_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let far_more =
        import(&till.owner, camt(&[("110.01", &till.invoice.number, "B1")])).await.unwrap();
    let line = only(&far_more).clone();
    assert_eq!(
        (line.state(), line.suggest_reasons().collect::<Vec<_>>()),
        (State::Suggested, vec![SuggestReason::AmountAboveNamed])
    );
    assert_eq!(
        (line.candidates.clone(), line.payment.as_str()),
        (vec![till.invoice.name.clone()], "")
    );
    assert_eq!(
        state_of(&till, &till.invoice.name).await,
        invoice::State::Open,
        "nothing is final that a person has not said"
    );
    match_to(&till.owner, &line.name, &[&till.invoice.name]).await.unwrap();
    let (line, payment) = paid(&till.owner, &line.name).await;
    assert_eq!((line.suggest_reasons.len(), payment.surplus), (0, amount("USD", 10, 1)));
    // Its invoice is paid now; another customer's is named beside it.
    let other = till_of_another(world, &till).await;
    let text = format!("{} {other}", till.invoice.number);
    let both = import(&till.owner, camt(&[("100.00", &text, "B2")])).await.unwrap();
    let expected = vec![SuggestReason::InvoiceNotOpen, SuggestReason::SeveralCustomers];
    assert_eq!(only(&both).suggest_reasons().collect::<Vec<_>>(), expected);
    let names = &only(&both).candidates;
    let refused =
        match_to(&till.owner, &only(&both).name, &[&names[0], &names[1]]).await.unwrap_err();
    assert_eq!(reason(&refused), "SEVERAL_CUSTOMERS");
    invariants::books_agree(world).await;
}

/// The number of an invoice of another customer.
async fn till_of_another(world: &World, till: &Till) -> String {
    use crate::invoices::{draft, issued, line};
    let customer = world.customer("acme", "GB").await;
    issued(&till.owner, draft(&customer, "USD", vec![line("Plan", amount("USD", 50, 0))]))
        .await
        .number
}

async fn the_tenant_sets_how_far_automation_goes(world: &World) {
    let till = till(world, 0).await;
    let set = async |automation: BankAutomation| {
        let tenant = Tenant {
            name: "tenants/acme".into(),
            bank_automation: automation.into(),
            ..Tenant::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["bank_automation".into()] });
        let request = UpdateTenantRequest {
            request_id: request_id(),
            tenant: Some(tenant),
            update_mask,
            ..Default::default()
        };
        let set =
            till.owner.tenants().update_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        assert_eq!(set.bank_automation(), automation);
    };
    let reasons = async |money: &str, reference: &str| {
        let imported =
            import(&till.owner, camt(&[(money, &till.invoice.number, reference)])).await.unwrap();
        only(&imported).suggest_reasons().collect::<Vec<_>>()
    };
    set(BankAutomation::Off).await;
    assert_eq!(reasons("100.00", "C1").await, [SuggestReason::AutomationOff]);
    set(BankAutomation::ReferenceAndAmount).await;
    assert_eq!(reasons("99.00", "C2").await, [SuggestReason::AmountDiffers]);
    assert_eq!(reasons("100.00", "C3").await, []);
    set(BankAutomation::Reference).await;
}

async fn a_match_is_taken_back_and_made_anew(world: &World) {
    let till = till(world, 0).await;
    let imported =
        import(&till.owner, camt(&[("108.00", &till.invoice.number, "D1")])).await.unwrap();
    let (line, payment) = paid(&till.owner, &only(&imported).name).await;
    assert_eq!(
        (payment.surplus, till.available().await),
        (amount("USD", 8, 0), amount("USD", 8, 0))
    );
    // Five of the eight are spent: they are owed, and the balance says so.
    world
        .someone("SERVICE", None)
        .postings()
        .post_debit(debit(&till.wallet, amount("USD", 5, 0)))
        .await
        .unwrap();
    let staff = world.someone("STAFF", None);
    let request = UnmatchBankLineRequest { request_id: request_id(), name: line.name.clone() };
    let answer = staff.bank().unmatch_bank_line(request.clone()).await.unwrap().into_inner();
    let unmatched = answer.bank_line.clone().unwrap();
    assert_eq!(
        (unmatched.state(), unmatched.invoice.as_str(), unmatched.payment.as_str()),
        (State::Unmatched, "", "")
    );
    assert_eq!(
        staff.bank().unmatch_bank_line(request).await.unwrap().into_inner(),
        answer,
        "the same request again"
    );
    let invoice = read(&till.owner, &till.invoice.name).await.unwrap();
    assert_eq!(
        (invoice.state(), invoice.open, invoice.due_date),
        (invoice::State::Open, amount("USD", 100, 0), till.invoice.due_date)
    );
    assert_eq!(till.available().await, amount("USD", -5, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
    let cleared = invariants::booked(world)
        .await
        .into_iter()
        .filter(|(account, amount)| account == "BANK_CLEARING" && *amount != 0);
    assert_eq!(cleared.count(), 0, "nothing has arrived for anyone");
    match_to(&staff, &line.name, &[&till.invoice.name]).await.unwrap();
    let (again, payment) = paid(&till.owner, &line.name).await;
    assert_ne!(again.payment, line.payment);
    assert_eq!(payment.surplus, amount("USD", 8, 0));
    assert_eq!(
        (state_of(&till, &till.invoice.name).await, till.available().await),
        (invoice::State::Paid, amount("USD", 3, 0))
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn what_was_given_back_or_is_under_way_is_not_taken_back(world: &World) {
    let till = till(world, 0).await;
    let imported = import(
        &till.owner,
        camt(&[("100.00", &till.invoice.number, "E1"), ("1.00", "thank you", "E2")]),
    )
    .await
    .unwrap();
    let (line, _) = paid(&till.owner, &imported.bank_lines[0].name).await;
    let refused = unmatch(&till.owner, &imported.bank_lines[1].name).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_LINE_STATE");
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 30, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    let refused = unmatch(&till.owner, &line.name).await.unwrap_err();
    assert_eq!(reason(&refused), "PAYMENT_REFUNDED");
    assert_eq!(get(&till.owner, &line.name).await, line);
    invariants::books_agree(world).await;
}

pub(crate) async fn a_line_is_split_credited_or_dismissed(world: &World) {
    let till = till(world, 0).await;
    let file = camt(&[
        ("150.00", "thank you", "F1"),
        ("3.00", "interest", "F2"),
        ("20.00", "on account", "F3"),
    ]);
    let lines = import(&till.owner, file).await.unwrap().bank_lines;
    let split = |parts: &[i64]| SplitBankLineRequest {
        request_id: request_id(),
        name: lines[0].name.clone(),
        parts: parts.iter().filter_map(|units| amount("USD", *units, 0)).collect(),
        ..Default::default()
    };
    let wrong = till.owner.bank().split_bank_line(split(&[100, 49])).await.unwrap_err();
    assert_eq!(reason(&wrong), "PARTS_MISMATCH");
    let answer = till.owner.bank().split_bank_line(split(&[100, 50])).await.unwrap().into_inner();
    assert_eq!(answer.bank_line.unwrap().state(), State::Split);
    assert!(
        answer
            .parts
            .iter()
            .all(|part| part.part_of == lines[0].name && part.state() == State::Unmatched)
    );
    match_to(&till.owner, &answer.parts[0].name, &[&till.invoice.name]).await.unwrap();
    paid(&till.owner, &answer.parts[0].name).await;
    assert_eq!(state_of(&till, &till.invoice.name).await, invoice::State::Paid);

    let dismiss = |reason: DismissReason, explanation: &str| DismissBankLineRequest {
        request_id: request_id(),
        name: lines[1].name.clone(),
        reason: reason.into(),
        explanation: explanation.into(),
        ..Default::default()
    };
    let wrong =
        till.owner.bank().dismiss_bank_line(dismiss(DismissReason::Other, "")).await.unwrap_err();
    assert_eq!(reason(&wrong), "FIELD_REQUIRED");
    let dismissed = till
        .owner
        .bank()
        .dismiss_bank_line(dismiss(DismissReason::Interest, "June"))
        .await
        .unwrap();
    let dismissed = dismissed.into_inner().bank_line.unwrap();
    assert_eq!(
        (dismissed.state(), dismissed.dismiss_reason(), dismissed.explanation.as_str()),
        (State::Dismissed, DismissReason::Interest, "June")
    );

    let credit = CreditBankLineRequest {
        request_id: request_id(),
        name: lines[2].name.clone(),
        customer: till.customer.clone(),
        ..Default::default()
    };
    let credited =
        till.owner.bank().credit_bank_line(credit).await.unwrap().into_inner().bank_line.unwrap();
    assert_eq!(
        (credited.state(), credited.customer.as_str(), credited.invoices.len()),
        (State::Matched, till.customer.as_str(), 0)
    );
    let (line, payment) = paid(&till.owner, &lines[2].name).await;
    assert_eq!(
        (payment.surplus, till.available().await),
        (amount("USD", 20, 0), amount("USD", 20, 0))
    );
    unmatch(&till.owner, &line.name).await.unwrap();
    assert_eq!(till.available().await, amount("USD", 0, 0));
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_is_taken_back_once_whoever_dies_on_sqlite() {
    kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_is_taken_back_once_whoever_dies_on_postgres() {
    kills(true).await;
}

async fn kills(on_postgres: bool) {
    use futures::StreamExt;
    let points = [
        "bank_line.before_return",
        "bank_line.after_return",
        "transfer_return.before_commit",
        "transfer_return.after_commit",
        "bank_line.before_unmatched",
        "bank_line.after_unmatched",
    ];
    futures::stream::iter(points.map(|point| Box::pin(killed(point, on_postgres))))
        .for_each_concurrent(2, |scenario| scenario)
        .await;
}

/// Match → undo → rematch, killed in the middle of the undo.
async fn killed(point: &'static str, on_postgres: bool) {
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let (people, invoice) = crate::kills_of_payments::prepare(&rig, "tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let before = people.posted().await;
    let imported = import(&owner, camt(&[("110.00", &invoice.number, "G1")])).await.unwrap();
    let line = only(&imported).name.clone();
    paid(&owner, &line).await;
    let request = UnmatchBankLineRequest { request_id: request_id(), name: line.clone() };
    let (caller, sent) = (owner.clone(), request.clone());
    rig.die_at(point, async move { caller.bank().unmatch_bank_line(sent).await }).await;
    let answer =
        retry(async || owner.bank().unmatch_bank_line(request.clone()).await).await.into_inner();
    assert_eq!(answer.bank_line.unwrap().state(), State::Unmatched, "{point}");
    let list = ListBankLinesRequest { parent: "tenants/acme".into(), ..Default::default() };
    let lines = async || {
        owner
            .bank()
            .list_bank_lines(list.clone())
            .await
            .map(|answer| answer.into_inner().bank_lines)
    };
    until(lines, |lines| lines.len() == 1 && lines[0].state() == State::Unmatched).await;
    assert_eq!(read(&owner, &invoice.name).await.unwrap().open, amount("USD", 100, 0), "{point}");
    assert_eq!(people.posted().await, before, "{point}");
    match_to(&owner, &line, &[&invoice.name]).await.unwrap();
    paid(&owner, &line).await;
    assert_eq!(read(&owner, &invoice.name).await.unwrap().state(), invoice::State::Paid, "{point}");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}
