//! The stage: people with tokens, a clock that jumps, and the voice that tells each step.

use crate::{
    Session, Suite,
    client::{amount, request_id},
    credentials::CallLog,
    shop::{self, HostedPages},
};
use chrono::{DateTime, Utc};
use payterms_chassis::call::Caller;
use payterms_kernel::Money;
use payterms_proto::{
    google::r#type::{Date, Decimal, Money as MoneyMessage},
    invoicing::v1::{
        Address, AdvanceTestClockRequest, CreateCustomerRequest, CreateTenantRequest, Customer,
        ImportCustomersRequest, StartTestClockRequest, TaxRule, Tenant,
    },
    wallet::v1::{
        Balance, CreateTopUpRequest, GetBalanceRequest, ListWalletsRequest, OpenWalletRequest,
        TopUp, payment_method::Kind,
    },
};
use prost_types::Timestamp;
use tonic::Status;

/// The tenant: a telecom in Sydney.
pub const TENANT: &str = "southern-cross";

/// What stands on invoices to customers abroad.
const EXPORT: &str = "Export of services: no Australian GST.";

/// Columns of a terminal.
const COLUMNS: usize = 80;

/// What a story needs.
#[derive(Debug)]
pub struct Stage {
    /// The suite.
    pub suite: Suite,
    /// What time it is in the story.
    pub now: DateTime<Utc>,
    /// The customer's name.
    pub customer: String,
    /// The customer's wallet in USD.
    pub wallet: String,
    /// Other customers who pay by card in USD.
    pub others: Vec<String>,
    /// Where cards are saved.
    pub pages: Box<dyn HostedPages>,
    /// What its people have called since the last step was printed.
    calls: CallLog,
}

/// A refused call as a sentence.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
pub fn sentence_of(status: Status) -> String {
    status.message().to_owned()
}

/// Fails the demo where something does not hold.
///
/// # Errors
/// The sentence, if it does not hold.
pub fn must_hold(holds: bool, sentence: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {sentence}")) }
}

/// An amount as a person reads it.
#[must_use]
pub fn shown(money: Option<&MoneyMessage>) -> String {
    money.and_then(exact).map_or_else(|| "-".to_owned(), |money| money.to_string())
}

/// A day as a person reads it, `2027-07-31`.
#[must_use]
pub fn shown_day(day: Option<Date>) -> String {
    let Date { year, month, day } = day.unwrap_or_default();
    format!("{year:04}-{month:02}-{day:02}")
}

/// A text in lines that fit a terminal, each behind so many blanks.
fn wrapped(text: &str, indent: usize) -> Vec<String> {
    let blanks = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= COLUMNS => {
                line.extend([" ", word]);
            }
            _ => lines.push(format!("{blanks}{word}")),
        }
    }
    lines
}

/// An amount of the contract as exact money.
#[must_use]
pub fn exact(money: &MoneyMessage) -> Option<Money> {
    payterms_chassis::render::money_of(money)
}

impl Stage {
    /// A stage on a running suite, on 1 June 2026 in Sydney.
    #[must_use]
    pub fn new(suite: Suite) -> Self {
        let now = DateTime::from_timestamp(1_780_236_000, 0).unwrap_or_default();
        let (customer, wallet, others, calls) =
            (String::new(), String::new(), Vec::new(), CallLog::default());
        let pages = Box::new(suite.gateway);
        Self { suite, now, customer, wallet, others, pages, calls }
    }

    /// Someone in one role.
    ///
    /// # Errors
    /// A sentence if the token cannot be signed.
    pub fn someone(&self, role: &str) -> Result<Session, String> {
        self.someone_of(role, &self.customer)
    }

    /// Someone in one role, of another customer where it is a customer's.
    ///
    /// # Errors
    /// A sentence if the token cannot be signed.
    pub fn someone_of(&self, role: &str, customer: &str) -> Result<Session, String> {
        let of_customer = matches!(role, "CUSTOMER_ADMIN" | "BILLING_MANAGER" | "MEMBER");
        let customer = of_customer
            .then(|| customer.rsplit('/').next().and_then(|id| id.parse().ok()))
            .flatten();
        let tenant = (role != "OPERATOR").then(|| TENANT.parse().ok()).flatten();
        let caller = Caller {
            subject: format!("demo:{}", role.to_lowercase()),
            roles: vec![role.to_owned()],
            tenant,
            customer,
            run_id: None,
        };
        Ok(Session::new(self.suite.gateway, &self.suite.token(&caller, 3_600)?)?
            .noted_in(&self.calls))
    }

