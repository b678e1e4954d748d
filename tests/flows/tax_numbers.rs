//! A tax number takes tax off once it is verified, and only where the tenant's rule asks for one.

use crate::{
    collections::DAY,
    invariants,
    invoices::{draft, finalize, issued, line, read, taxed},
    mails::{mails_of, text},
    rig::until,
};
use payterms_proto::invoicing::v1::{
    CreateCustomerRequest, Customer, GetCustomerRequest, ImportCustomersRequest, Invoice, MailKind,
    TaxNumber, UpdateCustomerRequest, VerifyTaxNumberRequest, tax_number::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::FieldMask;
use sea_orm::ConnectionTrait;
use tonic::{Code, Status};

on_both!(
    a_person_verifies_a_number_and_only_that_takes_tax_off,
    where_no_rule_asks_for_a_number_it_changes_nothing,
    a_number_that_cannot_be_right_is_refused_with_what_is_wrong,
    numbers_from_before_are_unverified,
);

pub(crate) const NUMBER: &str = "DE 136 695 976";

pub(crate) const OTHER: &str = "DE123456788";

pub(crate) const HOUR: i64 = 3_600;

pub(crate) async fn customer(session: &Session, name: &str) -> Customer {
    let get = GetCustomerRequest { name: name.into() };
    session.customers().get_customer(get).await.unwrap().into_inner().customer.unwrap()
}

pub(crate) fn number(customer: &Customer) -> TaxNumber {
    customer.tax_number.clone().unwrap_or_default()
}

pub(crate) fn rate(customer: &Customer) -> String {
    customer
        .tax_treatment
        .clone()
        .and_then(|tax_treatment| tax_treatment.rate_percent)
        .unwrap_or_default()
        .value
}

pub(crate) async fn set(session: &Session, name: &str, number: &str) -> Result<Customer, Status> {
    let customer = Customer { name: name.into(), tax_id: number.into(), ..Customer::default() };
    let mask = Some(FieldMask { paths: vec!["tax_id".into()] });
    let update = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask: mask,
        ..Default::default()
    };
    session
        .customers()
        .update_customer(update)
        .await
        .map(|answer| answer.into_inner().customer.unwrap())
}

fn finding(name: &str, number: &str, state: State) -> VerifyTaxNumberRequest {
    let explanation = "Certificate of the tax office, 2 June".into();
    VerifyTaxNumberRequest {
        request_id: request_id(),
        name: name.into(),
        tax_id: number.into(),
        state: state.into(),
        explanation,
        ..Default::default()
    }
}

/// What a person found out.
pub(crate) async fn judged(
    session: &Session,
    name: &str,
    number: &str,
    state: State,
) -> Result<Customer, Status> {
    session
        .customers()
        .verify_tax_number(finding(name, number, state))
        .await
        .map(|answer| answer.into_inner().customer.unwrap())
}

/// A seller whose rule for Germany asks for a number.
pub(crate) async fn seller(world: &World) {
    taxed(world, &[("DE", "", "19", false), ("DE", "", "0", true), ("GB", "", "0", false)]).await;
}

pub(crate) async fn drafted(owner: &Session, customer: &str) -> Invoice {
    let request = draft(customer, "EUR", vec![line("Hosting", amount("EUR", 100, 0))]);
    owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap()
}

