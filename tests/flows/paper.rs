//! Documents reach the customer: an invoice on its day, one that is taken back, a credit note, a
//! payment.

use crate::{
    collections::desk,
    documents::{acme, business, receipts_of},
    invariants,
    invoices::{draft, issued, line},
    mails::{mails, mails_of, text},
    payments::by,
    top_ups::card,
};
use payterms_proto::invoicing::v1::{
    Address, CreateCreditNoteRequest, Customer, GetDocumentRequest, MailKind, PaidInvoice,
    RecordOutsidePaymentRequest, Tenant, UpdateCustomerRequest, UpdateTenantRequest,
    VoidInvoiceRequest, tenant::PaymentNotice,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::FieldMask;

on_both!(
    a_void_and_a_credit_note_are_mailed_with_their_document,
    a_payment_is_confirmed_by_mail_or_receipt_as_the_tenant_wants_it,
    what_documents_cannot_print_is_refused_with_its_field_and_characters,
);

pub(crate) async fn content(session: &Session, name: &str) -> Vec<u8> {
    let get = GetDocumentRequest { name: name.into() };
    session
        .documents()
        .get_document(get)
        .await
        .unwrap()
        .into_inner()
        .document
        .unwrap()
        .content
        .to_vec()
}

async fn a_void_and_a_credit_note_are_mailed_with_their_document(world: &World) {
    let desk = desk(world, None).await;
    business(world, acme()).await;
    let issue = mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await.remove(0);
    assert_eq!(
        (issue.attachments.clone(), issue.subject.contains(&desk.invoice.number)),
        (vec![desk.invoice.name.clone()], true)
    );
    let words = text(&desk.owner, &issue).await;
    assert!(
        words.contains("no saved payment method can be used for that")
            && words.contains("due on 31 January 2026"),
        "{words}"
    );
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: desk.invoice.name.clone(),
        amount: amount("USD", 10, 0),
        explanation: "Goodwill.".into(),
    };
    let note = desk
        .owner
        .invoices()
        .create_credit_note(note)
        .await
        .unwrap()
        .into_inner()
        .credit_note
        .unwrap();
    let mail = mails_of(&desk.owner, MailKind::CreditNoteIssued, 1).await.remove(0);
    assert_eq!(
        (mail.attachments.clone(), mail.subject.contains(&note.number)),
        (vec![note.name.clone()], true)
    );
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("10.00\u{a0}USD")
            && words.contains(&desk.invoice.number)
            && words.contains("Goodwill."),
        "{words}"
    );
    assert!(
        words
            .contains("What is left to pay of the invoice is 10.00\u{a0}USD less: 90.00\u{a0}USD."),
        "{words}"
    );
    assert!(!words.contains("pay back") && !words.contains("become credit"), "{words}");
    let other =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Twice", amount("USD", 7, 0))]))
            .await;
    let before = content(&desk.admin, &other.name).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: other.name.clone(),
        explanation: "Issued twice.".into(),
        ..Default::default()
    };
    desk.owner.invoices().void_invoice(void).await.unwrap();
    let mail = mails_of(&desk.owner, MailKind::InvoiceVoided, 1).await.remove(0);
    assert_eq!((mail.attachments.len(), &mail.attachments[0]), (1, &other.name));
    assert!(text(&desk.owner, &mail).await.contains("Issued twice."));
    assert_eq!(content(&desk.admin, &other.name).await, before, "what was sent stays as it was");
    assert_eq!(mails(&desk.owner, MailKind::CreditNoteIssued).await.len(), 1);
    invariants::hold(world).await;
}

