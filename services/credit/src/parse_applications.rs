//! Requests about applications → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::{
    parse::{CustomerRef, MOST_REASONS, PROGRAMME},
    statements::{self, CsvMapping, DateOrder},
};
use payterms_chassis::{AppError, Call, Fields, access::Grant, fields::Digits, names::Name, page::Page};
use payterms_credit_domain::{Application, ApplicationState, BankLink, Customer, Programme};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

/// The collections of an application's name.
const APPLICATION: &[&str] = &["customers", "creditApplications"];
/// The collections of a link's name.
const LINK: &[&str] = &["customers", "creditApplications", "bankLinks"];
/// Bytes of one file.
const MOST_BYTES: usize = 2 * 1_024 * 1_024;

/// Names an application.
#[derive(Debug, Clone)]
pub struct ApplicationRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The application.
    pub application: Id<Application>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

fn application_ref(fields: &Fields, name: &Name) -> ApplicationRef {
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    ApplicationRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), application: Id::from_uuid(name.id(1)), as_customer }
}

/// Starts an application under a programme.
pub fn start(request: Request<pb::StartApplicationRequest>) -> Result<(Call, CustomerRef, Id<Programme>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let programme = fields.shared_name("programme", &message.programme, PROGRAMME);
    let customer = CustomerRef { tenant: parent.tenant.clone(), customer: Id::from_uuid(parent.id(0)) };
    Ok((fields.write(&message.request_id, parent.tenant)?, customer, Id::from_uuid(programme.id(0))))
}

/// Links an account.
pub fn link(request: Request<pb::LinkBankAccountRequest>) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, (&message.request_id, &message.name))
}

/// Asks whether the applicant is through with the page of a link.
pub fn confirm(request: Request<pb::ConfirmBankLinkRequest>) -> Result<(Call, ApplicationRef, Id<BankLink>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINK);
    let named = application_ref(&fields, &name);
    let link = Id::from_uuid(name.id(2));
    Ok((fields.write(&message.request_id, name.tenant)?, named, link))
}

/// A file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What it is called.
    pub title: String,
    /// The original.
    pub content: Vec<u8>,
    /// How it is read; none: CAMT.053.
    pub mapping: Option<CsvMapping>,
}

fn mapping(fields: &mut Fields, tenant: &TenantId, told: &pb::CsvMapping) -> CsvMapping {
    use pb::csv_mapping::DateOrder as Told;
    let mut column = |field: &str, text: &str, least: usize| fields.text(&format!("csv.{field}"), text, least, 60);
    let date = column("date_column", &told.date_column, 1);
    let amount = column("amount_column", &told.amount_column, 0);
    let sides = (column("credit_column", &told.credit_column, 0), column("debit_column", &told.debit_column, 0));
    let balance = column("balance_column", &told.balance_column, 0);
    let party = column("party_column", &told.party_column, 0);
    let reference = column("reference_column", &told.reference_column, 0);
    if amount.is_empty() == (sides.0.is_empty() || sides.1.is_empty()) {
        fields.wrong("csv.amount_column", "FIELD_REQUIRED", "Name the amount's column, or those of credit and debit.");
    }
    let order = match fields.choice::<Told>("csv.date_order", told.date_order) {
        Some(Told::DayMonthYear) => DateOrder::DayMonthYear,
        Some(Told::MonthDayYear) => DateOrder::MonthDayYear,
        _ => DateOrder::YearMonthDay,
    };
    let separator = match told.separator.as_str() {
        "" | "," => b',',
        ";" => b';',
        "\t" => b'\t',
        _ => {
            fields.wrong("csv.separator", "FIELD_INVALID_CHARS", "Use a comma, a semicolon or a tab.");
            b','
        }
    };
    // Account numbers may look like card numbers: only a hash of it is kept.
    let length = told.account.trim().chars().count();
    if !(1..=60).contains(&length) {
        fields.wrong("csv.account", "FIELD_REQUIRED", "Write 1 to 60 characters that tell the account from others.");
    }
    let from = fields.optional_date("csv.from_date", told.from_date.as_ref());
    let to = fields.optional_date("csv.to_date", told.to_date.as_ref());
    CsvMapping {
        date: (date, order),
        amount,
        sides,
        balance,
        party,
        reference,
        separator,
        decimal_comma: told.decimal_comma,
        account: statements::hashed(tenant, &told.account),
        currency: fields.currency("csv.currency_code", &told.currency_code).code().to_owned(),
        covers: (from, to),
    }
}

