//! What a tenant's own systems write on resources: ids that are unique and found by, and labels.

use crate::{
    invariants,
    invoices::{draft, finalize, line},
    wallets::{debit, grant},
};
use payterms_proto::{
    invoicing::v1::{
        CreateCustomerRequest, CreateInvoiceRequest, Customer, GetInvoiceRequest,
        ImportCustomersRequest, Invoice, ListCustomersRequest, ListInvoicesRequest,
        UpdateCustomerRequest, UpdateInvoiceRequest,
    },
    wallet::v1::{ListWalletsRequest, OpenWalletRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use std::collections::BTreeMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both!(
    a_customer_is_found_by_an_own_id_and_by_labels,
    of_many_customers_with_one_own_id_one_is_made,
    wallets_and_invoices_have_own_ids_and_labels,
);

fn labels(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn mask(paths: &[&str]) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

/// The name that the refusal of a taken own id tells.
pub(crate) fn taken_by(refused: &Status) -> String {
    assert_eq!(
        (refused.code(), reason(refused).as_str()),
        (Code::AlreadyExists, "EXTERNAL_ID_TAKEN"),
        "{refused:?}"
    );
    refused.get_details_error_info().unwrap().metadata.get("name").cloned().unwrap_or_default()
}

fn new_customer(external_id: &str, all: &[(&str, &str)]) -> CreateCustomerRequest {
    let customer = Customer {
        country: "GB".into(),
        external_id: external_id.into(),
        labels: labels(all),
        ..Customer::default()
    };
    CreateCustomerRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        customer: Some(customer),
        ..Default::default()
    }
}

async fn create(session: &Session, request: CreateCustomerRequest) -> Result<Customer, Status> {
    session
        .customers()
        .create_customer(request)
        .await
        .map(|answer| answer.into_inner().customer.unwrap())
}

/// The own ids of the customers of a list, by pages of two.
async fn customers(session: &Session, filter: &str, order_by: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListCustomersRequest {
            parent: "tenants/acme".into(),
            page_size: 2,
            page_token,
            filter: filter.into(),
            order_by: order_by.into(),
        };
        let page = session
            .customers()
            .list_customers(request)
            .await
            .unwrap_or_else(|status| panic!("{filter}: {status:?}"))
            .into_inner();
        found.extend(page.customers.into_iter().map(|customer| customer.external_id));
        if page.next_page_token.is_empty() {
            return found;
        }
        page_token = page.next_page_token;
    }
}

async fn a_customer_is_found_by_an_own_id_and_by_labels(world: &World) {
    world.tenant("acme").await;
    let staff = world.someone("STAFF", None);
    let request = new_customer("crm/7", &[("region", "north"), ("cost-centre", "4 \"b\"")]);
    let first = create(&staff, request.clone()).await.unwrap();
    assert_eq!(
        (first.external_id.as_str(), &first.labels),
        ("crm/7", &request.customer.as_ref().unwrap().labels)
    );
    assert_eq!(create(&staff, request).await.unwrap(), first, "a retry is the same customer");
    assert_eq!(
        taken_by(&create(&staff, new_customer("crm/7", &[])).await.unwrap_err()),
        first.name
    );
    let second = create(&staff, new_customer("crm/8", &[("region", "south")])).await.unwrap();
    create(&staff, new_customer("", &[])).await.unwrap();
    create(&staff, new_customer("CRM/7", &[("region", "")])).await.unwrap();
    for (filter, expected) in [
        ("external_id = \"crm/7\"", vec!["crm/7"]),
        ("external_id != \"crm/7\"", vec!["crm/8", "", "CRM/7"]),
        ("labels.region = north", vec!["crm/7"]),
        ("labels.region != north", vec!["crm/8", "", "CRM/7"]),
        ("labels.region = \"\"", vec!["CRM/7"]),
        (
            "labels.cost-centre = \"4 \\\"b\\\"\" AND labels.region = north AND country = GB",
            vec!["crm/7"],
        ),
        ("labels.other = north", vec![]),
        ("update_time > 2020-01-01T00:00:00Z", vec!["crm/7", "crm/8", "", "CRM/7"]),
        ("update_time < 2020-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(customers(&staff, filter, "").await, expected, "{filter}");
    }
    let change = |external_id: &str, all: &[(&str, &str)], paths: &[&str]| UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer {
            name: first.name.clone(),
            external_id: external_id.into(),
            labels: labels(all),
            ..Customer::default()
        }),
        update_mask: Some(mask(paths)),
        ..Default::default()
    };
    let clash = staff
        .customers()
        .update_customer(change("crm/8", &[], &["external_id"]))
        .await
        .unwrap_err();
    assert_eq!(taken_by(&clash), second.name);
    let changed =
        staff.customers().update_customer(change("", &[("tier", "a")], &["labels"])).await.unwrap();
    let changed = changed.into_inner().customer.unwrap();
    assert_eq!((changed.external_id.as_str(), changed.labels), ("crm/7", labels(&[("tier", "a")])));
    assert_eq!(
        customers(&staff, "", "update_time").await,
        ["crm/8", "", "CRM/7", "crm/7"],
        "the one that was changed is the last"
    );
    assert_eq!(customers(&staff, "", "update_time desc").await, ["crm/7", "CRM/7", "", "crm/8"]);
    staff.customers().update_customer(change("", &[], &["external_id"])).await.unwrap();
    assert_eq!(
        create(&staff, new_customer("crm/7", &[])).await.unwrap().external_id,
        "crm/7",
        "an id that was taken off is free"
    );
    let member = world.someone("CUSTOMER_ADMIN", Some(&first.name));
    let refused =
        member.customers().update_customer(change("x", &[], &["external_id"])).await.unwrap_err();
    assert_eq!(
        violations(&refused),
        ["update_mask: FIELD_MASK_INVALID"],
        "own ids are the tenant's"
    );
    wrong_ids_and_taken_ones_are_named(&staff).await;
}