async fn notice(owner: &Session, notice: PaymentNotice) {
    let tenant =
        Tenant { name: "tenants/acme".into(), payment_notice: notice.into(), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["payment_notice".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    let set = owner.tenants().update_tenant(update).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(set.payment_notice(), notice);
}

async fn a_payment_is_confirmed_by_mail_or_receipt_as_the_tenant_wants_it(world: &World) {
    let till = crate::payments::till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let pay = async |units: i64| {
        let mut request = till.request(vec![by("", None)]);
        request.invoices[0].amount = amount("USD", units, 0);
        till.admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
    };
    pay(30).await;
    let mail = mails_of(&till.owner, MailKind::PaymentReceived, 1).await.remove(0);
    let words = text(&till.owner, &mail).await;
    let this_text = format!(
        "- Invoice {}: 30.00\u{a0}USD paid, 70.00\u{a0}USD left to pay\n",
        till.invoice.number
    );
    assert!(words.contains(&this_text) && mail.attachments.is_empty(), "{words}");
    notice(&till.owner, PaymentNotice::Receipt).await;
    let payment = pay(20).await;
    let receipt = receipts_of(&till.admin, &till.customer, 1).await.remove(0);
    assert_eq!(
        (receipt.payment.as_str(), receipt.top_up.as_str(), receipt.taxed),
        (payment.name.as_str(), "", false)
    );
    let paid = PaidInvoice { number: till.invoice.number.clone(), paid: amount("USD", 20, 0) };
    assert_eq!(
        (receipt.amount.clone(), receipt.invoices.clone()),
        (amount("USD", 20, 0), vec![paid])
    );
    let mail = mails_of(&till.owner, MailKind::PaymentReceived, 2).await.remove(0);
    assert_eq!(
        (mail.attachments.clone(), mail.subject.contains(&receipt.number)),
        (vec![receipt.name.clone()], true)
    );
    assert!(content(&till.admin, &receipt.name).await.starts_with(b"%PDF"));
    // Money that was recorded by hand is confirmed likewise; where the tenant wants nothing,
    // nothing is sent.
    let outside = |units| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![payterms_proto::invoicing::v1::InvoiceToPay {
            invoice: till.invoice.name.clone(),
            amount: amount("USD", units, 0),
        }],
        amount: amount("USD", units, 0),
        reference: "cash".into(),
        receive_date: None,
        ..Default::default()
    };
    till.owner.payments().record_outside_payment(outside(10)).await.unwrap();
    receipts_of(&till.admin, &till.customer, 2).await;
    notice(&till.owner, PaymentNotice::None).await;
    till.owner.payments().record_outside_payment(outside(40)).await.unwrap();
    assert_eq!(receipts_of(&till.admin, &till.customer, 2).await.len(), 2);
    mails_of(&till.owner, MailKind::PaymentReceived, 3).await;
    invariants::hold(world).await;
}

async fn what_documents_cannot_print_is_refused_with_its_field_and_characters(world: &World) {
    let till = crate::payments::till(world, 0).await;
    let address = Address {
        lines: vec!["1 東京".into()],
        city: "東京都".into(),
        country: "JP".into(),
        ..Address::default()
    };
    let customer = Customer {
        name: till.customer.clone(),
        legal_name: "Ελλάς 株式 AG".into(),
        billing_address: Some(address),
        ..Customer::default()
    };
    let mask = FieldMask { paths: vec!["legal_name".into(), "billing_address".into()] };
    let update = |customer: &Customer| UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer.clone()),
        update_mask: Some(mask.clone()),
        ..Default::default()
    };
    let refused = till.admin.customers().update_customer(update(&customer)).await.unwrap_err();
    let texts = violations(&refused);
    assert_eq!((reason(&refused).as_str(), texts.len()), ("SCRIPT_UNSUPPORTED", 3), "{texts:?}");
    for (field, characters) in [
        ("customer.legal_name", "株式"),
        ("customer.billing_address.lines", "東京"),
        ("customer.billing_address.city", "東京都"),
    ] {
        assert!(texts.iter().any(|text| text.starts_with(field)), "{field} in {texts:?}");
        assert!(format!("{refused:?}").contains("SCRIPT_UNSUPPORTED") && !characters.is_empty());
    }
    let line = draft(&till.customer, "USD", vec![line("שלום", amount("USD", 1, 0))]);
    assert_eq!(
        reason(&till.owner.invoices().create_invoice(line).await.unwrap_err()),
        "SCRIPT_UNSUPPORTED"
    );
    // What the fonts have is taken and printed, whatever the language.
    let printable =
        Customer {
            legal_name: "Łódź & Ελλάς Москва".into(), billing_address: None, ..customer
        };
    let named = FieldMask { paths: vec!["legal_name".into()] };
    let update = UpdateCustomerRequest { update_mask: Some(named), ..update(&printable) };
    till.admin.customers().update_customer(update).await.unwrap();
    invariants::hold(world).await;
}
