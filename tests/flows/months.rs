//! Reminders on the clock of unblocked days, and the month turn: statements that add up, one mail
//! each.

use crate::{
    clocks::advance,
    collections::{DAY, START, desk},
    documents::{acme, business},
    invariants,
    invoices::{draft, issued, line},
    mails::{mails, mails_of, text},
    payments::by,
};
use payterms_proto::invoicing::v1::{
    BlockInvoiceRequest, CreateCreditNoteRequest, CreatePaymentRequest, DunningSettings,
    ExplainInvoiceRequest, GetDocumentRequest, GetStatementRequest, InvoiceToPay,
    ListStatementsRequest, MailKind, Statement, Tenant, UnblockInvoiceRequest, UpdateTenantRequest,
    block::Reason, explain_invoice_response::Topic,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, violations};
use prost_types::FieldMask;

on_both!(
    reminders_come_once_each_and_stand_still_while_blocked,
    a_new_schedule_plans_open_invoices_anew,
    statements_add_up_from_month_to_month_and_come_in_one_mail,
    hidden_invoices_are_not_mailed,
    a_month_of_many_invoices_names_all_and_brings_twenty,
);

/// 00:00 in Sydney on a day of January, the first being 1.
const fn january(day: i64) -> i64 {
    START + (day - 1) * DAY - 11 * 3_600
}

pub(crate) async fn remind(world: &World, days: &[i32]) {
    let dunning = DunningSettings { reminder_days: days.to_vec(), ..DunningSettings::default() };
    let tenant =
        Tenant { name: "tenants/acme".into(), dunning: Some(dunning), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["dunning".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    world.someone("OWNER", None).tenants().update_tenant(update).await.unwrap();
}

async fn reminder(owner: &Session, invoice: &str) -> String {
    let explain = ExplainInvoiceRequest { name: invoice.into() };
    let facts = owner.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    facts
        .into_iter()
        .find(|fact| fact.topic() == Topic::Reminder)
        .map(|fact| fact.sentence)
        .unwrap_or_default()
}

async fn reminders_come_once_each_and_stand_still_while_blocked(world: &World) {
    let desk = desk(world, None).await;
    let invoice =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 40, 0))]))
            .await;
    remind(world, &[-3, 1, 7]).await;
    // Due on 31 January.
    advance(world, january(28) - 1).await;
    assert!(mails(&desk.owner, MailKind::Reminder).await.is_empty());
    assert_eq!(reminder(&desk.owner, &invoice.name).await, "It is reminded on 2026-01-28.");
    advance(world, january(28)).await;
    let first = mails_of(&desk.owner, MailKind::Reminder, 2).await;
    assert!(
        first.iter().all(|mail| mail.subject.contains("falls due on 31 January 2026")),
        "{first:?}"
    );
    // Both invoices are reminded alike; of the one that is blocked for ten days, the seven since
    // its due date do not count.
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: invoice.name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    desk.owner.collections().block_invoice(block).await.unwrap();
    assert!(
        reminder(&desk.owner, &invoice.name)
            .await
            .starts_with("It is not reminded while it is blocked")
    );
    // On the first and the seventh its collection is tried first, and fails; the reminder waits an
    // hour for that.
    advance(world, january(38) + 2 * 3_600).await;
    mails_of(&desk.owner, MailKind::Reminder, 4).await;
    let unblock = UnblockInvoiceRequest {
        request_id: request_id(),
        name: invoice.name.clone(),
        ..Default::default()
    };
    desk.owner.collections().unblock_invoice(unblock).await.unwrap();
    assert!(
        reminder(&desk.owner, &invoice.name).await.starts_with("It is reminded on 2026-02-08."),
        "a day, as was left on its due date"
    );
    advance(world, january(42)).await;
    let all = mails_of(&desk.owner, MailKind::Reminder, 5).await;
    assert!(
        all[0].subject.contains("is past due") && all[0].attachments == [invoice.name.clone()],
        "{all:?}"
    );
    advance(world, january(90)).await;
    mails_of(&desk.owner, MailKind::Reminder, 6).await;
    assert!(reminder(&desk.owner, &invoice.name).await.contains("every step is done"));
}

