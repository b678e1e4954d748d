//! Customers have contacts, and come from files.

use payterms_proto::invoicing::v1::{
    Contact, Customer, GetCustomerRequest, ImportCustomersRequest, ListCustomersRequest,
    UpdateCustomerRequest,
};
use payterms_suite::client::request_id;
use payterms_testkit::{World, on_both, reason, violations};

on_both!(
    a_file_adds_what_is_right_and_tells_what_is_wrong,
    a_file_that_cannot_be_read_adds_nothing,
    customers_keep_their_own_contacts
);

fn import(csv: &str) -> ImportCustomersRequest {
    ImportCustomersRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        csv: csv.as_bytes().to_vec().into(),
        ..Default::default()
    }
}

async fn a_file_adds_what_is_right_and_tells_what_is_wrong(world: &World) {
    world.tenant("acme").await;
    let staff = world.someone("STAFF", None);
    let file = "country,legal_name,billing_email,address_lines,city,address_country\n\
                GB,Brightside Ltd,a@b.example,12 Finsbury Square|Floor 2,London,GB\n\
                XX,Nowhere Ltd,not-a-mail,,,\n\
                AU,\"Smith, Jones & Co\",,,,\n";
    let request = import(file);
    let answer = staff.customers().import_customers(request.clone()).await.unwrap().into_inner();
    assert_eq!((answer.added_count, answer.refused_count), (2, 1));
    let lines: Vec<_> = answer.rows.iter().map(|row| (row.line, row.customer.is_empty())).collect();
    assert_eq!(lines, [(2, false), (3, true), (4, false)]);
    let wrong = &answer.rows[1].violations;
    assert!(
        wrong.len() == 2
            && wrong[0].starts_with("billing_email: ")
            && wrong[1].starts_with("country: "),
        "{wrong:?}"
    );
    assert_eq!(
        staff.customers().import_customers(request).await.unwrap().into_inner(),
        answer,
        "a replay adds nobody"
    );
    let list = ListCustomersRequest { parent: "tenants/acme".into(), ..Default::default() };
    let listed = staff.customers().list_customers(list).await.unwrap().into_inner().customers;
    let mut names: Vec<_> = listed.iter().map(|customer| customer.legal_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Brightside Ltd", "Smith, Jones & Co"]);
    let bright = listed.iter().find(|customer| customer.country == "GB").unwrap();
    assert_eq!(bright.billing_address.as_ref().unwrap().lines, ["12 Finsbury Square", "Floor 2"]);
    assert_eq!(bright.tax_treatment.as_ref().unwrap().version, 1, "each has its tax treatment");
}

async fn a_file_that_cannot_be_read_adds_nothing(world: &World) {
    world.tenant("acme").await;
    let staff = world.someone("STAFF", None);
    let many = format!("country\n{}", "GB\n".repeat(501));
    for csv in [
        "nothing,of,this\n1,2,3\n",
        "legal_name\nNo country\n",
        "country\n",
        "country,city\nGB\n",
        &many,
    ] {
        let refused = staff.customers().import_customers(import(csv)).await.unwrap_err();
        assert_eq!(reason(&refused), "CSV_INVALID", "{}", &csv[..20.min(csv.len())]);
    }
    let bytes = ImportCustomersRequest {
        csv: vec![b'c', b'o', 0xFF, b'\n', 0xC3, 0x28].into(),
        ..import("")
    };
    assert_eq!(
        reason(&staff.customers().import_customers(bytes).await.unwrap_err()),
        "CSV_INVALID"
    );
    assert_eq!(
        violations(&staff.customers().import_customers(import("")).await.unwrap_err()),
        ["csv: FIELD_REQUIRED"]
    );
    let list = ListCustomersRequest { parent: "tenants/acme".into(), ..Default::default() };
    assert!(
        staff.customers().list_customers(list).await.unwrap().into_inner().customers.is_empty()
    );
}

async fn customers_keep_their_own_contacts(world: &World) {
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let update = |contacts| UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer { name: customer.clone(), contacts, ..Customer::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["contacts".into()] }),
        ..Default::default()
    };
    let ann = Contact {
        name: "Ann".into(),
        email: "ann@brightside.example".into(),
        receives_documents: true,
    };
    admin.customers().update_customer(update(vec![ann.clone()])).await.unwrap();
    let read = admin
        .customers()
        .get_customer(GetCustomerRequest { name: customer.clone() })
        .await
        .unwrap()
        .into_inner()
        .customer
        .unwrap();
    assert_eq!(read.contacts, [ann]);
    let wrong =
        admin.customers().update_customer(update(vec![Contact::default()])).await.unwrap_err();
    assert_eq!(violations(&wrong), ["customer.contacts[0].email: FIELD_REQUIRED"]);
}
