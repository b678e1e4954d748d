//! What is mailed, to whom, in which words.

use crate::{
    clocks::advance,
    collections::{DAY, DUE, START, desk},
    documents::{acme, business, receipts_of},
    payments::till,
    recharges::{set, stocked},
    rig::{self, until},
    top_ups::{buy, card},
};
use payterms_proto::{
    invoicing::v1::{
        BusinessDetails, Contact, Customer, GetMailRequest, GetMailTemplateRequest,
        ListMailsRequest, Mail, MailKind, MailTemplate, PreviewMailTemplateRequest,
        ResetMailTemplateRequest, Tenant, UpdateCustomerRequest, UpdateMailTemplateRequest,
        UpdateTenantRequest, mail::State,
    },
    wallet::v1::{AutoRecharge, PostFeeRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;
use std::path::Path;
use tonic::Status;

on_both!(
    a_receipt_is_mailed_once_to_all_who_want_documents,
    a_failed_collection_is_mailed_with_its_next_try,
    a_bank_that_asks_for_the_cardholder_is_mailed_with_a_link,
    a_failed_recharge_and_prepayment_that_goes_off_are_mailed,
    templates_are_the_tenants_strict_and_sandboxed,
);

pub(crate) async fn mails(session: &Session, kind: MailKind) -> Vec<Mail> {
    let list =
        ListMailsRequest { parent: "tenants/acme".into(), page_size: 500, ..Default::default() };
    let found = session.mails().list_mails(list).await.unwrap().into_inner().mails;
    found.into_iter().filter(|mail| mail.kind() == kind).collect()
}

/// Waits for so many mails of a kind that are sent, or have failed; the newest first.
pub(crate) async fn mails_of(session: &Session, kind: MailKind, count: usize) -> Vec<Mail> {
    let ended = |found: &Vec<Mail>| {
        found.len() >= count && found.iter().all(|mail| mail.state() != State::Pending)
    };
    let found = until(async || Ok(mails(session, kind).await), ended).await;
    assert_eq!(found.len(), count, "{kind:?}");
    found
}

pub(crate) async fn text(session: &Session, mail: &Mail) -> String {
    session
        .mails()
        .get_mail(GetMailRequest { name: mail.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .mail
        .unwrap()
        .text
}

pub(crate) async fn update(session: &Session, customer: Customer, paths: &[&str]) {
    let mask = FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let update = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask: Some(mask),
        ..Default::default()
    };
    session.customers().update_customer(update).await.unwrap();
}

fn eml(data: &Path, mail: &Mail) -> String {
    let id = mail.name.rsplit('/').next().unwrap();
    std::fs::read_to_string(data.join("mail").join(format!("{id}.eml"))).unwrap()
}

async fn a_receipt_is_mailed_once_to_all_who_want_documents(world: &World) {
    let till = till(world, 0).await;
    business(world, acme()).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let contact = |email: &str, receives_documents| Contact {
        name: String::new(),
        email: email.into(),
        receives_documents,
    };
    let contacts =
        vec![contact("books@brightside.example", true), contact("ceo@brightside.example", false)];
    update(
        &till.admin,
        Customer { name: till.customer.clone(), contacts, ..Customer::default() },
        &["contacts"],
    )
    .await;
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 25, 0))).await.unwrap();
    let receipt = receipts_of(&till.admin, &till.customer, 1).await.remove(0);
    let mail = mails_of(&till.owner, MailKind::Receipt, 1).await.remove(0);
    assert_eq!(
        (mail.state(), mail.attempt_count, mail.attachments.clone()),
        (State::Sent, 1, vec![receipt.name.clone()])
    );
    assert_eq!(mail.recipients, ["billing@brightside.example", "books@brightside.example"]);
    assert_eq!(mail.subject, format!("Receipt {} from Acme Telecom", receipt.number));
    let words = text(&till.owner, &mail).await;
    assert!(
        words.contains("25.00\u{a0}USD") && words.contains("https://pay.acme.example/receipts/"),
        "{words}"
    );
    let eml = eml(world.folder.path(), &mail);
    for part in [
        "Message-ID: <",
        "Reply-To: billing@acme.example",
        "To: billing@brightside.example",
        "application/pdf",
        &format!("{}.pdf", receipt.number),
    ] {
        assert!(eml.contains(part), "{part} in {eml}");
    }
    // French words for who reads French; to nobody where there is no address.
    update(
        &till.admin,
        Customer { name: till.customer.clone(), locale: "fr".into(), ..Customer::default() },
        &["locale"],
    )
    .await;
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 25, 0))).await.unwrap();
    let french = mails_of(&till.owner, MailKind::Receipt, 2).await.remove(0);
    assert!(french.subject.starts_with("Reçu RC-"), "{}", french.subject);
}

async fn a_failed_collection_is_mailed_with_its_next_try(world: &World) {
    let desk = desk(world, Some("tok_declined")).await;
    advance(world, DUE + 60).await;
    let first = mails_of(&desk.owner, MailKind::CollectionFailed, 1).await.remove(0);
    assert!(first.subject.contains(&desk.invoice.number), "{}", first.subject);
    let words = text(&desk.owner, &first).await;
    assert!(
        words.contains("it failed: the card was declined by its bank.")
            && words.contains("We will try again on 1 February 2026"),
        "{words}"
    );
    advance(world, DUE + 9 * DAY).await;
    let all = mails_of(&desk.owner, MailKind::CollectionFailed, 5).await;
    assert!(text(&desk.owner, &all[0]).await.contains("We will not try again by ourselves"));
}

