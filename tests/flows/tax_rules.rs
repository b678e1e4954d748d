//! The tax rules of a seller hold as their table says it.

use crate::invoices::{draft, issued, line, taxed};
use payterms_proto::invoicing::v1::InvoiceLine;
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(tax_rules_of_the_table_hold);

async fn tax_rules_of_the_table_hold(world: &World) {
    world.tenant("acme").await;
    let rules = [
        ("AU", "", "10", false),
        ("DE", "", "20", false),
        ("DE", "", "0", true),
        ("FR", "", "20", false),
        ("FR", "books", "5.5", false),
    ];
    taxed(world, &rules).await;
    let owner = world.someone("OWNER", None);
    let french = world.customer("acme", "FR").await;
    let books = InvoiceLine { tax_category: "books".into(), ..line("Books", amount("EUR", 10, 1)) };
    let two =
        issued(&owner, draft(&french, "EUR", vec![line("Hosting", amount("EUR", 20, 2)), books]))
            .await;
    let taxes: Vec<_> = two.taxes.iter().map(|tax_amount| tax_amount.tax.clone()).collect();
    assert_eq!(
        (taxes, two.total.clone()),
        (vec![amount("EUR", 4, 0), amount("EUR", 0, 55)], amount("EUR", 34, 58))
    );
    let australian = world.customer("acme", "AU").await;
    let mut inclusive = draft(&australian, "AUD", vec![line("Plan", amount("AUD", 55, 0))]);
    inclusive.invoice.as_mut().unwrap().prices_include_tax = true;
    let inclusive = issued(&owner, inclusive).await;
    assert_eq!(
        (inclusive.net, inclusive.total, inclusive.taxes[0].tax.clone()),
        (amount("AUD", 50, 0), amount("AUD", 55, 0), amount("AUD", 5, 0))
    );
    let german = world.customer("acme", "DE").await;
    let plain =
        issued(&owner, draft(&german, "EUR", vec![line("Hosting", amount("EUR", 10, 0))])).await;
    assert_eq!(plain.total, amount("EUR", 12, 0));
    let update = payterms_proto::invoicing::v1::UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(payterms_proto::invoicing::v1::Customer {
            name: german.clone(),
            tax_id: "DE136695976".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["tax_id".into()] }),
        ..Default::default()
    };
    owner.customers().update_customer(update).await.unwrap();
    crate::tax_numbers::judged(
        &owner,
        &german,
        "DE136695976",
        payterms_proto::invoicing::v1::tax_number::State::Verified,
    )
    .await
    .unwrap();
    let reverse =
        issued(&owner, draft(&german, "EUR", vec![line("Hosting", amount("EUR", 10, 0))])).await;
    assert_eq!(
        (reverse.total, reverse.buyer.unwrap().tax_id.as_str()),
        (amount("EUR", 10, 0), "DE136695976")
    );
    assert!(reverse.taxes[0].sentence.starts_with("Reverse charge"), "the document says why");
}