async fn a_new_schedule_plans_open_invoices_anew(world: &World) {
    let desk = desk(world, None).await;
    advance(world, january(10)).await;
    remind(world, &[-20, -5]).await;
    advance(world, january(11) + 60).await;
    mails_of(&desk.owner, MailKind::Reminder, 1).await;
    remind(world, &[]).await;
    advance(world, january(40)).await;
    mails_of(&desk.owner, MailKind::Reminder, 1).await;
    let bad = DunningSettings { reminder_days: vec![1, 1, 400], ..DunningSettings::default() };
    let tenant = Tenant { name: "tenants/acme".into(), dunning: Some(bad), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["dunning".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    let refused = desk.owner.tenants().update_tenant(update).await.unwrap_err();
    let texts = violations(&refused);
    assert!(
        texts.iter().any(|text| text.contains("DUPLICATE_ITEM"))
            && texts.iter().any(|text| text.contains("FIELD_OUT_OF_RANGE")),
        "{texts:?}"
    );
}

async fn statements(session: &Session, customer: &str) -> Vec<Statement> {
    let list = ListStatementsRequest { parent: customer.into(), ..Default::default() };
    session.statements().list_statements(list).await.unwrap().into_inner().statements
}

/// Opening, issued, credited, paid, closing in whole units, of a currency.
fn figures(found: &[Statement], currency: &str, month: i32) -> Option<(i64, i64, i64, i64, i64)> {
    let units =
        |money: &Option<payterms_proto::google::r#type::Money>| money.as_ref().unwrap().units;
    let of = |statement: &&Statement| {
        statement.month.as_ref().unwrap().month == month
            && statement.closing.as_ref().unwrap().currency_code == currency
    };
    found.iter().find(of).map(|statement| {
        (
            units(&statement.opening),
            units(&statement.issued),
            units(&statement.credited),
            units(&statement.paid),
            units(&statement.closing),
        )
    })
}

async fn statements_add_up_from_month_to_month_and_come_in_one_mail(world: &World) {
    let desk = desk(world, None).await;
    business(world, acme()).await;
    crate::top_ups::card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let second =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
            .await;
    issued(&desk.owner, draft(&desk.customer, "AUD", vec![line("Other", amount("AUD", 9, 0))]))
        .await;
    world.customer("acme", "GB").await;
    advance(world, january(20)).await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: second.name.clone(),
        amount: amount("USD", 10, 0),
        explanation: "Goodwill".into(),
    };
    desk.owner.invoices().create_credit_note(note).await.unwrap();
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: second.name.clone(), amount: amount("USD", 15, 0) }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    desk.admin.payments().create_payment(pay).await.unwrap();
    // The first invoice is collected on 31 January: 100.00.
    advance(world, january(32) - 1).await;
    assert!(statements(&desk.admin, &desk.customer).await.is_empty());
    advance(world, january(32) + 60).await;
    let found = statements(&desk.admin, &desk.customer).await;
    assert_eq!(figures(&found, "USD", 1), Some((0, 150, 10, 115, 25)));
    assert_eq!(figures(&found, "AUD", 1), Some((0, 9, 0, 0, 9)));
    assert!(
        mails(&desk.owner, MailKind::Statement).await.is_empty(),
        "it waits an hour for what the turn issues"
    );
    advance(world, january(32) + 3_600).await;
    let mail = mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0);
    assert_eq!(
        (mail.subject.as_str(), mail.attachments.len()),
        ("Your statement for January 2026 from Acme Telecom", 5),
        "{mail:?}"
    );
    let words = text(&desk.owner, &mail).await;
    for part in [
        &format!("{}: 50.00\u{a0}USD", second.number),
        "9.00\u{a0}AUD were invoiced",
        "https://pay.acme.example/statements/",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let usd = found
        .iter()
        .find(|statement| statement.closing.as_ref().unwrap().currency_code == "USD")
        .unwrap();
    let read = desk
        .admin
        .statements()
        .get_statement(GetStatementRequest { name: usd.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .statement;
    assert_eq!(read.as_ref(), Some(usd));
    let printed = desk
        .admin
        .documents()
        .get_document(GetDocumentRequest { name: usd.name.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(printed.document.unwrap().file_name, "2026-01-USD.pdf");
    // Nothing happens in February; what is owed is carried on, also over March.
    advance(world, january(92)).await;
    let found = statements(&desk.admin, &desk.customer).await;
    assert_eq!(
        (figures(&found, "USD", 2), figures(&found, "USD", 3)),
        (Some((25, 0, 0, 0, 25)), Some((25, 0, 0, 0, 25)))
    );
    assert_eq!(found.len(), 6);
    mails_of(&desk.owner, MailKind::Statement, 3).await;
    invariants::books_agree(world).await;
}

async fn hidden_invoices_are_not_mailed(world: &World) {
    let desk = desk(world, None).await;
    let tenant = Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Tenant::default() };
    let mask = FieldMask { paths: vec!["invoices_hidden".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    desk.owner.tenants().update_tenant(update).await.unwrap();
    remind(world, &[-3, 1]).await;
    advance(world, january(33)).await;
    assert!(mails(&desk.owner, MailKind::Statement).await.is_empty());
    assert!(mails(&desk.owner, MailKind::Reminder).await.is_empty());
    assert!(statements(&desk.admin, &desk.customer).await.is_empty());
    assert_eq!(
        statements(&desk.owner, &desk.customer).await.len(),
        1,
        "the tenant's people see it"
    );
}

async fn a_month_of_many_invoices_names_all_and_brings_twenty(world: &World) {
    let desk = desk(world, None).await;
    let mut numbers = std::collections::BTreeSet::new();
    for place in 0..22 {
        let made = issued(
            &desk.owner,
            draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 40 + place, 0))]),
        )
        .await;
        numbers.insert(made.number);
    }
    advance(world, january(32) + 3 * 3_600).await;
    let mail = mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    let unnamed: Vec<_> =
        numbers.iter().filter(|number| !words.contains(number.as_str())).collect();
    assert!(unnamed.is_empty(), "not named: {unnamed:?} in {words}");
    let attached: std::collections::BTreeSet<_> = mail.attachments.iter().collect();
    let invoices = attached.iter().filter(|name| name.contains("/invoices/")).count();
    assert_eq!(
        (attached.len(), invoices),
        (21, 20),
        "a statement and twenty invoices, each once: {attached:?}"
    );
    assert!(
        words.contains("The first 20 invoices are attached. The other 3 are listed above"),
        "{words}"
    );
    invariants::hold(world).await;
}