async fn a_bank_that_asks_for_the_cardholder_is_mailed_with_a_link(world: &World) {
    let desk = desk(world, Some("tok_authenticate")).await;
    business(world, acme()).await;
    advance(world, DUE + 60).await;
    let mail = mails_of(&desk.owner, MailKind::AuthenticationNeeded, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    let page = desk.invoice.name.rsplit('/').next().unwrap();
    assert!(words.contains(&format!("https://pay.acme.example/invoices/{page}")), "{words}");
    advance(world, DUE + 9 * DAY).await;
    mails_of(&desk.owner, MailKind::AuthenticationNeeded, 1).await;
}

async fn a_failed_recharge_and_prepayment_that_goes_off_are_mailed(world: &World) {
    let (_, wallet, admin) = stocked(world, "tok_declined").await;
    let owner = world.someone("OWNER", None);
    set(&admin, &wallet, AutoRecharge { repair_negative: true, ..AutoRecharge::default() })
        .await
        .unwrap();
    let fee = PostFeeRequest {
        request_id: request_id(),
        wallet,
        amount: amount("USD", 130, 0),
        description: "Porting".into(),
        unlisted: false,
    };
    owner.postings().post_fee(fee).await.unwrap();
    advance(world, START + 3_600).await;
    let mail = mails_of(&owner, MailKind::RechargeFailed, 1).await.remove(0);
    assert!(mail.subject.contains("did not go through"), "{}", mail.subject);
    advance(world, START + 20 * DAY).await;
    mails_of(&owner, MailKind::RechargeFailed, 5).await;
    business(
        world,
        BusinessDetails {
            contact_email: "owner@acme.example".into(),
            ..BusinessDetails::default()
        },
    )
    .await;
    let hidden = Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Tenant::default() };
    let mask = FieldMask { paths: vec!["invoices_hidden".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(hidden),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap();
    let mail = mails_of(&owner, MailKind::PrepaymentTurnedOff, 1).await.remove(0);
    assert_eq!(
        (mail.recipients.clone(), mail.customer.as_str()),
        (vec!["owner@acme.example".to_owned()], "")
    );
}

fn template(kind: MailKind, subject: &str, text: &str) -> MailTemplate {
    MailTemplate {
        kind: kind.into(),
        locale: "en".into(),
        subject: subject.into(),
        text: text.into(),
        customized: false,
    }
}

pub(crate) async fn templates_are_the_tenants_strict_and_sandboxed(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let owner = &till.owner;
    let set = |subject: &str, text: &str| UpdateMailTemplateRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        mail_template: Some(template(MailKind::Receipt, subject, text)),
        ..Default::default()
    };
    let wrong = |status: Status| (reason(&status), status.message().to_owned());
    let (why, said) = wrong(
        owner.templates().update_mail_template(set("Hi", "one\n{{ secret }}")).await.unwrap_err(),
    );
    assert_eq!(why, "TEMPLATE_INVALID");
    assert!(said.contains("text") && said.contains("line 2"), "{said}");
    let ours = GetMailTemplateRequest {
        parent: "tenants/acme".into(),
        kind: MailKind::Receipt.into(),
        locale: "en".into(),
    };
    let read = async || {
        owner
            .templates()
            .get_mail_template(ours.clone())
            .await
            .unwrap()
            .into_inner()
            .mail_template
            .unwrap()
    };
    assert!(!read().await.customized);
    owner
        .templates()
        .update_mail_template(set("Thanks, {{ customer }}", "You paid {{ amount }}.\nBye"))
        .await
        .unwrap();
    assert!(read().await.customized);
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 25, 0))).await.unwrap();
    let mail = mails_of(owner, MailKind::Receipt, 1).await.remove(0);
    assert_eq!(
        (mail.subject.as_str(), text(owner, &mail).await.as_str()),
        ("Thanks, Brightside Ltd", "You paid 25.00\u{a0}USD.\nBye")
    );
    let tried = PreviewMailTemplateRequest {
        parent: "tenants/acme".into(),
        mail_template: Some(template(MailKind::Receipt, "{{ number }}", "x")),
    };
    assert_eq!(
        owner.templates().preview_mail_template(tried).await.unwrap().into_inner().subject,
        "RC-2026-000001"
    );
    let reset = ResetMailTemplateRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        kind: MailKind::Receipt.into(),
        locale: "en".into(),
        ..Default::default()
    };
    owner.templates().reset_mail_template(reset).await.unwrap();
    assert!(!read().await.customized);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_survives_a_kill_after_it_was_sent() {
    let mut rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let (caller, wallet) = (people.admin.clone(), people.wallet.clone());
    rig.die_at("mail.after_send", async move {
        let bought = caller.top_ups().create_top_up(buy(&wallet, "", amount("USD", 25, 0))).await;
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        bought
    })
    .await;
    let owner = rig.someone("OWNER", None);
    let list = async || Ok::<_, Status>(mails(&owner, MailKind::Receipt).await);
    let found = until(list, |found| found.iter().any(|mail| mail.state() == State::Sent)).await;
    assert_eq!(found.len(), 1);
    let files = std::fs::read_dir(rig.data().join("mail")).unwrap().count();
    assert_eq!(files, 1, "the same mail, the same file");
}
