//! The adapter of the simulator's banks: HTTP and JSON.

use super::{BankData, HostedPage, Opened, PageState, Read, Unknown, categories};
use crate::bank_files::{account_hash, pulled};
use chrono::NaiveDate;
use payterms_credit_domain::bank::{Booking, Reference, ReferenceKind, Returned, Statement};
use payterms_kernel::{Currency, Money, TenantId};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// Talks to a simulator.
#[derive(Debug, Clone)]
pub struct Simulator {
    base: String,
    client: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct PageMessage {
    id: String,
    url: String,
    token: Option<String>,
    institution: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccountMessage {
    number: String,
    currency: String,
    closing: String,
    bookings: Vec<BookingMessage>,
}

#[derive(Debug, Deserialize)]
struct BookingMessage {
    day: NaiveDate,
    amount: String,
    party: String,
    reference: String,
    returned: bool,
    #[serde(default)]
    category: String,
}

impl Simulator {
    /// An adapter to the simulator at `base`.
    ///
    /// # Errors
    /// A sentence if the client cannot be made.
    pub fn new(base: &str) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), client })
    }

    fn at(&self, tenant: &TenantId, path: &str) -> String {
        format!("{}/v1/{tenant}/bank/{path}", self.base)
    }
}

fn unknown(error: &reqwest::Error) -> Unknown {
    Unknown(error.to_string())
}

fn micros(currency: Currency, text: &str) -> Result<i64, Unknown> {
    Money::parse(currency, text).map(Money::micros).map_err(|error| Unknown(error.to_string()))
}

fn statement(
    tenant: &TenantId,
    account_message: AccountMessage,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Statement, Unknown> {
    let currency = Currency::parse(&account_message.currency)
        .ok_or_else(|| Unknown(format!("a currency {:?}", account_message.currency)))?;
    let booking = |booking_message: BookingMessage| {
        let amount = micros(currency, &booking_message.amount)?;
        let reference =
            Reference { kind: ReferenceKind::Servicer, value: booking_message.reference };
        let returned = booking_message.returned.then_some(Returned::Unstated);
        let kind = categories::kind(&booking_message.category);
        Ok(Booking {
            references: vec![reference],
            returned,
            kind,
            ..Booking::plain(booking_message.day, amount, &booking_message.party)
        })
    };
    let bookings =
        account_message.bookings.into_iter().map(booking).collect::<Result<_, Unknown>>()?;
    let closing = Some(micros(currency, &account_message.closing)?);
    Ok(pulled(
        account_hash(tenant, &account_message.number),
        currency,
        (from, to),
        closing,
        bookings,
    ))
}

#[tonic::async_trait]
impl BankData for Simulator {
    async fn open_page(&self, tenant: &TenantId, customer: Uuid) -> Result<HostedPage, Unknown> {
        let request =
            self.client.post(self.at(tenant, "pages")).json(&json!({ "customer": customer }));
        let response = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|error| unknown(&error))?;
        let made: PageMessage = response.json().await.map_err(|error| unknown(&error))?;
        Ok(HostedPage { id: made.id, url: made.url })
    }

    async fn page(&self, tenant: &TenantId, id: &str) -> Result<PageState, Unknown> {
        let response = self
            .client
            .get(self.at(tenant, &format!("pages/{id}")))
            .send()
            .await
            .map_err(|error| unknown(&error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(PageState::Gone);
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        let page_message: PageMessage = response.json().await.map_err(|error| unknown(&error))?;
        let institution = page_message.institution.unwrap_or_default();
        Ok(page_message
            .token
            .map_or(PageState::Pending, |token| PageState::Opened(Opened { token, institution })))
    }

    async fn read(
        &self,
        tenant: &TenantId,
        token: &str,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Read, Unknown> {
        let request = self
            .client
            .post(self.at(tenant, "accounts"))
            .json(&json!({ "token": token, "from": from, "to": to }));
        let response = request.send().await.map_err(|error| unknown(&error))?;
        match response.status() {
            StatusCode::CONFLICT => return Ok(Read::NotReady),
            StatusCode::GONE | StatusCode::NOT_FOUND => return Ok(Read::Broken),
            _ => {}
        }
        let response = response.error_for_status().map_err(|error| unknown(&error))?;
        let account_messages: Vec<AccountMessage> =
            response.json().await.map_err(|error| unknown(&error))?;
        let statements = account_messages
            .into_iter()
            .map(|account_message| statement(tenant, account_message, from, to))
            .collect::<Result<_, _>>()?;
        Ok(Read::Statements(statements))
    }

    async fn forget(&self, tenant: &TenantId, token: &str) -> Result<(), Unknown> {
        let request = self.client.post(self.at(tenant, "forget")).json(&json!({ "token": token }));
        request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map(|_| ())
            .map_err(|error| unknown(&error))
    }
}
