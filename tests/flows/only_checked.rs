//! A write with `validate_only` is answered as it would be, and nothing is written; the same
//! request without it then does what was checked.

use crate::{
    clocks, invariants,
    invoices::{draft, line},
};
use payterms_chassis::sql;
use payterms_proto::{
    invoicing::v1::{CreateCustomerRequest, Customer, FinalizeInvoiceRequest, VoidInvoiceRequest},
    plans::v1::{PlanSettings, UpdatePlanSettingsRequest},
    wallet::v1::{GrantCreditRequest, OpenWalletRequest},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use sea_orm::{DatabaseConnection, DbBackend, QueryResult};
use std::collections::BTreeMap;
use tonic::{Response, Status};

on_both!(what_is_only_checked_writes_nothing_and_then_is_done);

/// What is written by itself: who holds which task.
const LEASES: &str = "intent_lease";

async fn texts(conn: &DatabaseConnection, select: &str) -> Vec<String> {
    let text =
        |row: &QueryResult| row.try_get::<Option<String>>("", "text").unwrap().unwrap_or_default();
    sql::all(conn, select, vec![]).await.unwrap().iter().map(text).collect()
}

/// All rows of a service, by table.
async fn rows(world: &World, service: &str) -> BTreeMap<String, Vec<String>> {
    let (conn, schema) = world.rows(service).await;
    let is_postgres = conn.get_database_backend() == DbBackend::Postgres;
    let tables = if is_postgres {
        format!(
            "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = '{service}' AND table_type = 'BASE TABLE'"
        )
    } else {
        "SELECT name AS text FROM sqlite_master WHERE type = 'table'".to_owned()
    };
    let mut all = BTreeMap::new();
    for table in texts(&conn, &tables).await.into_iter().filter(|table| table != LEASES) {
        let row = if is_postgres {
            "t::text".to_owned()
        } else {
            let columns = texts(
                &conn,
                &format!(
                    "SELECT 'quote(\"' || name || '\")' AS text FROM pragma_table_info('{table}')"
                ),
            )
            .await;
            columns.join(" || ',' || ")
        };
        let found =
            texts(&conn, &format!("SELECT {row} AS text FROM {schema}{table} t ORDER BY 1")).await;
        all.insert(table, found);
    }
    conn.close().await.unwrap();
    assert!(all.len() > 10, "{all:?}");
    all
}

/// Sends a write with `validate_only`, and then without it: nothing is written by the first, and
/// both are answered alike. What earlier calls have caused may still be written meanwhile, so it is
/// looked at again, each time by a request id of its own.
async fn checked_and_done<
    M: prost::Message + PartialEq,
    F: Future<Output = Result<Response<M>, Status>>,
>(
    world: &World,
    service: &str,
    call: impl Fn(String, bool) -> F,
) -> M {
    // The service may not have heard of what the call is about yet.
    crate::rig::retry(async || call(request_id(), true).await).await;
    let mut attempts = 0..50;
    loop {
        let before = rows(world, service).await;
        call(request_id(), true).await.unwrap();
        let after = rows(world, service).await;
        if before == after {
            break;
        }
        assert!(
            attempts.next().is_some(),
            "{:?}",
            before.iter().find(|(table, rows)| after.get(*table) != Some(rows))
        );
    }
    let id = request_id();
    let checked = call(id.clone(), true).await.unwrap();
    assert!(!checked.metadata().contains_key("payterms-version"), "nothing has a new version");
    let done = call(id.clone(), false).await.unwrap();
    assert!(!done.metadata().contains_key("idempotent-replayed"), "the request id was free");
    assert!(checked.get_ref() == done.get_ref(), "on a test clock also its ids");
    let again = call(id, true).await.unwrap();
    assert!(
        again.metadata().contains_key("idempotent-replayed") && again.get_ref() == done.get_ref(),
        "a request that was done is a replay"
    );
    done.into_inner()
}

async fn what_is_only_checked_writes_nothing_and_then_is_done(world: &World) {
    world.tenant("acme").await;
    clocks::start(world, "acme", "seed").await;
    let (owner, staff) = (world.someone("OWNER", None), world.someone("STAFF", None));
    let new = Customer {
        legal_name: "Northwind Ltd".into(),
        country: "GB".into(),
        external_id: "crm/1".into(),
        ..Customer::default()
    };
    let create = |request_id, validate_only| {
        let request = CreateCustomerRequest {
            request_id,
            parent: "tenants/acme".into(),
            customer: Some(new.clone()),
            validate_only,
        };
        let staff = staff.clone();
        async move { staff.customers().create_customer(request).await }
    };
    checked_and_done(world, "invoicing", create).await;
    let taken = create(request_id(), true).await.unwrap_err();
    assert_eq!(reason(&taken), "EXTERNAL_ID_TAKEN", "refusals are those of the write");
    let customer = world.customer("acme", "GB").await;
    let open = |request_id, validate_only| {
        let request = OpenWalletRequest {
            request_id,
            parent: customer.clone(),
            currency_code: "USD".into(),
            validate_only,
            ..OpenWalletRequest::default()
        };
        let staff = staff.clone();
        async move { staff.wallets().open_wallet(request).await }
    };
    let wallet = checked_and_done(world, "wallet", open).await.wallet.unwrap().name;
    let grant = |request_id, validate_only| {
        let request = GrantCreditRequest {
            request_id,
            wallet: wallet.clone(),
            amount: amount("USD", 3, 0),
            description: "Welcome".into(),
            validate_only,
            ..GrantCreditRequest::default()
        };
        let staff = staff.clone();
        async move { staff.lots().grant_credit(request).await }
    };
    checked_and_done(world, "wallet", grant).await;
    let write = |request_id, validate_only| {
        let request = draft(&customer, "USD", vec![line("Plan", amount("USD", 5, 0))]);
        let request = payterms_proto::invoicing::v1::CreateInvoiceRequest {
            request_id,
            validate_only,
            ..request
        };
        let staff = staff.clone();
        async move { staff.invoices().create_invoice(request).await }
    };
    let invoice = Box::pin(checked_and_done(world, "invoicing", write)).await.invoice.unwrap().name;
    let issue = |request_id, validate_only| {
        let request = FinalizeInvoiceRequest {
            request_id,
            name: invoice.clone(),
            validate_only,
            ..FinalizeInvoiceRequest::default()
        };
        let owner = owner.clone();
        async move { owner.invoices().finalize_invoice(request).await }
    };
    let issued = checked_and_done(world, "invoicing", issue).await.invoice.unwrap();
    assert!(
        issued.number.ends_with("000001"),
        "no number was taken by what was only checked: {}",
        issued.number
    );
    an_invoice_is_voided_and_plans_are_allowed(world, &owner, &invoice).await;
    invariants::hold(world).await;
}

/// The same of a void, and of settings.
async fn an_invoice_is_voided_and_plans_are_allowed(world: &World, owner: &Session, invoice: &str) {
    let void = |request_id, validate_only| {
        let request = VoidInvoiceRequest {
            request_id,
            name: invoice.to_owned(),
            explanation: "Wrong".into(),
            validate_only,
        };
        let owner = owner.clone();
        async move { owner.invoices().void_invoice(request).await }
    };
    checked_and_done(world, "invoicing", void).await;
    let allow = |request_id, validate_only| {
        let settings = PlanSettings {
            name: "tenants/acme/planSettings".into(),
            proposals_allowed: true,
            ..PlanSettings::default()
        };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["proposals_allowed".into()] });
        let request = UpdatePlanSettingsRequest {
            request_id,
            plan_settings: Some(settings),
            update_mask,
            validate_only,
        };
        let owner = owner.clone();
        async move { owner.plan_settings().update_plan_settings(request).await }
    };
    checked_and_done(world, "plans", allow).await;
}
