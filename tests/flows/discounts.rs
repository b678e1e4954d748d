//! Lines and whole invoices carry discounts, before tax; credit notes stay in proportion.

use crate::{
    drafts::{finalize_as_read, update},
    invariants,
    invoices::{draft, issued, line, read, taxed},
};
use payterms_proto::{
    google::r#type::{Decimal, Money},
    invoicing::v1::{
        CreateCreditNoteRequest, CreateInvoiceRequest, Customer, Discount, GetDocumentRequest,
        Invoice, InvoiceLine, ListCreditNotesRequest, UpdateCustomerRequest, discount::Off,
        invoice::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both};
use prost_types::FieldMask;

on_both!(
    discounts_become_lines_before_tax_when_a_draft_is_issued,
    credit_notes_over_discounts_stay_in_proportion,
);

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn percent(text: &str) -> Option<Discount> {
    Some(Discount {
        off: Some(Off::Percent(Decimal { value: text.into() })),
        ..Discount::default()
    })
}

pub(crate) fn off(money: Option<Money>) -> Option<Discount> {
    money.map(|money| Discount { off: Some(Off::Amount(money)), ..Discount::default() })
}

pub(crate) fn of_category(category: &str, line: InvoiceLine) -> InvoiceLine {
    InvoiceLine { tax_category: category.into(), ..line }
}

pub(crate) fn discounted(
    mut request: CreateInvoiceRequest,
    discount: Option<Discount>,
) -> CreateInvoiceRequest {
    request.invoice.as_mut().unwrap().discount = discount;
    request
}

pub(crate) async fn created(owner: &Session, request: CreateInvoiceRequest) -> Invoice {
    owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap()
}

/// A seller of three rates, and a customer in France.
pub(crate) async fn seller(world: &World) -> (Session, String) {
    world.tenant("acme").await;
    taxed(
        world,
        &[("FR", "", "20", false), ("FR", "books", "5.5", false), ("FR", "free", "0", false)],
    )
    .await;
    (world.someone("OWNER", None), world.customer("acme", "FR").await)
}

fn taxes(invoice: &Invoice) -> Vec<(Option<Money>, Option<Money>)> {
    invoice
        .taxes
        .iter()
        .map(|tax_amount| (tax_amount.net.clone(), tax_amount.tax.clone()))
        .collect()
}

pub(crate) async fn discounts_become_lines_before_tax_when_a_draft_is_issued(world: &World) {
    let (owner, customer) = seller(world).await;
    let three = InvoiceLine {
        quantity: Some(Decimal { value: "3".into() }),
        discount: percent("10"),
        ..line(
            "Licences",
            Some(Money { currency_code: "EUR".into(), units: 3, nanos: 335_000_000 }),
        )
    };
    let loyalty = off(amount("EUR", 1, 50))
        .map(|discount| Discount { description: "Loyalty".into(), ..discount });
    let books = InvoiceLine {
        discount: loyalty,
        ..of_category("books", line("Books", amount("EUR", 51, 50)))
    };
    let lines = vec![
        line("Hosting", amount("EUR", 96, 0)),
        three,
        line("Rebate", amount("EUR", -5, 0)),
        books,
    ];
    let made = created(&owner, draft(&customer, "EUR", lines)).await;
    // 96.00 + 9.00 − 5.00 at 20 %, 50.00 at 5.5 %.
    assert_eq!(
        taxes(&made),
        [
            (amount("EUR", 100, 0), amount("EUR", 20, 0)),
            (amount("EUR", 50, 0), amount("EUR", 2, 75))
        ]
    );
    let shown = made.lines[1].discount.clone().unwrap();
    assert_eq!(
        (made.lines[1].amount.clone(), shown.taken_off),
        (amount("EUR", 9, 0), amount("EUR", 1, 1)),
        "rounded once"
    );
    let with = update(Invoice { discount: off(amount("EUR", 10, 0)), ..made.clone() }, "discount");
    let lowered =
        owner.invoices().update_invoice(with).await.unwrap().into_inner().invoice.unwrap();
    let expected = [
        (amount("EUR", 93, 33), amount("EUR", 18, 67)),
        (amount("EUR", 46, 67), amount("EUR", 2, 57)),
    ];
    assert_eq!(
        (taxes(&lowered).as_slice(), lowered.total.clone(), lowered.lines.len()),
        (expected.as_slice(), amount("EUR", 161, 24), 4)
    );
    assert_eq!(lowered.discount.as_ref().unwrap().taken_off, amount("EUR", 10, 0));
    let invoice = finalize_as_read(&owner, &lowered).await.unwrap();
    assert_eq!(
        (taxes(&invoice).as_slice(), invoice.total.clone()),
        (expected.as_slice(), lowered.total.clone()),
        "as the draft showed it"
    );
    let added: Vec<_> = invoice.lines[4..]
        .iter()
        .map(|invoice_line| {
            (invoice_line.description.replace('\u{a0}', " "), invoice_line.amount.clone())
        })
        .collect();
    assert_eq!(
        added,
        [
            ("Discount (tax 20 %)".to_owned(), amount("EUR", -6, -67)),
            ("Discount (tax 5.5 %)".to_owned(), amount("EUR", -3, -33))
        ]
    );
    assert!(
        invoice.lines[4..].iter().all(|invoice_line| invoice_line.is_invoice_discount)
            && !invoice.lines[0].is_invoice_discount
    );
    assert_eq!(read(&owner, &invoice.name).await.unwrap(), invoice);
    // With prices that include tax a discount includes it too; taken off again, it leaves the draft
    // as it was.
    let mut inclusive = discounted(
        draft(&customer, "EUR", vec![line("Plan", amount("EUR", 120, 0))]),
        percent("10"),
    );
    inclusive.invoice.as_mut().unwrap().prices_include_tax = true;
    let inclusive = created(&owner, inclusive).await;
    assert_eq!(
        (inclusive.net.clone(), inclusive.total.clone()),
        (amount("EUR", 90, 0), amount("EUR", 108, 0))
    );
    let without =
        update(Invoice { name: inclusive.name.clone(), ..Invoice::default() }, "discount");
    let without =
        owner.invoices().update_invoice(without).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!((without.total, without.discount), (amount("EUR", 120, 0), None));
    a_discount_has_words_in_french(&owner, &customer).await;
    invariants::hold(world).await;
}

/// The line of a discount of the whole is written in the language of the document.
async fn a_discount_has_words_in_french(owner: &Session, customer: &str) {
    let french = Customer { name: customer.to_owned(), locale: "fr".into(), ..Customer::default() };
    let mask = Some(FieldMask { paths: vec!["locale".into()] });
    let french = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(french),
        update_mask: mask,
        ..Default::default()
    };
    owner.customers().update_customer(french).await.unwrap();
    let invoice = issued(
        owner,
        discounted(
            draft(customer, "EUR", vec![line("Forfait", amount("EUR", 80, 0))]),
            percent("12.5"),
        ),
    )
    .await;
    assert_eq!(
        (invoice.lines[1].description.replace('\u{a0}', " ").as_str(), invoice.net.clone()),
        ("Remise 12,5 %", amount("EUR", 70, 0))
    );
    let get = GetDocumentRequest { name: invoice.name };
    assert!(
        owner
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
}

async fn credit_notes_over_discounts_stay_in_proportion(world: &World) {
    let (owner, customer) = seller(world).await;
    let lines = vec![
        line("Hosting", amount("EUR", 100, 1)),
        of_category("books", line("Books", amount("EUR", 33, 33))),
        of_category("free", line("Stamps", amount("EUR", 7, 77))),
        line("Rebate", amount("EUR", -20, 0)),
    ];
    let invoice = issued(&owner, discounted(draft(&customer, "EUR", lines), percent("7.5"))).await;
    for _ in 0..2 {
        let note = CreateCreditNoteRequest {
            request_id: request_id(),
            parent: invoice.name.clone(),
            amount: amount("EUR", 33, 33),
            explanation: "A third".into(),
        };
        owner.invoices().create_credit_note(note).await.unwrap();
    }
    let open = read(&owner, &invoice.name).await.unwrap().open;
    let rest = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: open,
        explanation: "The rest".into(),
    };
    owner.invoices().create_credit_note(rest).await.unwrap();
    let list = ListCreditNotesRequest { parent: invoice.name.clone(), ..Default::default() };
    let notes = owner.invoices().list_credit_notes(list).await.unwrap().into_inner().credit_notes;
    let cents = |money: &Option<Money>| {
        money.as_ref().map_or(0, |amount| amount.units * 100 + i64::from(amount.nanos) / 10_000_000)
    };
    assert_eq!((notes.len(), invoice.taxes.len()), (3, 3));
    for tax_amount in &invoice.taxes {
        let parts = notes
            .iter()
            .flat_map(|note| &note.taxes)
            .filter(|part| part.rate_percent == tax_amount.rate_percent);
        let (net, tax) =
            parts.fold((0, 0), |(net, tax), part| (net + cents(&part.net), tax + cents(&part.tax)));
        assert_eq!(
            (net, tax),
            (cents(&tax_amount.net), cents(&tax_amount.tax)),
            "{:?}",
            tax_amount.rate_percent
        );
    }
    assert_eq!(read(&owner, &invoice.name).await.unwrap().state(), State::Void);
    invariants::hold(world).await;
}
