//! S1: pay later. A customer in the United States with a linked bank account is decided at once.
//! Another applies with its statements, is refused, waits, is approved by a person; buys twice in
//! June, owes at the end of July, is suspended and restored.

mod application;
mod purchase;

use super::stage::{Stage, TENANT, sentence_of, shown};
use crate::{Session, client::request_id};
use application::{approved, linked, refused};
use chrono::NaiveDate;
use payterms_kernel::calendar::start_of_day;
use payterms_proto::{
    credit::v1::{
        CreateProgrammeRequest, CreditLine, GetCreditLineRequest, GetCreditOptionsRequest,
        Programme, StartApplicationRequest,
    },
    google::r#type::Date,
    invoicing::v1::{Address, CreateCustomerRequest, Customer, ListMailsRequest, Mail, MailKind},
    wallet::v1::{ListWalletsRequest, OpenWalletRequest},
};
use purchase::{buys, due};

/// The customer, its people, and the tenant's.
struct Later {
    customer: String,
    programme: String,
    admin: Session,
    member: Session,
    staff: Session,
    reviewer: Session,
}

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.print_title("S1  Pay later: statements, a person who decides, a line; owed by the end of the next month.");
    let later = open(stage).await?;
    linked(stage, &later).await?;
    refused(stage, &later).await?;
    let line = approved(stage, &later).await?;
    let bought = Box::pin(buys(stage, &later, &line)).await?;
    Box::pin(due(stage, &later, &line, &bought)).await
}

/// The clock goes to a day in Sydney.
async fn day(stage: &mut Stage, month: u32, day: u32) -> Result<(), String> {
    let date = NaiveDate::from_ymd_opt(2027, month, day).unwrap_or_default();
    stage.advance(start_of_day(chrono_tz::Australia::Sydney, date)).await
}

/// A customer in New York, and its owner's session, which has seen it.
async fn customer(
    owner: &Session,
    legal_name: &str,
    billing_email: &str,
) -> Result<(String, Session), String> {
    let address = Address {
        lines: vec!["88 Pier Street".to_owned()],
        city: "New York".to_owned(),
        region: "NY".to_owned(),
        postal_code: "10004".to_owned(),
        country: "US".to_owned(),
    };
    let customer = Customer {
        legal_name: legal_name.to_owned(),
        billing_address: Some(address),
        billing_email: billing_email.to_owned(),
        country: "US".to_owned(),
        ..Customer::default()
    };
    let create = CreateCustomerRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(create).await.map_err(sentence_of)?;
    let informed = owner.after(&made);
    Ok((made.into_inner().customer.unwrap_or_default().name, informed))
}

async fn open(stage: &mut Stage) -> Result<Later, String> {
    let owner = stage.someone("OWNER")?;
    let (customer, informed) =
        customer(&owner, "Juniper Coffee LLC", "books@juniper.example").await?;
    informed
        .wallets()
        .list_wallets(ListWalletsRequest { parent: customer.clone(), ..Default::default() })
        .await
        .map_err(sentence_of)?;
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: customer.clone(),
        currency_code: "USD".to_owned(),
        ..Default::default()
    };
    owner.wallets().open_wallet(open).await.map_err(sentence_of)?;
    let programme = Programme { title: "Pay later".to_owned(), ..Programme::default() };
    let create = CreateProgrammeRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        programme: Some(programme),
        ..Default::default()
    };
    let programme = owner
        .programmes()
        .create_programme(create)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .programme
        .unwrap_or_default();
    stage.print_step(
        "Owner",
        &format!(
            "opens a programme: customers in the US, {} at most.",
            shown(programme.limit_cap.as_ref())
        ),
    );
    informed
        .programmes()
        .get_credit_options(GetCreditOptionsRequest { parent: customer.clone() })
        .await
        .map_err(sentence_of)?;
    let start = StartApplicationRequest {
        request_id: request_id(),
        parent: stage.customer.clone(),
        programme: programme.name.clone(),
        ..Default::default()
    };
    let elsewhere = stage.someone("CUSTOMER_ADMIN")?.applications().start_application(start).await;
    stage.print_step(
        "Brightside admin",
        &format!(
            "would like it too. Refused: {}",
            elsewhere.err().map(sentence_of).ok_or("GB is not eligible")?
        ),
    );
    let (staff, reviewer) = (stage.someone("STAFF")?, stage.someone("ADMIN")?);
    let admin = stage.someone_of("CUSTOMER_ADMIN", &customer)?;
    let member = stage.someone_of("MEMBER", &customer)?;
    stage.others.push(customer.clone());
    Ok(Later { customer, programme: programme.name, admin, member, staff, reviewer })
}

impl Later {
    /// The newest mail of a kind to the customer, for someone who waits for what was just written.
    async fn mailed(&self, who: &Session, kind: MailKind) -> Result<Mail, String> {
        let list = ListMailsRequest {
            parent: format!("tenants/{TENANT}"),
            customer: self.customer.clone(),
            page_size: 50,
            ..ListMailsRequest::default()
        };
        let found = who.mails().list_mails(list).await.map_err(sentence_of)?.into_inner().mails;
        found
            .into_iter()
            .find(|mail| mail.kind() == kind)
            .ok_or_else(|| format!("this does not hold: {} is mailed", kind.as_str_name()))
    }

    async fn line(&self, name: &str) -> Result<CreditLine, String> {
        let get = GetCreditLineRequest { name: name.to_owned() };
        Ok(self
            .admin
            .lines()
            .get_credit_line(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .credit_line
            .unwrap_or_default())
    }
}

fn date(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}
