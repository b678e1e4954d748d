//! S3: two services, each with its own status and bill; what is used is billed at the month's end;
//! a permanent failure suspends one of them, and payment restores it.

use super::stage::{Stage, TENANT, must_hold, sentence_of, shown};
use crate::client::{amount, request_id};
use chrono::{TimeDelta, TimeZone};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        CreatePaymentRequest, DunningSettings, EnableMeteredServiceRequest,
        GetMeteredServiceRequest, Invoice, InvoiceToPay, ListAgeingRequest, ListInvoicesRequest,
        ListMailsRequest, MailKind, MeteredService, PaymentTerm, Tenant, TenderToUse,
        UpdateTenantRequest, invoice, metered_service::State, payment, payment_term,
        tender_to_use::Source,
    },
    wallet::v1::{RecordUsageRequest, SetCollectionMethodRequest},
};
use prost_types::FieldMask;

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title(
        "S3  Pay for what was used: two services, two bills, and a card that fails for good.",
    );
    let tenant = Tenant {
        name: format!("tenants/{TENANT}"),
        dunning: Some(DunningSettings {
            suspend_overdue_services: true,
            suspend_after_days: 3,
            reminder_days: vec![2],
        }),
        ..Tenant::default()
    };
    let mask = FieldMask { paths: vec!["dunning".to_owned()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    stage.someone("OWNER")?.tenants().update_tenant(update).await.map_err(sentence_of)?;
    stage.print_step(
        "Owner",
        "reminds two days after the due date, and suspends what is overdue for three days.",
    );
    let maps = enable(stage, "maps", "Maps").await?;
    let lookups = enable(stage, "lookups", "Number lookups").await?;
    stage.print_step(
        "Support",
        "enables Maps and Number lookups for Brightside; profile and card are there.",
    );
    for (product, quantity) in [("maps", "12000"), ("maps", "3450.5"), ("lookups", "800")] {
        uses(stage, product, quantity).await?;
    }
    turn_month(stage).await?;
    let bills = bills(stage).await?;
    let of = |service: &str| {
        bills.iter().find(|bill| bill.metered_service == service).cloned().unwrap_or_default()
    };
    must_hold(
        of(&maps).total == amount("USD", 77, 25) && of(&lookups).total == amount("USD", 4, 0),
        "each service has its own bill",
    )?;
    must_hold(
        bills.iter().all(|bill| bill.state() == invoice::State::Paid),
        "the bills are collected from the card",
    )?;
    let told_bills: Vec<_> = bills
        .iter()
        .map(|bill| format!("{} {}", bill.number, shown(bill.total.as_ref())))
        .collect();
    stage.print_step(
        "Month turn",
        &format!("bills what was used and collects it: {}.", told_bills.join(", ")),
    );
    statement(stage).await?;
    failing(stage, &maps, &lookups).await
}

async fn enable(stage: &Stage, product: &str, name: &str) -> Result<String, String> {
    let service = MeteredService {
        product: product.to_owned(),
        display_name: name.to_owned(),
        currency_code: "USD".to_owned(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let request = EnableMeteredServiceRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        metered_service: Some(service),
        ..Default::default()
    };
    let staff = stage.someone("STAFF")?;
    let made =
        staff.metered_services().enable_metered_service(request).await.map_err(sentence_of)?;
    // The wallet takes uses of it as soon as it has heard of it.
    let list = payterms_proto::wallet::v1::ListWalletsRequest {
        parent: stage.customer.clone(),
        ..Default::default()
    };
    staff.after(&made).wallets().list_wallets(list).await.map_err(sentence_of)?;
    Ok(made.into_inner().metered_service.unwrap_or_default().name)
}

async fn uses(stage: &Stage, product: &str, quantity: &str) -> Result<(), String> {
    let request = RecordUsageRequest {
        request_id: request_id(),
        wallet: stage.wallet.clone(),
        product: product.to_owned(),
        quantity: Some(Decimal { value: quantity.to_owned() }),
        unit_price: Some(payterms_proto::google::r#type::Money {
            currency_code: "USD".to_owned(),
            units: 0,
            nanos: 5_000_000,
        }),
        usage_time: None,
        ..Default::default()
    };
    stage.someone("SERVICE")?.usage().record_usage(request).await.map(|_| ()).map_err(sentence_of)
}

/// The clock goes to the second hour of the next first of a month in Sydney: its mail is sent, and
/// its collections have begun.
async fn turn_month(stage: &mut Stage) -> Result<(), String> {
    use chrono::{Datelike, Months};
    let zone = chrono_tz::Australia::Sydney;
    let local = stage.now.with_timezone(&zone);
    let first = local
        .date_naive()
        .with_day(1)
        .and_then(|day| day.checked_add_months(Months::new(1)))
        .unwrap_or_default();
    let midnight = zone
        .from_local_datetime(&first.and_hms_opt(0, 0, 0).unwrap_or_default())
        .earliest()
        .unwrap_or(local);
    stage.advance(midnight.to_utc() + TimeDelta::hours(2)).await
}

/// The bills of metered services, newest first.
async fn bills(stage: &Stage) -> Result<Vec<Invoice>, String> {
    let list = ListInvoicesRequest {
        parent: stage.customer.clone(),
        page_size: 100,
        ..Default::default()
    };
    let found = stage
        .someone("CUSTOMER_ADMIN")?
        .invoices()
        .list_invoices(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .invoices;
    Ok(found.into_iter().filter(|bill| !bill.metered_service.is_empty()).collect())
}

/// How many mails of a kind were written so far.
pub(super) async fn mails(stage: &Stage, kind: MailKind) -> Result<usize, String> {
    let list = ListMailsRequest {
        parent: format!("tenants/{TENANT}"),
        page_size: 500,
        ..Default::default()
    };
    let found = stage
        .someone("STAFF")?
        .mails()
        .list_mails(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .mails;
    Ok(found.iter().filter(|mail| mail.kind() == kind).count())
}

async fn statement(stage: &Stage) -> Result<(), String> {
    let list = ListMailsRequest {
        parent: format!("tenants/{TENANT}"),
        page_size: 500,
        ..Default::default()
    };
    let found = stage
        .someone("STAFF")?
        .mails()
        .list_mails(list)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .mails;
    let mail = found.into_iter().find(|mail| mail.kind() == MailKind::Statement);
    let mail = mail.ok_or("this does not hold: a statement is mailed")?;
    stage.print_step(
        "Mail",
        &format!(
            "“{}” to {}, {} attached.",
            mail.subject,
            mail.recipients.join(", "),
            mail.attachments.len()
        ),
    );
    Ok(())
}

async fn state(stage: &Stage, name: &str) -> Result<State, String> {
    let get = GetMeteredServiceRequest { name: name.to_owned() };
    let found = stage
        .someone("CUSTOMER_ADMIN")?
        .metered_services()
        .get_metered_service(get)
        .await
        .map_err(sentence_of)?
        .into_inner();
    Ok(found.metered_service.unwrap_or_default().state())
}

/// What all customers owe, by how long it is past due; of this one it is exactly what is open.
async fn ageing(stage: &Stage) -> Result<(), String> {
    let staff = stage.someone("STAFF")?;
    let parent = format!("tenants/{TENANT}/customers/-");
    let list = ListAgeingRequest { parent: parent.clone(), page_size: 500, ..Default::default() };
    let rows = staff.invoices().list_ageing(list).await.map_err(sentence_of)?.into_inner().ageing;
    let find = ListInvoicesRequest {
        parent,
        filter: "state = OPEN AND past_due = true".into(),
        page_size: 500,
        ..Default::default()
    };
    let late =
        staff.invoices().list_invoices(find).await.map_err(sentence_of)?.into_inner().invoices;
    must_hold(
        !late.is_empty() && late.iter().all(|invoice| invoice.past_due),
        "what is past due is found across customers",
    )?;
    let ageings: Vec<_> = rows.iter().filter(|row| row.customer == stage.customer).collect();
    must_hold(!ageings.is_empty(), "the customer who owes something is in the ageing")?;
    for row in ageings {
        let [open, current, to_30, to_60, to_90, over_90] = [
            &row.open,
            &row.current,
            &row.past_due_1_to_30_days,
            &row.past_due_31_to_60_days,
            &row.past_due_61_to_90_days,
            &row.past_due_over_90_days,
        ]
        .map(|amount| shown(amount.as_ref()));
        let sentence = format!(
            "{open} open: {current} not due, past due 1–30 days {to_30}, 31–60 {to_60}, 61–90 {to_90}, over 90 {over_90}."
        );
        stage.print_step("Ageing", &sentence);
    }
    Ok(())
}

/// The card is declined for good: the ladder, overdue, suspended, paid by hand, restored.
async fn failing(stage: &mut Stage, maps: &str, lookups: &str) -> Result<(), String> {
    let admin = stage.someone("CUSTOMER_ADMIN")?;
    let good = stage.save_card("tok_visa").await?;
    let bad = stage.save_card("tok_declined").await?;
    let point = |name: &str| SetCollectionMethodRequest {
        request_id: request_id(),
        name: name.to_owned(),
        ..Default::default()
    };
    admin.methods().set_collection_method(point(&bad)).await.map_err(sentence_of)?;
    uses(stage, "maps", "2000").await?;
    turn_month(stage).await?;
    stage.advance(stage.now + TimeDelta::days(7)).await?;
    must_hold(state(stage, maps).await? == State::Overdue, "five failed tries make Maps overdue")?;
    must_hold(state(stage, lookups).await? == State::Active, "Number lookups has its own status")?;
    let failures = mails(stage, MailKind::CollectionFailed).await?;
    must_hold(
        failures >= 5 && mails(stage, MailKind::Reminder).await? >= 1,
        "every failure is mailed, and a reminder",
    )?;
    stage.print_step("Collection", "is declined on days 0, 1, 3, 5 and 7, with a mail each; Maps is OVERDUE, Number lookups is not.");
    stage.advance(stage.now + TimeDelta::days(3)).await?;
    must_hold(state(stage, maps).await? == State::Suspended, "three days later Maps is suspended")?;
    let refused = uses(stage, "maps", "1").await.err().unwrap_or_default();
    must_hold(refused.contains("SUSPENDED"), "the wallet refuses its use")?;
    uses(stage, "lookups", "10").await?;
    stage.print_step("Maps", &format!("is SUSPENDED. Refused: {refused}"));
    ageing(stage).await?;
    let bill = bills(stage)
        .await?
        .into_iter()
        .find(|bill| bill.state() == invoice::State::Open)
        .unwrap_or_default();
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: bill.name.clone(), amount: None }],
        tenders: vec![TenderToUse {
            source: Some(Source::PaymentMethod(good.clone())),
            amount: None,
        }],
        currency_code: String::new(),
        ..Default::default()
    };
    let paid = admin
        .payments()
        .create_payment(pay)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .payment
        .unwrap_or_default();
    must_hold(paid.state() == payment::State::Succeeded, "the bill is paid by another card")?;
    admin.methods().set_collection_method(point(&good)).await.map_err(sentence_of)?;
    must_hold(state(stage, maps).await? == State::Active, "payment restores Maps")?;
    stage.print_step(
        "Brightside admin",
        &format!("pays {} with a Visa card; Maps can be used again.", bill.number),
    );
    Ok(())
}
