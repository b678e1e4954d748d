//! Page by page: a token is good for its filter and order alone, and pages neither repeat nor lose
//! an invoice.

use crate::{
    invariants,
    invoices::{draft, issued, line},
    lists::{crowd, list, units},
};
use payterms_proto::invoicing::v1::{ListInvoicesRequest, invoice::State};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both, violations};

on_both!(
    a_page_token_is_good_for_its_filter_and_order_alone,
    pages_by_total_neither_repeat_nor_lose_an_invoice_where_a_draft_ends_one,
);

async fn a_page_token_is_good_for_its_filter_and_order_alone(world: &World) {
    crowd(world).await;
    let staff = world.someone("STAFF", None);
    let request = list("tenants/acme/customers/-", "state = OPEN", "due_date");
    let token =
        staff.invoices().list_invoices(request.clone()).await.unwrap().into_inner().next_page_token;
    assert!(!token.is_empty());
    for other in [
        ListInvoicesRequest { filter: "state != PAID".into(), ..request.clone() },
        ListInvoicesRequest { order_by: "due_date desc".into(), ..request.clone() },
        ListInvoicesRequest { order_by: String::new(), ..request.clone() },
        ListInvoicesRequest { state: State::Open.into(), ..request.clone() },
    ] {
        let refused = staff
            .invoices()
            .list_invoices(ListInvoicesRequest { page_token: token.clone(), ..other })
            .await
            .unwrap_err();
        assert_eq!(violations(&refused), ["page_token: PAGE_TOKEN_INVALID"]);
    }
    let next = staff
        .invoices()
        .list_invoices(ListInvoicesRequest { page_token: token, ..request })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(next.invoices.len(), 2);
}

/// A draft is listed with what it would be now, and stands where its stored total puts it: the next
/// page begins there.
async fn pages_by_total_neither_repeat_nor_lose_an_invoice_where_a_draft_ends_one(world: &World) {
    world.tenant("acme").await;
    let (owner, customer) = (world.someone("OWNER", None), world.customer("acme", "GB").await);
    let mut made = std::collections::BTreeSet::new();
    for (units, is_draft) in
        [(100, false), (100, true), (110, false), (120, true), (120, false), (130, true)]
    {
        let request = draft(&customer, "USD", vec![line("Plan", amount("USD", units, 0))]);
        let invoice = if is_draft {
            owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap()
        } else {
            issued(&owner, request).await
        };
        made.insert(invoice.name);
    }
    // From now on the drafts would be dearer than what was issued above them.
    crate::invoices::taxed(world, &[("GB", "", "20", false)]).await;
    for order in ["total", "total desc"] {
        for page_size in [1, 2, 5] {
            let request =
                ListInvoicesRequest { page_size, ..list("tenants/acme/customers/-", "", order) };
            let mut pages = Vec::new();
            let mut next = request.clone();
            loop {
                let page = owner.invoices().list_invoices(next.clone()).await.unwrap().into_inner();
                pages.extend(page.invoices);
                if page.next_page_token.is_empty() {
                    break;
                }
                next = ListInvoicesRequest { page_token: page.next_page_token, ..request.clone() };
            }
            let names: std::collections::BTreeSet<_> =
                pages.iter().map(|invoice| invoice.name.clone()).collect();
            assert_eq!((pages.len(), &names), (6, &made), "{order} by {page_size}");
            let dear = pages
                .iter()
                .filter(|invoice| invoice.state() == State::Draft)
                .map(|invoice| units(invoice.total.as_ref()));
            assert_eq!(
                dear.collect::<std::collections::BTreeSet<_>>(),
                [120, 144, 156].into(),
                "drafts show the tax of now"
            );
        }
    }
    invariants::hold(world).await;
}