pub(crate) async fn a_person_verifies_a_number_and_only_that_takes_tax_off(world: &World) {
    world.tenant("acme").await;
    seller(world).await;
    let name = world.customer("acme", "DE").await;
    let (owner, staff) = (world.someone("OWNER", None), world.someone("STAFF", None));
    let admin = world.someone("CUSTOMER_ADMIN", Some(&name));
    assert_eq!(
        reason(&judged(&staff, &name, NUMBER, State::Verified).await.unwrap_err()),
        "TAX_NUMBER_REQUIRED"
    );
    let this_customer = set(&admin, &name, NUMBER).await.unwrap();
    assert_eq!(
        (
            number(&this_customer).state(),
            rate(&this_customer).as_str(),
            this_customer.tax_id.as_str()
        ),
        (State::Unverified, "19", NUMBER)
    );
    let before = drafted(&owner, &name).await;
    assert_eq!(
        before.total,
        amount("EUR", 119, 0),
        "a number that nobody has looked at takes nothing off"
    );
    assert_eq!(
        reason(&judged(&staff, &name, OTHER, State::Verified).await.unwrap_err()),
        "TAX_NUMBER_CHANGED"
    );
    let verified = judged(&staff, &name, NUMBER, State::Verified).await.unwrap();
    let known = number(&verified);
    assert_eq!((known.state(), rate(&verified).as_str()), (State::Verified, "0"));
    assert!(
        known.explanation.starts_with("Certificate")
            && !known.verifier.is_empty()
            && known.consultation_number.is_empty()
    );
    let days = known.recheck_time.unwrap().seconds - known.check_time.unwrap().seconds;
    assert_eq!(days, 90 * DAY);
    let seen = number(&customer(&admin, &name).await);
    assert_eq!(
        (seen.state(), seen.explanation.as_str(), seen.verifier.as_str()),
        (State::Verified, "", ""),
        "who looked is the tenant's to know"
    );
    let now = read(&owner, &before.name).await.unwrap();
    assert_eq!((now.total.clone(), now.etag != before.etag), (amount("EUR", 100, 0), true));
    assert!(now.taxes[0].sentence.starts_with("Reverse charge"));
    let invoice = finalize(&owner, &before.name).await.unwrap();
    // Another spelling is the same number; another number has to be verified again, and touches no
    // document.
    let spelled = set(&admin, &name, "136695976").await.unwrap();
    assert_eq!((number(&spelled).state(), rate(&spelled).as_str()), (State::Verified, "0"));
    let changed = set(&admin, &name, OTHER).await.unwrap();
    assert_eq!((number(&changed).state(), rate(&changed).as_str()), (State::Unverified, "19"));
    assert_eq!(drafted(&owner, &name).await.total, amount("EUR", 119, 0));
    assert_eq!(read(&owner, &invoice.name).await.unwrap(), invoice);
    let refused = judged(&owner, &name, OTHER, State::Invalid).await.unwrap();
    assert_eq!((number(&refused).state(), rate(&refused).as_str()), (State::Invalid, "19"));
    let mail = mails_of(&owner, MailKind::TaxNumberInvalid, 1).await.remove(0);
    assert!(
        text(&owner, &mail).await.contains("Your tax number DE123456788 could not be confirmed.")
    );
    judged(&owner, &name, OTHER, State::Invalid).await.unwrap();
    mails_of(&owner, MailKind::TaxNumberInvalid, 1).await;
    let none = set(&admin, &name, "").await.unwrap();
    assert_eq!(
        (none.tax_number, none.tax_treatment.unwrap().rate_percent.unwrap().value.as_str()),
        (None, "19")
    );
    invariants::hold(world).await;
}

async fn where_no_rule_asks_for_a_number_it_changes_nothing(world: &World) {
    world.tenant("acme").await;
    taxed(world, &[("GB", "", "0", false), ("DE", "", "19", false)]).await;
    let owner = world.someone("OWNER", None);
    let (british, german) =
        (world.customer("acme", "GB").await, world.customer("acme", "DE").await);
    world.vies.says("DE136695976", Ok(true));
    set(&owner, &british, "GB 980 7806 84").await.unwrap();
    set(&owner, &german, NUMBER).await.unwrap();
    let before = customer(&owner, &british).await;
    let verified = judged(&owner, &british, "GB 980 7806 84", State::Verified).await.unwrap();
    assert_eq!(
        verified.tax_treatment, before.tax_treatment,
        "Australia to the United Kingdom asks for none"
    );
    let verified = judged(&owner, &german, NUMBER, State::Verified).await.unwrap();
    assert_eq!(rate(&verified), "19");
    set(&owner, &german, OTHER).await.unwrap();
    world.vies.says(OTHER, Ok(true));
    assert!(world.vies.requests().is_empty(), "nobody is asked for what nothing depends on");
    // The rule asks for one from now on: the number that is there is looked up.
    seller(world).await;
    let found = until(
        async || Ok(customer(&owner, &german).await),
        |customer| number(customer).state() == State::Verified,
    )
    .await;
    assert_eq!(
        (rate(&found).as_str(), number(&found).consultation_number.as_str()),
        ("0", ""),
        "a seller outside of the Union has no number to ask with"
    );
    assert!(
        world.vies.requests().iter().all(|value| value["countryCode"] == "DE"),
        "VIES does not know British numbers"
    );
    invariants::hold(world).await;
}

