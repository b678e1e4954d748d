//! Applications.

use super::{
    bank_files::{bank_file, bank_summary, content},
    bank_links::bank_link,
    decisions::{decision, principal_reason},
    lines::principal_reasons,
    names::{
        APPLICATION, PROGRAMME, application_name, customer_name, customer_ref, programme_name,
    },
};
use crate::commands::{
    applications::{
        ApplicationRef, BankFileRef, DecideApplication, DescribeFile, ListApplications,
        RequestInformation, StartApplication, UploadStatement,
    },
    bank_files::BankFile,
};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    etag,
    fields::Digits,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    names::Name,
    render::{money, timestamp},
};
use payterms_credit_domain::{Advice, Application, ApplicationState, BankLink};
use payterms_kernel::{Id, Money, Reason, TenantId};
use payterms_proto::{credit::v1 as pb, google::r#type as google};
use tonic::Request;
use uuid::Uuid;

pub(super) fn application_ref(fields: &Fields, name: &Name) -> ApplicationRef {
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    ApplicationRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        application: Id::from_uuid(name.id(1)),
        as_customer,
    }
}

/// Starts an application under a programme.
pub fn start_application(
    request: Request<pb::StartApplicationRequest>,
) -> Result<(Call, StartApplication), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let programme = fields.shared_name("programme", &message.programme, PROGRAMME);
    let marks = fields.marks("", &message.external_id, &message.labels);
    let command = StartApplication {
        customer: customer_ref(&parent),
        programme: Id::from_uuid(programme.id(0)),
        marks,
    };
    Ok((fields.write(&message.request_id, parent.tenant)?, command))
}

/// Uploads a file.
pub fn upload_bank_statement(
    request: Request<pb::UploadBankStatementRequest>,
) -> Result<(Call, UploadStatement), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPLICATION);
    let title = fields.text("title", &message.title, 1, 200);
    let (content, reading) =
        content(&mut fields, &name.tenant, &message.content, message.csv.as_ref(), message.preset);
    let application = application_ref(&fields, &name);
    let command = UploadStatement { application, title, content, reading };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Asks what would be read of a file.
pub fn describe_bank_file(
    request: Request<pb::DescribeBankFileRequest>,
) -> Result<DescribeFile, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPLICATION);
    let (content, reading) =
        content(&mut fields, &name.tenant, &message.content, message.csv.as_ref(), message.preset);
    let application = application_ref(&fields, &name);
    fields.finish()?;
    Ok(DescribeFile { application, content, reading })
}

/// Names a file to download. A download has no request id of its caller's: each is recorded by
/// itself.
pub fn download_bank_file(
    request: Request<pb::DownloadBankFileRequest>,
) -> Result<(Call, BankFileRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, APPLICATION);
    let sha256 = fields.token("sha256", &message.sha256, 64, 64);
    let application = application_ref(&fields, &name);
    let call = fields.write(&Uuid::from_u128(rand::random()).to_string(), name.tenant)?;
    Ok((call, BankFileRef { application, sha256 }))
}

pub(super) fn application(
    mut fields: Fields,
    request_id: &str,
    name: &str,
) -> Result<(Call, ApplicationRef), AppError> {
    let name = fields.name("name", name, APPLICATION);
    let application = application_ref(&fields, &name);
    Ok((fields.write(request_id, name.tenant)?, application))
}

/// Asks for the decision.
pub fn submit_application(
    request: Request<pb::SubmitApplicationRequest>,
) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    application(fields, &message.request_id, &message.name)
}

/// Takes an application back.
pub fn withdraw_application(
    request: Request<pb::WithdrawApplicationRequest>,
) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    application(fields, &message.request_id, &message.name)
}

/// Takes an application on.
pub fn claim_application(
    request: Request<pb::ClaimApplicationRequest>,
) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    application(fields, &message.request_id, &message.name)
}

/// Gives an application back to the queue.
pub fn release_application(
    request: Request<pb::ReleaseApplicationRequest>,
) -> Result<(Call, ApplicationRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    application(fields, &message.request_id, &message.name)
}

/// Asks the applicant for more.
pub fn request_information(
    request: Request<pb::RequestInformationRequest>,
) -> Result<(Call, RequestInformation), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let (call, application) = application(fields, &message.request_id, &message.name)?;
    Ok((call, RequestInformation { application, explanation }))
}

/// What a person answers: a limit of an approval, or the reasons of a refusal.
pub(super) fn answer(
    fields: &mut Fields,
    outcome: i32,
    limit: Option<&google::Money>,
    reasons: &[String],
) -> (Option<Money>, Vec<String>) {
    let approves = match fields.choice::<pb::Outcome>("outcome", outcome) {
        Some(pb::Outcome::Refer) => {
            fields.wrong("outcome", Reason::ENUM_INVALID, "A person approves or declines.");
            false
        }
        outcome => outcome == Some(pb::Outcome::Approve),
    };
    let granted = approves.then(|| fields.money("limit", limit, Digits::MinorUnit));
    if !approves && limit.is_some() {
        fields.wrong("limit", Reason::FIELD_OUT_OF_RANGE, "Leave it out: a refusal has no limit.");
    }
    if approves && !reasons.is_empty() {
        fields.wrong("reasons", Reason::TOO_MANY_ITEMS, "Leave them out: an approval has none.");
    }
    if !approves && reasons.is_empty() {
        fields.wrong("reasons", Reason::FIELD_REQUIRED, "Name 1 to 4 reasons, in order.");
    }
    (granted, principal_reasons(fields, reasons))
}