/// All that is wrong is named at once, of an import row by row.
async fn wrong_ids_and_taken_ones_are_named(staff: &Session) {
    let wrong = new_customer(" x", &[("Region", "a"), ("a", " b"), ("b", &"v".repeat(257))]);
    let texts = violations(&create(staff, wrong).await.unwrap_err());
    assert_eq!(
        texts,
        [
            "customer.external_id: FIELD_INVALID_CHARS",
            "customer.labels[\"Region\"]: FIELD_INVALID_CHARS",
            "customer.labels.a: FIELD_INVALID_CHARS",
            "customer.labels.b: FIELD_TOO_LONG",
        ]
    );
    let many: Vec<_> = (0..33).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(
        violations(&create(staff, new_customer("", &many)).await.unwrap_err()),
        ["customer.labels: TOO_MANY_ITEMS"]
    );
    let csv = "country,external_id\nGB,crm/7\nGB,csv/1\nGB,csv/1\n";
    let import = ImportCustomersRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        csv: csv.as_bytes().to_vec().into(),
        ..Default::default()
    };
    let imported = staff.customers().import_customers(import).await.unwrap().into_inner();
    assert_eq!((imported.added_count, imported.refused_count), (1, 2));
    assert!(
        imported.rows[0].violations[0].starts_with("external_id: tenants/acme/customers/"),
        "{imported:?}"
    );
    assert!(imported.rows[2].violations[0].contains("earlier row"), "{imported:?}");
    let existing: Vec<_> = imported.rows.iter().map(|row| row.existing_customer.as_str()).collect();
    assert!(
        existing[0].starts_with("tenants/acme/customers/") && existing[1].is_empty(),
        "{imported:?}"
    );
    assert_eq!(existing[2], imported.rows[1].customer);
}

async fn of_many_customers_with_one_own_id_one_is_made(world: &World) {
    world.tenant("acme").await;
    let staff = world.someone("STAFF", None);
    let calls = (0..16).map(|_| {
        let staff = staff.clone();
        tokio::spawn(async move { create(&staff, new_customer("crm/7", &[])).await })
    });
    let (mut made, mut taken) = (Vec::new(), Vec::new());
    for call in futures::future::join_all(calls).await {
        match call.unwrap() {
            Ok(customer) => made.push(customer.name),
            Err(refused) => taken.push(taken_by(&refused)),
        }
    }
    assert_eq!((made.len(), taken.len()), (1, 15));
    assert!(taken.iter().all(|name| *name == made[0]), "each is told the name of the first");
}