async fn a_number_that_cannot_be_right_is_refused_with_what_is_wrong(world: &World) {
    world.tenant("acme").await;
    let (owner, name) = (world.someone("OWNER", None), world.customer("acme", "AU").await);
    let create = async |country: &str, number: &str, legal_name: &str| {
        let customer = Customer {
            country: country.into(),
            tax_id: number.into(),
            legal_name: legal_name.into(),
            ..Customer::default()
        };
        let parent = "tenants/acme".into();
        owner
            .customers()
            .create_customer(CreateCustomerRequest {
                request_id: request_id(),
                parent,
                customer: Some(customer),
                ..Default::default()
            })
            .await
    };
    let wrong = create("DE", "DE123456789", "a\u{0}b").await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert_eq!(
        violations(&wrong),
        ["customer.tax_id: TAX_NUMBER_INVALID", "customer.legal_name: FIELD_INVALID_CHARS"]
    );
    assert!(
        wrong.message().contains("Its check digits do not fit the others."),
        "{}",
        wrong.message()
    );
    let abn = set(&owner, &name, "51 824 753 55").await.unwrap_err();
    assert_eq!(reason(&abn), "TAX_NUMBER_INVALID");
    assert!(abn.message().contains("an ABN is 11 digits"), "{}", abn.message());
    set(&owner, &name, "51 824 753 556").await.unwrap();
    // A country that the number cannot be of is refused too.
    let moved = Customer { name: name.clone(), country: "DE".into(), ..Customer::default() };
    let mask = Some(FieldMask { paths: vec!["country".into()] });
    let moved = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(moved),
        update_mask: mask,
        ..Default::default()
    };
    assert_eq!(
        reason(&owner.customers().update_customer(moved).await.unwrap_err()),
        "TAX_NUMBER_INVALID"
    );
    create("US", "12-3456789", "").await.expect("the forms of other countries are not known");
    let csv =
        "country,legal_name,tax_id\nDE,Right GmbH,DE 136 695 976\nCH,Wrong AG,CHE-107.787.578\n";
    let import = ImportCustomersRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        csv: csv.as_bytes().to_vec().into(),
        ..Default::default()
    };
    let imported = owner.customers().import_customers(import).await.unwrap().into_inner();
    assert_eq!((imported.added_count, imported.refused_count), (1, 1));
    assert!(
        imported.rows[1].violations[0].starts_with("tax_id: Its check digits"),
        "{:?}",
        imported.rows[1]
    );
    let unsaid = VerifyTaxNumberRequest {
        explanation: String::new(),
        ..finding(&name, "51 824 753 556", State::Unverified)
    };
    let unsaid = owner.customers().verify_tax_number(unsaid).await.unwrap_err();
    assert_eq!(violations(&unsaid), ["state: ENUM_INVALID", "explanation: FIELD_REQUIRED"]);
    invariants::hold(world).await;
}

/// What the step `invoicing_0010_tax_numbers` leaves: numbers without a state, and the tax of their
/// countries due.
async fn numbers_from_before_are_unverified(world: &World) {
    world.tenant("acme").await;
    seller(world).await;
    let (owner, name) = (world.someone("OWNER", None), world.customer("acme", "DE").await);
    set(&owner, &name, NUMBER).await.unwrap();
    judged(&owner, &name, NUMBER, State::Verified).await.unwrap();
    let invoice =
        issued(&owner, draft(&name, "EUR", vec![line("Hosting", amount("EUR", 100, 0))])).await;
    let (conn, s) = world.rows("invoicing").await;
    conn.execute_unprepared(&format!("UPDATE {s}customers SET tax_number = ''")).await.unwrap();
    let shown = customer(&owner, &name).await;
    assert_eq!(
        (number(&shown).state(), rate(&shown).as_str()),
        (State::Unverified, "0"),
        "until its tax is resolved anew"
    );
    assert_eq!(
        drafted(&owner, &name).await.total,
        amount("EUR", 119, 0),
        "a draft shows what it would be now"
    );
    let due = format!(
        "INSERT INTO {s}due (tenant, job, subject, due_at, ordinal) SELECT DISTINCT tenant, 'resolve_tax', \
         country || '/00000000-0000-0000-0000-000000000000', CAST('2000-01-01T00:00:00+00:00' AS {}), 0 \
         FROM {s}customers WHERE tax_id <> '' ON CONFLICT (tenant, job, subject) DO NOTHING",
        if s.is_empty() { "TEXT" } else { "timestamptz" }
    );
    conn.execute_unprepared(&due).await.unwrap();
    until(async || Ok(customer(&owner, &name).await), |customer| rate(customer) == "19").await;
    let still = read(&owner, &invoice.name).await.unwrap();
    assert_eq!(
        (still.total, still.taxes),
        (amount("EUR", 100, 0), invoice.taxes),
        "issued documents stay"
    );
    invariants::hold(world).await;
}
