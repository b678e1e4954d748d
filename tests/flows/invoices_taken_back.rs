//! Credit notes, voids and write-offs take back what is open of an invoice.

use crate::invoices::{Again, draft, issued, line, taxed};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        CreateCreditNoteRequest, InvoiceLine, ListCreditNotesRequest, VoidInvoiceRequest,
        WriteOffInvoiceRequest, invoice::State,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(credit_notes_and_voids_take_back_what_is_open);

async fn credit_notes_and_voids_take_back_what_is_open(world: &World) {
    world.tenant("acme").await;
    taxed(world, &[("AU", "", "10", false)]).await;
    let owner = world.someone("OWNER", None);
    let customer = world.customer("acme", "AU").await;
    let mut hundred = draft(&customer, "AUD", vec![line("Plan", amount("AUD", 100, 0))]);
    hundred.invoice.as_mut().unwrap().prices_include_tax = true;
    let invoice = issued(&owner, hundred.clone()).await;
    let credit = |units, cents| CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("AUD", units, cents),
        explanation: "A third was not delivered".into(),
    };
    for (place, (units, cents)) in [(33, 33), (33, 33), (33, 34)].into_iter().enumerate() {
        let answer =
            owner.invoices().create_credit_note(credit(units, cents)).await.unwrap().into_inner();
        let note = answer.credit_note.unwrap();
        assert!(
            note.number.starts_with("CN-") && note.number.ends_with(&format!("{:06}", place + 1)),
            "{}",
            note.number
        );
        assert_eq!(
            (note.taxes[0].tax.clone(), note.invoice_number),
            (amount("AUD", 3, 3), invoice.number.clone())
        );
        assert_eq!(
            answer.invoice.unwrap().state(),
            if place == 2 { State::Void } else { State::Open }
        );
    }
    let more = owner.invoices().create_credit_note(credit(0, 1)).await.unwrap_err();
    assert_eq!(reason(&more), "INVOICE_STATE");
    let list =
        ListCreditNotesRequest { parent: invoice.name.clone(), page_size: 2, ..Default::default() };
    let page = owner.invoices().list_credit_notes(list.clone()).await.unwrap().into_inner();
    let rest = ListCreditNotesRequest { page_token: page.next_page_token, ..list };
    assert_eq!(
        (
            page.credit_notes.len(),
            owner.invoices().list_credit_notes(rest).await.unwrap().into_inner().credit_notes.len()
        ),
        (2, 1)
    );
    let second = issued(&owner, hundred.clone_with_id()).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: second.name.clone(),
        explanation: "Wrong customer".into(),
        ..Default::default()
    };
    let voided = owner.invoices().void_invoice(void).await.unwrap().into_inner();
    assert_eq!(voided.credit_note, None, "outside the European Union a void needs no document");
    let voided = voided.invoice.unwrap();
    assert_eq!(
        (voided.state(), voided.number.clone(), voided.open.clone()),
        (State::Void, second.number, amount("AUD", 0, 0))
    );
    // A line that comes to nothing under a rate of its own does not stand in the way.
    taxed(world, &[("AU", "", "10", false), ("AU", "calls", "5", false)]).await;
    let little = InvoiceLine {
        quantity: Some(Decimal { value: "0.1".into() }),
        tax_category: "calls".into(),
        ..line("A call", amount("AUD", 0, 1))
    };
    let mut two_rates = hundred.clone_with_id();
    two_rates.invoice.as_mut().unwrap().lines.push(little);
    let mixed = issued(&owner, two_rates).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: mixed.name,
        explanation: "Twice".into(),
        ..Default::default()
    };
    assert_eq!(
        owner.invoices().void_invoice(void).await.unwrap().into_inner().invoice.unwrap().state(),
        State::Void
    );
    let third = issued(&owner, hundred.clone_with_id()).await;
    let off =
        WriteOffInvoiceRequest { request_id: request_id(), name: third.name, ..Default::default() };
    let off = owner.invoices().write_off_invoice(off).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(
        (off.state(), off.written_off, off.open),
        (State::Uncollectible, amount("AUD", 100, 0), amount("AUD", 0, 0))
    );
}