/// Uploads a file.
pub fn upload(request: Request<pb::UploadBankStatementRequest>) -> Result<(Call, ApplicationRef, Upload), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPLICATION);
    let title = fields.text("title", &message.title, 1, 200);
    if message.content.is_empty() {
        fields.wrong("content", "FIELD_REQUIRED", "Send the file.");
    }
    if message.content.len() > MOST_BYTES {
        fields.wrong("content", "FIELD_TOO_LONG", "Send at most 2 MiB.");
    }
    let mapping = message.csv.as_ref().map(|csv| mapping(&mut fields, &name.tenant, csv));
    let named = application_ref(&fields, &name);
    Ok((fields.write(&message.request_id, name.tenant)?, named, Upload { title, content: message.content.to_vec(), mapping }))
}

fn named(mut fields: Fields, (request_id, name): (&str, &str)) -> Result<(Call, ApplicationRef), AppError> {
    let name = fields.name("name", name, APPLICATION);
    let named = application_ref(&fields, &name);
    Ok((fields.write(request_id, name.tenant)?, named))
}

/// Asks for the decision.
pub fn submit(request: Request<pb::SubmitApplicationRequest>) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, (&message.request_id, &message.name))
}

/// Takes an application back.
pub fn withdraw(request: Request<pb::WithdrawApplicationRequest>) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, (&message.request_id, &message.name))
}

/// Takes an application on.
pub fn claim(request: Request<pb::ClaimApplicationRequest>) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, (&message.request_id, &message.name))
}

/// Gives an application back to the queue.
pub fn release(request: Request<pb::ReleaseApplicationRequest>) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, (&message.request_id, &message.name))
}

/// Asks the applicant for more.
pub fn ask(request: Request<pb::RequestInformationRequest>) -> Result<(Call, ApplicationRef, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let (call, named) = named(fields, (&message.request_id, &message.name))?;
    Ok((call, named, explanation))
}

/// What a person says.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The limit of an approval; none: declined.
    pub limit: Option<Money>,
    /// Principal reasons of a refusal.
    pub reasons: Vec<String>,
    /// Why.
    pub explanation: String,
}

/// Decides.
pub fn decide(request: Request<pb::DecideApplicationRequest>) -> Result<(Call, ApplicationRef, Verdict), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let approves = match fields.choice::<pb::Outcome>("outcome", message.outcome) {
        Some(pb::Outcome::Refer) => {
            fields.wrong("outcome", "ENUM_INVALID", "A person approves or declines.");
            false
        }
        told => told == Some(pb::Outcome::Approve),
    };
    let limit = approves.then(|| fields.money("limit", message.limit.as_ref(), Digits::MinorUnit));
    if !approves && message.limit.is_some() {
        fields.wrong("limit", "FIELD_OUT_OF_RANGE", "Leave it out: a refusal has no limit.");
    }
    if approves && !message.reasons.is_empty() {
        fields.wrong("reasons", "TOO_MANY_ITEMS", "Leave them out: an approval has none.");
    }
    if !approves && message.reasons.is_empty() {
        fields.wrong("reasons", "FIELD_REQUIRED", "Name 1 to 4 reasons, in order.");
    }
    if message.reasons.len() > MOST_REASONS {
        fields.wrong("reasons", "TOO_MANY_ITEMS", "Name at most 4 reasons.");
    }
    let told = message.reasons.iter().take(MOST_REASONS).enumerate();
    let reasons = told.map(|(place, reason)| fields.text(&format!("reasons[{place}]"), reason, 1, 200)).collect();
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let (call, named) = named(fields, (&message.request_id, &message.name))?;
    Ok((call, named, Verdict { limit, reasons, explanation }))
}

fn read(mut fields: Fields, name: &str) -> Result<ApplicationRef, AppError> {
    let name = fields.name("name", name, APPLICATION);
    let named = application_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Names an application to read.
pub fn get(request: Request<pb::GetApplicationRequest>) -> Result<ApplicationRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    read(fields, &message.name)
}

/// Names an application whose decision is made again.
pub fn replay(request: Request<pb::ReplayDecisionRequest>) -> Result<ApplicationRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    read(fields, &message.name)
}

/// Which applications are listed.
#[derive(Debug, Clone)]
pub struct ListApplications {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<ApplicationState>,
    /// Which page.
    pub page: Page,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// Asks for applications.
pub fn list(request: Request<pb::ListApplicationsRequest>) -> Result<ListApplications, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent = fields.name("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > ApplicationState::ALL.len() {
        fields.wrong("states", "TOO_MANY_ITEMS", "Name each state once.");
    }
    for (place, number) in message.states.iter().take(ApplicationState::ALL.len()).enumerate() {
        let told = fields.choice::<pb::credit_application::State>(&format!("states[{place}]"), *number);
        states.extend(told.and_then(|told| ApplicationState::ALL.into_iter().find(|own| crate::render_applications::state(*own) == told)));
    }
    let page = Page::parse(&mut fields, &format!("{} {:?}", message.parent, message.states), message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = (!of_tenant).then(|| Id::from_uuid(parent.id(0)));
    Ok(ListApplications { tenant: parent.tenant, customer, states, page, as_customer })
}