/// Decides.
pub fn decide_application(
    request: Request<pb::DecideApplicationRequest>,
) -> Result<(Call, DecideApplication), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let (limit, reasons) =
        answer(&mut fields, message.outcome, message.limit.as_ref(), &message.reasons);
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let (call, application) = application(fields, &message.request_id, &message.name)?;
    Ok((call, DecideApplication { application, limit, reasons, explanation }))
}

fn readable_application(mut fields: Fields, name: &str) -> Result<ApplicationRef, AppError> {
    let name = fields.name("name", name, APPLICATION);
    let application = application_ref(&fields, &name);
    fields.finish()?;
    Ok(application)
}

/// Names an application to read.
pub fn get_application(
    request: Request<pb::GetApplicationRequest>,
) -> Result<ApplicationRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    readable_application(fields, &message.name)
}

/// Names an application whose decision is made again.
pub fn replay_decision(
    request: Request<pb::ReplayDecisionRequest>,
) -> Result<ApplicationRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    readable_application(fields, &message.name)
}

const APPLICATIONS: ListSpec = ListSpec {
    filters: &[
        Field::EXTERNAL_ID,
        Field::LABELS,
        Field {
            name: "state",
            kind: Kind::Choice(&[
                "STARTED",
                "AWAITING_BANK_DATA",
                "SUBMITTED",
                "IN_REVIEW",
                "MORE_INFORMATION",
                "APPROVED",
                "DECLINED",
                "WITHDRAWN",
                "EXPIRED",
            ]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "programme", kind: Kind::Name(PROGRAMME) },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

/// Asks for applications.
pub fn list_applications(
    request: Request<pb::ListApplicationsRequest>,
) -> Result<(ListApplications, Listing), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent =
        fields.parent("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > ApplicationState::ALL.len() {
        fields.wrong("states", Reason::TOO_MANY_ITEMS, "Name each state once.");
    }
    for (index, number) in message.states.iter().take(ApplicationState::ALL.len()).enumerate() {
        let state =
            fields.choice::<pb::credit_application::State>(&format!("states[{index}]"), *number);
        states.extend(state.and_then(|state| {
            ApplicationState::ALL.into_iter().find(|each| application_state(*each) == state)
        }));
    }
    let request = ListRequest {
        parent: &format!("{} {:?}", message.parent, message.states),
        page_size: message.page_size,
        page_token: &message.page_token,
        filter: &message.filter,
        order_by: &message.order_by,
    };
    let listing = Listing::parse(&mut fields, &APPLICATIONS, request);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    Ok((ListApplications { tenant: parent.tenant, customer, states, as_customer }, listing))
}

/// An application's state.
#[must_use]
pub fn application_state(state: ApplicationState) -> pb::credit_application::State {
    use pb::credit_application::State;
    match state {
        ApplicationState::Started => State::Started,
        ApplicationState::AwaitingBankData => State::AwaitingBankData,
        ApplicationState::Submitted => State::Submitted,
        ApplicationState::InReview => State::InReview,
        ApplicationState::MoreInformation => State::MoreInformation,
        ApplicationState::Approved => State::Approved,
        ApplicationState::Declined => State::Declined,
        ApplicationState::Withdrawn => State::Withdrawn,
        ApplicationState::Expired => State::Expired,
    }
}

/// What is shown with an application.
#[derive(Debug, Default)]
pub struct ApplicationParts {
    /// Its files.
    pub files: Vec<BankFile>,
    /// The policy's answer.
    pub advice: Option<Advice>,
    /// Its links to banks.
    pub links: Vec<BankLink>,
}

/// An application. Customers see the policy's answer once it is decided, without what would have
/// passed, and not who has claimed it.
#[must_use]
pub fn credit_application(
    tenant: &TenantId,
    application: &Application,
    parts: &ApplicationParts,
    as_customer: bool,
) -> pb::CreditApplication {
    let customer = customer_name(tenant, application.customer);
    let decided =
        matches!(application.state, ApplicationState::Approved | ApplicationState::Declined);
    let advice = parts.advice.as_ref().filter(|_| !as_customer || decided).map(|advice| {
        let mut shown = decision(tenant, advice);
        if as_customer {
            shown.would_pass.clear();
            shown.points_lacking = 0;
            shown.set_apart.clear();
        }
        shown
    });
    let name = application_name(tenant, application.customer, application.id);
    pb::CreditApplication {
        links: parts.links.iter().map(|link| bank_link(&name, link, as_customer)).collect(),
        name,
        programme: programme_name(tenant, application.programme),
        state: application_state(application.state).into(),
        files: parts.files.iter().map(bank_file).collect(),
        bank_data: parts.advice.as_ref().map(|advice| bank_summary(&advice.coverage)),
        advice,
        limit: application.limit.map(money),
        reasons: application.reasons.iter().map(principal_reason).collect(),
        explanation: application.explanation.clone(),
        reviewer: if as_customer { String::new() } else { application.reviewer.clone() },
        credit_line: application
            .line
            .map(|line| format!("{customer}/creditLines/{line}"))
            .unwrap_or_default(),
        reapply_time: application.reapply_at.map(timestamp),
        expire_time: application.expires_at.map(timestamp),
        create_time: Some(timestamp(application.created_at)),
        update_time: Some(timestamp(application.updated_at)),
        etag: etag::etag(application.version),
        external_id: application.marks.external_id.clone().unwrap_or_default(),
        labels: application.marks.labels.clone(),
    }
}