    /// Prints what a part of the story is about.
    pub fn print_title(&self, title: &str) {
        println!();
        for line in wrapped(title, 0) {
            println!("{line}");
        }
    }

    /// Prints one step: when, who, by which methods, what.
    pub fn print_step(&self, who: &str, what: &str) {
        let local = self.now.with_timezone(&chrono_tz::Australia::Sydney);
        println!("\n{}  {who}", local.format("%Y-%m-%d %H:%M"));
        for line in wrapped(what, 2).iter().chain(&wrapped(&self.calls.take_methods(), 4)) {
            println!("{line}");
        }
    }

    /// Registers the seller in Australia and the customer in the United Kingdom.
    ///
    /// # Errors
    /// A sentence that says which call failed.
    pub async fn open(&mut self) -> Result<(), String> {
        self.print_title("The people: Southern Cross Telecom sells from Sydney; Brightside Ltd buys in London. Times are Sydney's.");
        let rule = |country: &str, percent: &str, sentence: &str| TaxRule {
            country: country.to_owned(),
            rate_percent: Some(Decimal { value: percent.to_owned() }),
            sentence: sentence.to_owned(),
            ..TaxRule::default()
        };
        let tenant = Tenant {
            display_name: "Southern Cross Telecom".to_owned(),
            country: "AU".to_owned(),
            time_zone: "Australia/Sydney".to_owned(),
            sandbox: true,
            tax_rules: vec![
                rule("AU", "10", "Includes GST of 10 %."),
                rule("GB", "0", EXPORT),
                rule("US", "0", EXPORT),
            ],
            ..Tenant::default()
        };
        let create = CreateTenantRequest {
            request_id: request_id(),
            tenant_id: TENANT.to_owned(),
            tenant: Some(tenant),
            ..Default::default()
        };
        self.someone("OPERATOR")?.tenants().create_tenant(create).await.map_err(sentence_of)?;
        let owner = self.someone("OWNER")?;
        let start = StartTestClockRequest {
            request_id: request_id(),
            parent: format!("tenants/{TENANT}"),
            now: Some(Timestamp { seconds: self.now.timestamp(), nanos: 0 }),
            seed: "demo".to_owned(),
        };
        owner.clock().start_test_clock(start).await.map_err(sentence_of)?;
        let address = Address {
            lines: vec!["12 Finsbury Square".to_owned()],
            city: "London".to_owned(),
            country: "GB".to_owned(),
            ..Address::default()
        };
        let customer = Customer {
            legal_name: "Brightside Ltd".to_owned(),
            billing_address: Some(address),
            billing_email: "accounts@brightside.example".to_owned(),
            country: "GB".to_owned(),
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
        self.customer =
            made.into_inner().customer.map(|customer| customer.name).unwrap_or_default();
        informed
            .wallets()
            .list_wallets(ListWalletsRequest {
                parent: self.customer.clone(),
                ..Default::default()
            })
            .await
            .map_err(sentence_of)?;
        let open = OpenWalletRequest {
            request_id: request_id(),
            parent: self.customer.clone(),
            currency_code: "USD".to_owned(),
            ..Default::default()
        };
        let opened = self
            .someone("SERVICE")?
            .wallets()
            .open_wallet(open)
            .await
            .map_err(sentence_of)?
            .into_inner();
        self.wallet = opened.wallet.map(|wallet| wallet.name).unwrap_or_default();
        Ok(())
    }

    /// The owner brings the other customers in from a file; a wrong row is reported.
    ///
    /// # Errors
    /// A sentence that says what does not hold.
    pub async fn import(&self, csv: &'static str) -> Result<(), String> {
        let request = ImportCustomersRequest {
            request_id: request_id(),
            parent: format!("tenants/{TENANT}"),
            csv: csv.as_bytes().into(),
            ..Default::default()
        };
        let answer = self
            .someone("OWNER")?
            .customers()
            .import_customers(request)
            .await
            .map_err(sentence_of)?
            .into_inner();
        must_hold(
            (answer.added_count, answer.refused_count) == (9, 1),
            "nine rows are right and one is not",
        )?;
        let wrong: Vec<_> = answer.rows.iter().filter(|row| row.customer.is_empty()).collect();
        let wrong = wrong
            .iter()
            .map(|row| format!("line {}: {}", row.line, row.violations.join(" ")))
            .collect::<Vec<_>>()
            .join("; ");
        self.print_step(
            "Owner",
            &format!(
                "imports customers.csv: {} added, {} refused ({wrong})",
                answer.added_count, answer.refused_count
            ),
        );
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// A sentence if the clock does not become ready.
    pub async fn advance(&mut self, to: DateTime<Utc>) -> Result<(), String> {
        use payterms_proto::invoicing::v1::{GetTestClockRequest, test_clock::State};
        let owner = self.someone("OWNER")?;
        let name = format!("tenants/{TENANT}/testClock");
        let target_time = Some(Timestamp { seconds: to.timestamp(), nanos: 0 });
        let advance =
            AdvanceTestClockRequest { request_id: request_id(), name: name.clone(), target_time };
        let mut clock = owner
            .clock()
            .advance_test_clock(advance)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .test_clock
            .unwrap_or_default();
        while clock.state() == State::Advancing {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            let read = owner
                .clock()
                .get_test_clock(GetTestClockRequest { name: name.clone() })
                .await
                .map_err(sentence_of)?;
            clock = read.into_inner().test_clock.unwrap_or_default();
        }
        self.now = to;
        must_hold(
            clock.state() == State::Ready,
            &format!("the clock gets to {to}; it is stuck on {:?}", clock.stuck_rows),
        )
    }

    /// The customer's balance now.
    ///
    /// # Errors
    /// A sentence if it cannot be read.
    pub async fn balance(&self) -> Result<Balance, String> {
        let read = GetBalanceRequest { name: self.wallet.clone(), as_of: None };
        let balance = self
            .someone("STAFF")?
            .wallets()
            .get_balance(read)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .balance;
        balance.ok_or_else(|| "no balance came back".to_owned())
    }

    /// The customer's admin saves a test card.
    ///
    /// # Errors
    /// A sentence that says why the card is not taken.
    pub async fn save_card(&self, token: &str) -> Result<String, String> {
        self.save_card_of(&self.someone("CUSTOMER_ADMIN")?, &self.customer, token).await
    }

    /// The admin of a customer saves a test card.
    ///
    /// # Errors
    /// A sentence that says why the card is not taken.
    pub async fn save_card_of(
        &self,
        admin: &Session,
        customer: &str,
        token: &str,
    ) -> Result<String, String> {
        shop::save(admin, self.pages.as_ref(), customer, Kind::Card, token)
            .await
            .map_err(sentence_of)?
    }

    /// The customer's admin buys credit in USD.
    ///
    /// # Errors
    /// The refusal's sentence.
    pub async fn buy(&self, units: i64, cents: i32) -> Result<TopUp, String> {
        let request = CreateTopUpRequest {
            request_id: request_id(),
            wallet: self.wallet.clone(),
            amount: amount("USD", units, cents),
            payment_method: String::new(),
            ..Default::default()
        };
        let bought = self
            .someone("CUSTOMER_ADMIN")?
            .top_ups()
            .create_top_up(request)
            .await
            .map_err(sentence_of)?
            .into_inner();
        bought.top_up.ok_or_else(|| "no top-up came back".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, wrapped};

    #[test]
    fn lines_fit_a_terminal() {
        let text = "pays the rest ".repeat(30);
        let lines = wrapped(&text, 4);
        assert!(
            lines.len() > 4
                && lines.iter().all(|line| line.len() <= COLUMNS
                    && line.starts_with("    pays") | line.starts_with("    "))
        );
        assert_eq!(lines.iter().flat_map(|line| line.split_whitespace()).count(), 90);
        let word = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {word} b"), 0), ["a", &word, "b"]);
    }
}
