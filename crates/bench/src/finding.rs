//! What finding costs: a page of a list over all customers, among few invoices and among a million.

use crate::{
    Measure, books,
    crowd::id_of,
    load::closed,
    machine::Machine,
    report::{Target, Way},
    stage::Stage,
    wallet::{Call, turn},
};
use payterms_chassis::sql;
use payterms_proto::invoicing::v1::{
    CreateInvoiceRequest, FinalizeInvoiceRequest, Invoice, InvoiceLine, ListInvoicesRequest,
    PaymentTerm, payment_term::Kind,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use std::{sync::Arc, time::Duration};

/// Invoices at first, and how many times as many later.
const INVOICES: usize = 10_000;
/// Callers that read.
const READERS: usize = 16;

/// Issues an invoice by calls: what is copied.
async fn issued(stage: &Stage) -> String {
    let owner = stage.services.rig().someone("OWNER", None);
    let invoice = Invoice {
        currency_code: "USD".to_owned(),
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 30 }),
        lines: vec![InvoiceLine {
            description: "Plan".to_owned(),
            unit_price: amount("USD", 100, 0),
            ..InvoiceLine::default()
        }],
        ..Invoice::default()
    };
    let request = CreateInvoiceRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoice: Some(invoice),
        ..Default::default()
    };
    let draft = owner
        .invoices()
        .create_invoice(request)
        .await
        .expect("a draft")
        .into_inner()
        .invoice
        .unwrap_or_default();
    let finalize = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: draft.name.clone(),
        etag: String::new(),
        ..Default::default()
    };
    owner.invoices().finalize_invoice(finalize).await.expect("it is issued");
    draft.name
}

/// Copies the invoice: one of fifty is open, and due dates go over some years.
async fn copy(owner: &DatabaseConnection, invoice: &str, there: usize, count: usize) {
    let select = "SELECT column_name::text AS name FROM information_schema.columns WHERE table_schema = 'invoicing' \
                  AND table_name = 'invoices' ORDER BY ordinal_position";
    let rows = sql::all(owner, select, vec![]).await.expect("columns");
    let columns: Vec<String> =
        rows.iter().map(|row| row.try_get("", "name").expect("a name")).collect();
    let value = |column: &String| match column.as_str() {
        "id" => "md5('f' || n)::uuid".to_owned(),
        "number" => "'B-' || n".to_owned(),
        "issue_date" => "(date '2019-01-01' + n % 2500)::text".to_owned(),
        "due_date" => "(date '2019-01-31' + n % 2500)::text".to_owned(),
        "state" => "CASE WHEN n % 50 = 0 THEN 'OPEN' ELSE 'PAID' END".to_owned(),
        "paid" => "CASE WHEN n % 50 = 0 THEN 0 ELSE own.total END".to_owned(),
        other => format!("own.{other}"),
    };
    let values: Vec<_> = columns.iter().map(value).collect();
    let insert = format!(
        "INSERT INTO invoicing.invoices ({}) SELECT {} FROM (SELECT * FROM invoicing.invoices WHERE id = '{}') own, \
         generate_series({there} + 1, {count}) n",
        columns.join(", "),
        values.join(", "),
        id_of(invoice)
    );
    owner.execute_unprepared(&insert).await.expect("copies");
    books::know(owner).await;
}

/// Reads the first page of what is past due, the oldest first.
fn past_due(sessions: Vec<Session>) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let request = ListInvoicesRequest {
            parent: "tenants/acme/customers/-".to_owned(),
            filter: "past_due = true AND total >= 1".to_owned(),
            order_by: "due_date".to_owned(),
            ..ListInvoicesRequest::default()
        };
        Box::pin(async move {
            let listed = session?.invoices().list_invoices(request).await.ok()?.into_inner();
            let right = !listed.invoices.is_empty()
                && listed.invoices.iter().all(|invoice| invoice.past_due);
            right.then(|| vec![uuid::Uuid::nil()])
        })
    }
}

/// Measures a page among few and among many invoices.
pub async fn pages(
    measure: &Measure,
    stage: &Stage,
    machine: &Machine,
    owner: &DatabaseConnection,
) -> ([Way; 2], Target) {
    let (few, many) =
        if measure.quick { (200, 800) } else { (INVOICES, INVOICES.saturating_mul(100)) };
    let invoice = issued(stage).await;
    let mut ways = [
        Way::new("a page of past-due invoices, few invoices"),
        Way::new("a page of past-due invoices, many invoices"),
    ];
    for (way, (there, count)) in ways.iter_mut().zip([(0, few), (few, many)]) {
        copy(owner, &invoice, there, count).await;
        for round in 0..=measure.rounds {
            let lasting = Duration::from_secs(if round == 0 { 2 } else { measure.seconds });
            let (done, cost) =
                turn(machine, closed(READERS, lasting, past_due(stage.straight("invoicing", 8))))
                    .await;
            if round > 0 {
                way.add(&done, cost);
            }
        }
        assert!(way.count() > 0, "pages were read");
    }
    let [of_few, of_many] = &ways;
    let target = Target::at_most(
        "8 a page of past-due invoices, many invoices / few: time",
        of_few.rate() / of_many.rate(),
        1.5,
        3.0,
    );
    (ways, target)
}
