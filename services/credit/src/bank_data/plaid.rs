//! The adapter of Plaid: hosted Link, `/transactions/get`, `/item/remove`, as its public API
//! documents them.

use super::{BankData, HostedPage, Opened, PageState, Read, Unknown, categories};
use crate::bank_files::{account_hash, pulled};
use chrono::NaiveDate;
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use payterms_credit_domain::{
    bank::{Booking, Reference, ReferenceKind, Returned, Statement},
    link::PAGE_HOURS,
};
use payterms_kernel::{Currency, Money, TenantId};
use rust_decimal::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use std::{collections::BTreeMap, path::Path, time::Duration};
use uuid::Uuid;

/// How long one call may take.
const BUDGET: Duration = Duration::from_secs(20);
/// Bytes of one answer.
const LARGEST: usize = 16 * 1_024 * 1_024;
/// Transactions of one page, and of one read.
const PAGE: usize = 500;
const MOST: usize = 50_000;
/// Days of history that Link asks a bank for: the most that Plaid has.
const HISTORY_DAYS: u32 = 730;
/// Codes by which Plaid says that the bank lets us in no more.
const BROKEN: [&str; 8] = [
    "ITEM_LOGIN_REQUIRED",
    "ITEM_NOT_FOUND",
    "INVALID_ACCESS_TOKEN",
    "ACCESS_NOT_GRANTED",
    "USER_PERMISSION_REVOKED",
    "NO_ACCOUNTS",
    "PRODUCTS_NOT_SUPPORTED",
    "INSTITUTION_NO_LONGER_SUPPORTED",
];