async fn wallets_and_invoices_have_own_ids_and_labels(world: &World) {
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    let (staff, service) = (world.someone("STAFF", None), world.someone("SERVICE", None));
    let open = |currency: &str, external_id: &str| OpenWalletRequest {
        request_id: request_id(),
        parent: customer.clone(),
        currency_code: currency.into(),
        external_id: external_id.into(),
        labels: labels(&[("team", "red")]),
        ..Default::default()
    };
    let wallet = service
        .wallets()
        .open_wallet(open("USD", "w-1"))
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap();
    assert_eq!((wallet.external_id.as_str(), &wallet.labels), ("w-1", &labels(&[("team", "red")])));
    assert_eq!(
        taken_by(&service.wallets().open_wallet(open("AUD", "w-1")).await.unwrap_err()),
        wallet.name
    );
    let again = service.wallets().open_wallet(open("USD", "w-1")).await.unwrap_err();
    assert_eq!(taken_by(&again), wallet.name, "though the customer has a wallet in the currency");
    service.wallets().open_wallet(open("AUD", "")).await.unwrap();
    grant(world, &wallet.name, amount("USD", 10, 0), 0).await;
    service.postings().post_debit(debit(&wallet.name, amount("USD", 1, 0))).await.unwrap();
    service.postings().post_debit(debit(&wallet.name, amount("USD", 1, 0))).await.unwrap();
    let by_id = ListWalletsRequest {
        parent: "tenants/acme/customers/-".into(),
        filter: "external_id = w-1 AND labels.team = red".into(),
        ..Default::default()
    };
    let found = staff.wallets().list_wallets(by_id).await.unwrap().into_inner().wallets;
    assert_eq!(
        (found.len(), &found[0].name, &found[0].labels),
        (1, &wallet.name, &wallet.labels),
        "debits leave them as they are"
    );
    Box::pin(invoices_have_own_ids_and_labels(world, &staff, &customer)).await;
    invariants::hold(world).await;
}

/// Labels of what is issued may change, its memo not.
async fn invoices_have_own_ids_and_labels(world: &World, staff: &Session, customer: &str) {
    let with = |external_id: &str| {
        let mut request = draft(customer, "USD", vec![line("Plan", amount("USD", 5, 0))]);
        request.invoice.as_mut().unwrap().external_id = external_id.into();
        request.invoice.as_mut().unwrap().labels = labels(&[("run", "jan")]);
        request
    };
    let new = async |request: CreateInvoiceRequest| {
        staff
            .invoices()
            .create_invoice(request)
            .await
            .map(|made| made.into_inner().invoice.unwrap())
    };
    let first = new(with("inv-1")).await.unwrap();
    assert_eq!(taken_by(&new(with("inv-1")).await.unwrap_err()), first.name);
    let issued = finalize(&world.someone("OWNER", None), &first.name).await.unwrap();
    assert_eq!(
        (issued.external_id.as_str(), &issued.labels),
        ("inv-1", &labels(&[("run", "jan")])),
        "events carry what is issued"
    );
    let update = |paths: &[&str]| UpdateInvoiceRequest {
        request_id: request_id(),
        invoice: Some(Invoice {
            name: first.name.clone(),
            labels: labels(&[("run", "feb")]),
            memo: "m".into(),
            ..Invoice::default()
        }),
        update_mask: Some(mask(paths)),
        ..Default::default()
    };
    let changed = staff
        .invoices()
        .update_invoice(update(&["labels"]))
        .await
        .unwrap()
        .into_inner()
        .invoice
        .unwrap();
    assert_eq!(
        (changed.labels, changed.external_id.as_str()),
        (labels(&[("run", "feb")]), "inv-1"),
        "labels of what is issued may change"
    );
    let refused = staff.invoices().update_invoice(update(&["labels", "memo"])).await.unwrap_err();
    assert_eq!(reason(&refused), "INVOICE_STATE");
    let list = |filter: &str| ListInvoicesRequest {
        parent: "tenants/acme/customers/-".into(),
        filter: filter.into(),
        order_by: "update_time desc".into(),
        ..Default::default()
    };
    new(with("inv-2")).await.unwrap();
    for (filter, expected) in [
        ("external_id = inv-1", vec!["inv-1"]),
        ("labels.run = feb", vec!["inv-1"]),
        ("labels.run != feb", vec!["inv-2"]),
        ("", vec!["inv-2", "inv-1"]),
    ] {
        let found =
            staff.invoices().list_invoices(list(filter)).await.unwrap().into_inner().invoices;
        assert_eq!(
            found.iter().map(|invoice| invoice.external_id.as_str()).collect::<Vec<_>>(),
            expected,
            "{filter}"
        );
    }
    let read = GetInvoiceRequest { name: first.name.clone() };
    assert_eq!(
        staff.invoices().get_invoice(read).await.unwrap().into_inner().invoice.unwrap().labels,
        labels(&[("run", "feb")])
    );
}