/// Talks to Plaid.
#[derive(Clone)]
pub struct Plaid {
    base: String,
    client_id: String,
    secret: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl std::fmt::Debug for Plaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plaid").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What it says where it refuses.
#[derive(Debug, Deserialize)]
struct Failure {
    error_code: String,
}

#[derive(Debug, Deserialize)]
struct LinkToken {
    link_token: String,
    hosted_link_url: String,
}

#[derive(Debug, Deserialize)]
struct Sessions {
    #[serde(default)]
    link_sessions: Vec<Session>,
}

#[derive(Debug, Deserialize)]
struct Session {
    results: Option<Results>,
}

#[derive(Debug, Deserialize)]
struct Results {
    #[serde(default)]
    item_add_results: Vec<Added>,
}

#[derive(Debug, Deserialize)]
struct Added {
    public_token: String,
    institution: Option<Institution>,
}

#[derive(Debug, Deserialize)]
struct Institution {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Exchanged {
    access_token: String,
}

#[derive(Debug, Deserialize)]
struct HistoryMessage {
    accounts: Vec<AccountMessage>,
    transactions: Vec<BookingMessage>,
    total_transactions: usize,
    item: Item,
}

#[derive(Debug, Deserialize)]
struct Item {
    institution_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AccountMessage {
    account_id: String,
    balances: Balances,
    mask: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    persistent_account_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Balances {
    current: Option<Box<RawValue>>,
    iso_currency_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BookingMessage {
    transaction_id: String,
    account_id: String,
    amount: Box<RawValue>,
    date: NaiveDate,
    name: Option<String>,
    merchant_name: Option<String>,
    pending: bool,
    personal_finance_category: Option<Category>,
}

#[derive(Debug, Deserialize)]
struct Category {
    detailed: String,
}

/// An amount as it is written, in millionths: no fraction of a computer's comes in between.
fn micros(currency: Currency, written: &RawValue) -> Result<i64, Unknown> {
    let text = written.get();
    let plain = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text));
    let amount = plain.map_err(|error| Unknown(error.to_string()))?.round_dp(6);
    Money::new(currency, amount).map(Money::micros).map_err(|error| Unknown(error.to_string()))
}

impl Plaid {
    /// An adapter to Plaid at `base`; the file holds client id and secret, a line each.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn new(base: &str, credentials: &Path) -> Result<Self, String> {
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", credentials.display());
        let text = std::fs::read_to_string(credentials).map_err(|error| fault(&error))?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (Some(client_id), Some(secret)) = (lines.next(), lines.next()) else {
            return Err(fault(&"write the client id and the secret, a line each"));
        };
        // A local server speaks plain HTTP; Plaid's addresses begin with https.
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            client_id: client_id.to_owned(),
            secret: secret.to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Calls; a refusal is answered by its code.
    async fn call<M: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Result<M, String>, Unknown> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json")
            .header("plaid-client-id", &self.client_id)
            .header("plaid-secret", &self.secret)
            .body(Full::new(Bytes::from(body.to_string())));
        let request = request.map_err(|error| Unknown(error.to_string()))?;
        let answer = async {
            let response =
                self.client.request(request).await.map_err(|error| Unknown(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LARGEST)
                .collect()
                .await
                .map_err(|error| Unknown(error.to_string()))?;
            Ok::<_, Unknown>((status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(BUDGET, answer)
            .await
            .map_err(|_| Unknown(format!("{path} takes too long")))??;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map(Ok)
                .map_err(|error| Unknown(format!("{path}: {error}")));
        }
        let text = serde_json::from_slice::<Failure>(&body)
            .map(|failure| failure.error_code)
            .unwrap_or_default();
        if status == StatusCode::BAD_REQUEST && !text.is_empty() {
            return Ok(Err(text));
        }
        Err(Unknown(format!("{path}: {status} {text}")))
    }

    /// Calls what must not be refused.
    async fn must<M: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<M, Unknown> {
        self.call(path, body).await?.map_err(|code| Unknown(format!("{path}: {code}")))
    }
}

/// What the accounts of one login tell. Only deposits count: what a credit card or a loan pays out
/// is no income.
fn statements(
    tenant: &TenantId,
    accounts: Vec<AccountMessage>,
    institution: &str,
    booking_messages: &[BookingMessage],
    to: NaiveDate,
) -> Result<Vec<Statement>, Unknown> {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    let mut statements = Vec::new();
    for account in
        accounts.into_iter().filter(|account_message| account_message.kind == "depository")
    {
        let Some(currency) =
            account.balances.iso_currency_code.as_deref().and_then(Currency::parse)
        else {
            continue;
        };
        // One account that two logins open is one: its id differs, what is printed on its card does
        // not.
        let (mask, subtype) =
            (account.mask.unwrap_or_default(), account.subtype.unwrap_or_default());
        let printed = format!("{institution} {subtype} {mask}");
        let count = alike.entry(printed.clone()).or_default();
        *count = count.saturating_add(1);
        let number = account.persistent_account_id.unwrap_or_else(|| format!("{printed} {count}"));
        let of_account = booking_messages.iter().filter(|booking_message| {
            booking_message.account_id == account.account_id && !booking_message.pending
        });
        let booking = |booking_message: &BookingMessage| {
            let party = booking_message
                .merchant_name
                .as_ref()
                .or(booking_message.name.as_ref())
                .cloned()
                .unwrap_or_default();
            // Plaid counts what goes out.
            let amount = micros(currency, &booking_message.amount)?.saturating_neg();
            let category = booking_message
                .personal_finance_category
                .as_ref()
                .map(|category| category.detailed.as_str())
                .unwrap_or_default();
            let reference = Reference {
                kind: ReferenceKind::Servicer,
                value: booking_message.transaction_id.clone(),
            };
            Ok(Booking {
                text: booking_message.name.clone().unwrap_or_default(),
                references: vec![reference],
                returned: (category == categories::RETURNED).then_some(Returned::OwnPayment),
                kind: categories::kind(category),
                ..Booking::plain(booking_message.date, amount, &party)
            })
        };
        let bookings = of_account.map(booking).collect::<Result<Vec<_>, Unknown>>()?;
        // Plaid does not say since when it knows an account: since its first booking, at least.
        let from = bookings.iter().map(|booking| booking.day).min().unwrap_or(to).min(to);
        let closing =
            account.balances.current.map(|written| micros(currency, &written)).transpose()?;
        statements.push(pulled(
            account_hash(tenant, &number),
            currency,
            (from, to),
            closing,
            bookings,
        ));
    }
    Ok(statements)
}

#[tonic::async_trait]
impl BankData for Plaid {
    async fn open_page(&self, tenant: &TenantId, customer: Uuid) -> Result<HostedPage, Unknown> {
        let body = json!({
            "client_name": tenant.as_str(), "language": "en", "country_codes": ["US"], "products": ["transactions"],
            "user": { "client_user_id": customer }, "transactions": { "days_requested": HISTORY_DAYS },
            "hosted_link": { "url_lifetime_seconds": PAGE_HOURS.saturating_mul(3_600) },
        });
        let made: LinkToken = self.must("/link/token/create", &body).await?;
        Ok(HostedPage { id: made.link_token, url: made.hosted_link_url })
    }

    async fn page(&self, _: &TenantId, id: &str) -> Result<PageState, Unknown> {
        let sessions: Sessions =
            match self.call("/link/token/get", &json!({ "link_token": id })).await? {
                Ok(sessions) => sessions,
                Err(code) if code == "INVALID_LINK_TOKEN" => return Ok(PageState::Gone),
                Err(code) => return Err(Unknown(code)),
            };
        let added = sessions
            .link_sessions
            .into_iter()
            .filter_map(|session| session.results)
            .flat_map(|results| results.item_add_results)
            .last();
        let Some(added) = added else { return Ok(PageState::Pending) };
        match self
            .call::<Exchanged>(
                "/item/public_token/exchange",
                &json!({ "public_token": added.public_token }),
            )
            .await?
        {
            Ok(exchanged) => {
                let institution =
                    added.institution.and_then(|institution| institution.name).unwrap_or_default();
                Ok(PageState::Opened(Opened { token: exchanged.access_token, institution }))
            }
            // It is exchanged once, within half an hour.
            Err(code) if code == "INVALID_PUBLIC_TOKEN" => Ok(PageState::Gone),
            Err(code) => Err(Unknown(code)),
        }
    }

    async fn read(
        &self,
        tenant: &TenantId,
        token: &str,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Read, Unknown> {
        let mut all: Vec<BookingMessage> = Vec::new();
        loop {
            let options = json!({ "count": PAGE, "offset": all.len() });
            let body = json!({ "access_token": token, "start_date": from, "end_date": to, "options": options });
            let page: HistoryMessage = match self.call("/transactions/get", &body).await? {
                Ok(page) => page,
                Err(code) if code == "PRODUCT_NOT_READY" => return Ok(Read::NotReady),
                Err(code) if BROKEN.contains(&code.as_str()) => return Ok(Read::Broken),
                Err(code) => return Err(Unknown(code)),
            };
            if page.total_transactions > MOST {
                return Err(Unknown(format!(
                    "{} transactions are more than are read",
                    page.total_transactions
                )));
            }
            let last = page.transactions.is_empty();
            all.extend(page.transactions);
            if last || all.len() >= page.total_transactions {
                let institution = page.item.institution_id.unwrap_or_default();
                return statements(tenant, page.accounts, &institution, &all, to)
                    .map(Read::Statements);
            }
        }
    }

    async fn forget(&self, _: &TenantId, token: &str) -> Result<(), Unknown> {
        match self.call::<Value>("/item/remove", &json!({ "access_token": token })).await? {
            Ok(_) => Ok(()),
            Err(code) if BROKEN.contains(&code.as_str()) => Ok(()),
            Err(code) => Err(Unknown(code)),
        }
    }
}

#[cfg(test)]
#[path = "plaid_tests.rs"]
mod tests;
